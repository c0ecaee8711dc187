"""What is read for each stream: its query, by what the account has and the role sees.

Spellings of tables and columns: Oracle's SuiteQL and Records Catalog pages, and connectors in the field. What a role or an account
has not costs its own column or stream only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.netsuite.settings import Settings
from connectors.netsuite.suiteql import Column, KeyPart, Query, quoted
from sync_engine.records import Stream

Touched = str
"""A condition with `{since}` where the stamp of the clock goes: which rows may have changed since."""

DEBTS = ("CustInvc", "FinChrg", "CustRfnd")
DOCUMENTS = ("CustInvc", "FinChrg", "CustCred")
PAYMENTS = ("CustPymt", "CustDep", "CustRfnd")
RECEIVABLES = ("CustInvc", "FinChrg", "CustCred", "CustPymt", "CustDep", "DepAppl", "CustRfnd", "Journal")
LISTS = ("subsidiary", "department", "classification", "location", "customercategory", "currency", "term")
OPTIONAL = (
    "subsidiary",
    "customersubsidiaryrelationship",
    "department",
    "classification",
    "location",
    "customercategory",
    "term",
    "employee",
    "contact",
    "companycontactrelationship",
    "job",
    "entityaddress",
    "installment",
    "deletedrecord",
    "transactionaccountingline",
)
"""Tables of features that may be off, or that a role may not see: `Record 'subsidiary' was not found`."""
PERMISSION = {
    "subsidiary": "Lists > Subsidiaries, or OneWorld is off",
    "customersubsidiaryrelationship": "Lists > Subsidiaries, or OneWorld is off",
    "department": "Lists > Departments",
    "classification": "Lists > Classes",
    "location": "Lists > Locations",
    "customercategory": "Setup > Accounting Lists",
    "term": "Setup > Accounting Lists",
    "employee": "Lists > Employees",
    "contact": "Lists > Contacts",
    "companycontactrelationship": "Lists > Contacts",
    "job": "Lists > Jobs, or projects are off",
    "entityaddress": "Lists > Customers",
    "installment": "Transactions > Invoice, or instalments are off",
    "deletedrecord": "Lists > Deleted Records",
    "transactionaccountingline": "Lists > Accounts",
}
"""What a role needs for a table. [help.kolleno.com 7940098, NetSuite permissions]"""
_LINKED = (
    "t.id IN (SELECT k.previousdoc FROM nexttransactionlinelink k WHERE k.lastmodifieddate >= {since})"
    " OR t.id IN (SELECT k.nextdoc FROM nexttransactionlinelink k WHERE k.lastmodifieddate >= {since})"
)
TOUCHED_HEADER: Touched = (
    f"t.lastmodifieddate >= {{since}} OR {_LINKED} OR NVL(t.foreignamountunpaid, 0) <> 0"
    " OR NVL(t.foreignpaymentamountunused, 0) <> 0"
)
"""What settles a document leaves its stamp of change alone, but stamps the link; what un-settles it leaves no trace, but then something
is open of it."""
TOUCHED_LINE: Touched = (
    f"t.lastmodifieddate >= {{since}} OR {_LINKED} OR NVL(l.foreignamountunpaid, 0) <> 0"
    " OR NVL(l.foreignpaymentamountunused, 0) <> 0"
)
_OPEN_JOURNALS = (
    " OR t.id IN (SELECT o.transaction FROM transactionline o WHERE NVL(o.foreignamountunpaid, 0) <> 0)"
)
GROUP = "group_"
"""Begins the names of columns that say which group a customer is in."""
_DELETED_CUSTOMER = ("customer", "lead", "prospect")


@dataclass(frozen=True)
class Source:
    """One stream and how it is read.

    `pulse`: the arms of the pulse that move when it may have changed. `children`: records are keyed `<parent>|...`, several of each
    row. `debtor`: a condition with `{debtor}` for the rows of one debtor. `gone`: types of deleted records that mean its parents.
    """

    stream: Stream
    query: Query
    pulse: tuple[str, ...]
    touched: Touched = ""
    debtor: str = ""
    gone: tuple[str, ...] = ()
    children: bool = False
    counted: bool = True


@dataclass(frozen=True)
class Account:
    """What the account has: its settings, the tables that are not there, the subsidiary that is the company, its base currency's id."""

    settings: Settings
    lacking: frozenset[str] = frozenset()
    base: str = ""

    def has(self, table: str) -> bool:
        """Whether a table may be asked."""
        return table not in self.lacking

    def symbol(self, alias: str) -> str:
        """The ISO code of a currency: people type symbols as they like, `CAN` for the dollar of Canada."""
        cases = "".join(
            f" WHEN {quoted(typed)} THEN {quoted(code)}" for typed, code in self.settings.currencies.items()
        )
        return f"CASE {alias}.symbol{cases} ELSE {alias}.symbol END" if cases else f"{alias}.symbol"

    @property
    def groups(self) -> dict[str, str]:
        """Dimension -> field of the customer row."""
        found = {"category": "c.category"} if self.has("customercategory") else {}
        if self.has("subsidiary") and self.has("customersubsidiaryrelationship"):
            found["subsidiary"] = "r.subsidiary"
        return found | {group.field: f"c.{group.field}" for group in self.settings.customer_groups}

    def sources(self) -> dict[str, Source]:
        """Every stream that can be read, parents first."""
        found = [
            _lists("company", "debtors", "company"),
            _lists("dimensions", "dimensions", "dimension"),
            _lists("dimension_values", "dimensions", "dimension_value"),
            _lists("references", "debtors", "reference"),
            *([self._employees()] if self.has("employee") else []),
            self._customers(),
            *([self._projects()] if self.has("job") else []),
            *([self._contacts()] if self.has("contact") else []),
            *([self._card_contacts()] if self.settings.email_fields else []),
            self._documents(),
            self._journals("journal_debits", "documents", "document", ">"),
            self._payments(),
            self._journals("journal_credits", "payments", "payment", "<"),
            self._applications(),
        ]
        return {source.stream.entity: self._with_deletes(source) for source in found}

    def _with_deletes(self, source: Source) -> Source:
        """Where deletions are told nothing has to be read again for them."""
        tells = self.has("deletedrecord") and bool(source.gone)
        return replace(source, stream=replace(source.stream, reports_deletes=tells))

    def _employees(self) -> Source:
        columns = (
            *_plain(
                "e", "id", "entityid", "firstname", "lastname", "email", "title", "isinactive", optional=True
            ),
            Column("modified", "e.lastmodifieddate", "stamp"),
        )
        return Source(
            _stream("employees", "debtors", "account_owner"),
            Query(columns, "employee e", (KeyPart("id", "e.id"),)),
            ("employee",),
            "e.lastmodifieddate >= {since}",
            gone=("employee",),
        )

    def _customers(self) -> Source:
        columns = (
            Column("id", "c.id"),
            *_plain(
                "c",
                *(
                    "entityid",
                    "altname",
                    "companyname",
                    "isperson",
                    "firstname",
                    "lastname",
                    "email",
                    "phone",
                    "url",
                    "parent",
                ),
                *(
                    "salesrep",
                    "terms",
                    "creditlimit",
                    "isinactive",
                    "searchstage",
                    "externalid",
                    "language",
                    "vatregnumber",
                ),
                *self.settings.customer_fields,
                optional=True,
            ),
            Column("currency", self.symbol("x"), lost="the currency of a customer"),
            *self._address(),
            *(
                Column(f"{GROUP}{name}", sql, lost=f"who is in which {name}")
                for name, sql in self.groups.items()
            ),
            Column("modified", "c.lastmodifieddate", "stamp"),
        )
        joined = (
            ("currency x ON x.id = c.currency", True),
            ("entityaddress a ON a.nkey = c.defaultbillingaddress", self.has("entityaddress")),
            (
                "customersubsidiaryrelationship r ON r.entity = c.id AND r.isprimarysub = 'T'",
                "subsidiary" in self.groups,
            ),
        )
        tables = "".join(f" LEFT JOIN {table}" for table, is_there in joined if is_there)
        return Source(
            _stream("customers", "debtors", "debtor"),
            Query(columns, f"customer c{tables}", (KeyPart("id", "c.id"),)),
            ("customer", "customersubsidiaryrelationship"),
            "c.lastmodifieddate >= {since}",
            "c.id = {debtor}",
            _DELETED_CUSTOMER,
        )

    def _address(self) -> tuple[Column, ...]:
        names = ("addr1", "addr2", "city", "state", "zip", "country") if self.has("entityaddress") else ()
        return tuple(Column(name, f"a.{name}", lost="the billing address") for name in names)

    def _projects(self) -> Source:
        columns = (
            Column("id", "c.id"),
            *_plain(
                "c", "entityid", "companyname", "parent", "email", "isinactive", "externalid", optional=True
            ),
            Column("modified", "c.lastmodifieddate", "stamp"),
        )
        return Source(
            _stream("projects", "debtors", "debtor"),
            Query(columns, "job c", (KeyPart("id", "c.id"),)),
            ("job",),
            "c.lastmodifieddate >= {since}",
            "c.id = {debtor}",
            ("job",),
        )

    def _contacts(self) -> Source:
        """People, a record for each customer they belong to; those of vendors belong to none."""
        columns = (
            *_plain(
                "k",
                "id",
                "entityid",
                "firstname",
                "lastname",
                "title",
                "email",
                "phone",
                "mobilephone",
                "isinactive",
                "isprivate",
                optional=True,
            ),
            Column("company", "c.id"),
            Column("modified", "k.lastmodifieddate", "stamp"),
        )
        return Source(
            _stream("contacts", "contacts", "contact"),
            Query(columns, "contact k LEFT JOIN customer c ON c.id = k.company", (KeyPart("id", "k.id"),)),
            ("contact", "companycontactrelationship"),
            "k.lastmodifieddate >= {since}",
            self._of_debtor(),
            ("contact",),
            children=True,
            counted=False,
        )

    def _of_debtor(self) -> str:
        also = "k.id IN (SELECT r.contact FROM companycontactrelationship r WHERE r.company = {debtor})"
        return (
            f"k.company = {{debtor}} OR {also}"
            if self.has("companycontactrelationship")
            else "k.company = {debtor}"
        )

    def _card_contacts(self) -> Source:
        columns = (
            Column("id", "c.id"),
            *(Column(name, f"c.{name}", lost=f"addresses in {name}") for name in self.settings.email_fields),
        )
        return Source(
            _stream("card_contacts", "contacts", "contact"),
            Query(columns, "customer c", (KeyPart("id", "c.id"),)),
            ("customer",),
            "c.lastmodifieddate >= {since}",
            "c.id = {debtor}",
            _DELETED_CUSTOMER,
            children=True,
            counted=False,
        )

    def _header(self, *extra: str) -> tuple[tuple[Column, ...], str]:
        """Columns and tables of a transaction with one receivable."""
        columns = (
            *(Column("id", "t.id"), Column("type", "t.type"), Column("entity", "t.entity")),
            *_plain(
                "t",
                "tranid",
                "externalid",
                "status",
                "memo",
                "otherrefnum",
                "terms",
                "employee",
                *extra,
                optional=True,
            ),
            Column("trandate", "t.trandate", "day"),
            Column("duedate", "t.duedate", "day", "due dates"),
            Column("closedate", "t.closedate", "day", "the day on which a document was settled"),
            Column("currency", self.symbol("x")),
            Column("exchangerate", self._rate(), lost="amounts in base currency"),
            *_plain(
                "t", "foreigntotal", "foreignamountunpaid", "foreignpaymentamountunused", "posting", "voided"
            ),
            *(
                [Column("subsidiary", "m.subsidiary", lost="the subsidiary of a document")]
                if self.has("subsidiary")
                else []
            ),
            Column("modified", "t.lastmodifieddate", "stamp"),
        )
        tables = f"transaction t JOIN currency x ON x.id = t.currency{self._subsidiary('m', header=True)}"
        return columns, tables

    def _rate(self) -> str:
        """The booked rate, where the books of the document's subsidiary are kept in the currency of the company."""
        if not self.base or not self.has("subsidiary"):
            return "t.exchangerate"
        return f"CASE WHEN s.currency = {int(self.base)} THEN t.exchangerate END"

    def _subsidiary(self, alias: str, *, header: bool) -> str:
        if not self.has("subsidiary"):
            return ""
        main = (
            f" LEFT JOIN transactionline {alias} ON {alias}.transaction = t.id AND {alias}.mainline = 'T'"
            if header
            else ""
        )
        return f"{main} LEFT JOIN subsidiary s ON s.id = {alias}.subsidiary"

    def _documents(self) -> Source:
        columns, tables = self._header(*self.settings.document_fields)
        return Source(
            _stream("documents", "documents", "document", overlap=True),
            Query(columns, tables, (KeyPart("id", "t.id"),), (_of_types(DOCUMENTS),)),
            ("documents", "links"),
            TOUCHED_HEADER,
            "t.entity = {debtor}",
            ("invoice", "creditmemo", "financecharge"),
        )

    def _payments(self) -> Source:
        columns, tables = self._header()
        return Source(
            _stream("payments", "payments", "payment", overlap=True),
            Query(columns, tables, (KeyPart("id", "t.id"),), (_of_types(PAYMENTS),)),
            ("payments", "links"),
            TOUCHED_HEADER,
            "t.entity = {debtor}",
            ("customerpayment", "customerdeposit", "customerrefund"),
        )

    def _journals(self, name: str, family: str, canonical: str, sign: str) -> Source:
        """Lines of journals on receivable accounts: what a customer owes by them, and what he does not owe any more."""
        columns = (
            *(Column("id", "t.id"), Column("line", "l.id"), Column("entity", "l.entity")),
            *_plain("t", "tranid", "memo", optional=True),
            Column("trandate", "t.trandate", "day"),
            Column("currency", self.symbol("x")),
            Column("exchangerate", self._rate(), lost="amounts in base currency"),
            *_plain("l", "foreignamount", "foreignamountunpaid", "foreignpaymentamountunused"),
            *_plain("t", "posting", "voided"),
            Column("voids", "v.voided", lost="which journals void something"),
            Column("modified", "t.lastmodifieddate", "stamp"),
        )
        tables = (
            "transactionline l JOIN transaction t ON t.id = l.transaction JOIN currency x ON x.id = t.currency JOIN customer c ON c.id = l.entity"
            f" LEFT JOIN transaction v ON v.id = l.createdfrom{self._subsidiary('l', header=False)}"
        )
        where = ("t.type = 'Journal'", self.receivable_line("l"), f"l.foreignamount {sign} 0")
        return Source(
            _stream(name, family, canonical, overlap=True),
            Query(columns, tables, (KeyPart("id", "t.id"), KeyPart("line", "l.id")), where),
            (name, "links"),
            TOUCHED_LINE,
            "l.entity = {debtor}",
            ("journalentry", "journal"),
            children=True,
        )

    def receivable_line(self, alias: str) -> str:
        """A line that was posted to a receivable account; where postings are not shown, one that something can be open of."""
        if self.has("transactionaccountingline"):
            return (
                f"EXISTS (SELECT 1 FROM transactionaccountingline b JOIN account o ON o.id = b.account"
                f" WHERE b.transaction = {alias}.transaction AND b.transactionline = {alias}.id AND o.accttype = 'AcctRec')"
            )
        return f"{alias}.foreignamountunpaid IS NOT NULL OR {alias}.foreignpaymentamountunused IS NOT NULL"

    def _applications(self) -> Source:
        """The graph of what settled what. Links of nought and those of voided records do not count."""
        lines = (
            "CASE WHEN p.type = 'Journal' THEN l.previousline ELSE 0 END",
            "CASE WHEN n.type = 'Journal' THEN l.nextline ELSE 0 END",
        )
        key = (
            KeyPart("previousdoc", "l.previousdoc"),
            KeyPart("nextdoc", "l.nextdoc"),
            KeyPart("previousline", lines[0]),
            KeyPart("nextline", lines[1]),
        )
        columns = (
            *(Column(part.name, part.sql) for part in key),
            Column("previoustype", "p.type"),
            Column("nexttype", "n.type"),
            Column("previousdate", "MAX(p.trandate)", "day"),
            Column("nextdate", "MAX(n.trandate)", "day"),
            Column("previousamount", "MAX(q.foreignamount)"),
            Column("currency", self.symbol("x")),
            Column("amount", "SUM(l.foreignamount)"),
        )
        tables = (
            "nexttransactionlinelink l JOIN transaction p ON p.id = l.previousdoc JOIN transaction n ON n.id = l.nextdoc"
            " JOIN currency x ON x.id = p.currency LEFT JOIN transactionline q ON q.transaction = p.id AND q.id = l.previousline AND p.type = 'Journal'"
        )
        where = (
            "l.linktype = 'Payment'",
            f"p.type IN ({_listed(RECEIVABLES)})",
            f"n.type IN ({_listed(RECEIVABLES)})",
            "NVL(p.voided, 'F') = 'F' AND NVL(n.voided, 'F') = 'F' AND p.posting = 'T' AND n.posting = 'T'",
        )
        grouped = f"GROUP BY {', '.join(part.sql for part in key)}, p.type, n.type, {self.symbol('x')} HAVING SUM(l.foreignamount) <> 0"
        return Source(
            _stream("applications", "payments", "application", overlap=True),
            Query(columns, tables, key, where, grouped),
            ("documents", "payments", "journal_debits", "journal_credits", "links"),
            TOUCHED_HEADER + _OPEN_JOURNALS,
            "p.entity = {debtor} OR n.entity = {debtor}",
            ("invoice", "financecharge", "customerrefund", "journalentry", "journal"),
            children=True,
            counted=False,
        )


def _stream(entity: str, family: str, canonical: str, *, overlap: bool = False) -> Stream:
    """Settlements are long transactions: what they stamped may show half an hour later."""
    return Stream(entity, family, canonical, overlap=timedelta(minutes=60 if overlap else 30))


def _lists(entity: str, family: str, canonical: str) -> Source:
    """A stream of the small lists, which are read together and whole."""
    return Source(Stream(entity, family, canonical, has_cursor=False), Query((), "", ()), ())


def _plain(alias: str, *names: str, optional: bool = False) -> tuple[Column, ...]:
    return tuple(
        Column(name, f"{alias}.{name}", lost=f"the field {name}" if optional and name != "id" else "")
        for name in names
    )


def _listed(types: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in types)


def _of_types(types: Sequence[str]) -> str:
    return f"t.type IN ({_listed(types)})"
