"""What is read of owners, customers, projects, contacts and addresses."""

from __future__ import annotations

from connectors.netsuite.suiteql import Column, KeyPart, Query
from connectors.netsuite.tables import GROUP, Account, Source, own, stream

_DELETED_CUSTOMER = ("customer", "lead", "prospect")


def sources(account: Account) -> list[Source]:
    """Every stream of them that can be read, parents first."""
    return [
        *([_employees(account)] if account.has("employee") else []),
        _customers(account),
        *([_projects(account)] if account.has("job") else []),
        *([_addresses()] if account.has("entityaddress") and account.has("customeraddressbook") else []),
        *([_contacts(account)] if account.has("contact") else []),
        *([_card_contacts(account)] if account.settings.email_fields else []),
    ]


def _employees(account: Account) -> Source:
    columns = (
        *own("e", "id entityid firstname lastname email title isinactive"),
        Column("modified", "e.lastmodifieddate", "stamp"),
    )
    return Source(
        stream("employees", "debtors", "account_owner"),
        Query(columns, "employee e", (KeyPart("id", "e.id"),)),
        ("employee",),
        "e.lastmodifieddate >= {since}",
        gone=("employee",),
    )


def _customers(account: Account) -> Source:
    columns = (
        Column("id", "c.id"),
        *own(
            "c",
            "entityid altname companyname isperson firstname lastname email phone url parent salesrep terms creditlimit isinactive "
            "searchstage externalid language vatregnumber",
            *account.settings.customer_fields,
        ),
        Column("currency", account.symbol("x"), lost="the currency of a customer"),
        *_address(account),
        *(
            Column(f"{GROUP}{name}", sql, lost=f"who is in which {name}")
            for name, sql in account.groups.items()
        ),
        Column("modified", "c.lastmodifieddate", "stamp"),
    )
    joined = (
        ("currency x ON x.id = c.currency", True),
        ("entityaddress a ON a.nkey = c.defaultbillingaddress", account.has("entityaddress")),
        (
            "customersubsidiaryrelationship r ON r.entity = c.id AND r.isprimarysub = 'T'",
            "subsidiary" in account.groups,
        ),
    )
    tables = "".join(f" LEFT JOIN {table}" for table, is_there in joined if is_there)
    return Source(
        stream("customers", "debtors", "debtor"),
        Query(columns, f"customer c{tables}", (KeyPart("id", "c.id"),)),
        ("customer", "customersubsidiaryrelationship"),
        "c.lastmodifieddate >= {since}",
        "c.id = {debtor}",
        _DELETED_CUSTOMER,
        spread=("customer", "c.id"),
    )


def _address(account: Account) -> tuple[Column, ...]:
    names = ("addr1", "addr2", "city", "state", "zip", "country") if account.has("entityaddress") else ()
    return tuple(Column(name, f"a.{name}", lost="the billing address") for name in names)


def _projects(account: Account) -> Source:
    columns = (
        Column("id", "c.id"),
        *own("c", "entityid companyname parent email isinactive externalid"),
        Column("modified", "c.lastmodifieddate", "stamp"),
    )
    return Source(
        stream("projects", "debtors", "debtor"),
        Query(columns, "job c", (KeyPart("id", "c.id"),)),
        ("job",),
        "c.lastmodifieddate >= {since}",
        "c.id = {debtor}",
        ("job",),
    )


def _contacts(account: Account) -> Source:
    """People, a record for each customer they belong to; those of vendors belong to none."""
    columns = (
        *own("k", "id entityid firstname lastname title email phone mobilephone isinactive isprivate"),
        Column("company", "c.id"),
        Column("modified", "k.lastmodifieddate", "stamp"),
    )
    return Source(
        stream("contacts", "contacts", "contact"),
        Query(columns, "contact k LEFT JOIN customer c ON c.id = k.company", (KeyPart("id", "k.id"),)),
        ("contact", "companycontactrelationship", "customer"),
        "k.lastmodifieddate >= {since}",
        _of_debtor(account),
        ("contact",),
        children=True,
        counted=False,
        whole_on=("companycontactrelationship",),
    )


def _of_debtor(account: Account) -> str:
    also = "k.id IN (SELECT r.contact FROM companycontactrelationship r WHERE r.company = {debtor})"
    return (
        f"k.company = {{debtor}} OR {also}"
        if account.has("companycontactrelationship")
        else "k.company = {debtor}"
    )


def _card_contacts(account: Account) -> Source:
    columns = (
        Column("id", "c.id"),
        *(Column(name, f"c.{name}", lost=f"addresses in {name}") for name in account.settings.email_fields),
    )
    return Source(
        stream("card_contacts", "contacts", "contact"),
        Query(columns, "customer c", (KeyPart("id", "c.id"),)),
        ("customer",),
        "c.lastmodifieddate >= {since}",
        "c.id = {debtor}",
        _DELETED_CUSTOMER,
        spread=("customer", "c.id"),
        children=True,
        counted=False,
    )


def _addresses() -> Source:
    """All address books; a customer has several."""
    changed = "SELECT b.entity FROM customeraddressbook b JOIN entityaddress a ON a.nkey = b.addressbookaddress WHERE a.lastmodifieddate >= {since}"
    return Source(
        stream("addresses", "debtors", "address"),
        Query(
            (Column("id", "c.id"), Column("modified", "c.lastmodifieddate", "stamp")),
            "customer c",
            (KeyPart("id", "c.id"),),
        ),
        ("customer", "entityaddress"),
        f"c.lastmodifieddate >= {{since}} OR c.id IN ({changed})",
        "c.id = {debtor}",
        _DELETED_CUSTOMER,
        spread=("customer", "c.id"),
        children=True,
        counted=False,
    )
