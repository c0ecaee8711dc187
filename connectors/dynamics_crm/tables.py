"""The sets of a CRM: what each is called in both dialects, its key, and the columns that are read. [facts: section 2.2, 2.3]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from connectors.dynamics_crm.settings import DeclaredSet, SetSettings, Settings
from connectors.toolkit.declared import declared_stream
from sync_engine.canonical.declared import place_of
from sync_engine.records import Stream

MODIFIED = "ModifiedOn"
OVERLAP = timedelta(minutes=15)
"""A stamp has whole seconds, and a record may be written a while before it is committed."""


@dataclass(frozen=True)
class Table:
    """One set. Columns and lookups are schema names; in the Web API they are written in lower case."""

    entity: str
    family: str
    canonical: str
    logical: str
    set: str
    key: str
    columns: Sequence[str]
    lookups: Sequence[str] = ()
    account: str | None = None
    """The lookup of the account that a row belongs to."""
    dates: Sequence[str] = ()
    filter: str = ""

    @property
    def all_columns(self) -> list[str]:
        """The key, the columns, the stamp."""
        return list(dict.fromkeys((self.key, *self.columns, MODIFIED)))

    @property
    def selected(self) -> list[str]:
        """What the Web API is asked for: lookups have names of their own there."""
        return [c.lower() for c in self.all_columns] + [lookup_name(name) for name in self.lookups]

    @property
    def selected_2011(self) -> list[str]:
        """What the service of 2011 is asked for."""
        return [*self.all_columns, *self.lookups]

    def stream(self, *, is_tracked: bool) -> Stream:
        """How the engine sees it. Change tracking tells of deleted records, so that no sweep has to look for them."""
        return Stream(
            self.entity,
            self.family,
            self.canonical,
            overlap=OVERLAP,
            reports_deletes=is_tracked and not self.filter,
        )


def lookup_name(schema: str) -> str:
    """What the Web API calls the id behind a lookup."""
    return f"_{schema.lower()}_value"


@dataclass(frozen=True)
class _Usual:
    """A set that every CRM has."""

    entity: str
    family: str
    canonical: str
    logical: str
    set: str
    set_2011: str
    key: str
    columns: tuple[str, ...]
    lookups: tuple[str, ...] = ()
    account: str | None = None
    dates: tuple[str, ...] = field(default=())


USUAL = (
    _Usual(
        "currencies", "debtors", "reference", "transactioncurrency", "transactioncurrencies", "TransactionCurrencySet",
        "TransactionCurrencyId", ("ISOCurrencyCode", "CurrencyName", "CurrencySymbol"),
    ),
    _Usual(
        "users", "debtors", "account_owner", "systemuser", "systemusers", "SystemUserSet",
        "SystemUserId", ("FullName", "FirstName", "LastName", "InternalEMailAddress", "EmployeeId", "DomainName", "IsDisabled"),
    ),
    _Usual("teams", "debtors", "account_owner", "team", "teams", "TeamSet", "TeamId", ("Name", "EMailAddress")),
    _Usual(
        "accounts", "debtors", "debtor", "account", "accounts", "AccountSet",
        "AccountId",
        (
            "AccountNumber", "Name", "EMailAddress1", "Telephone1", "Fax", "WebSiteURL", "Address1_Line1", "Address1_Line2", "Address1_Line3",
            "Address1_City", "Address1_StateOrProvince", "Address1_PostalCode", "Address1_Country", "CreditLimit", "CreditOnHold",
            "PaymentTermsCode", "StateCode", "StatusCode", "Merged",
        ),
        ("OwnerId", "ModifiedBy", "ParentAccountId", "MasterId", "PrimaryContactId", "TransactionCurrencyId"),
        account="ParentAccountId",
    ),
    _Usual(
        "contacts", "contacts", "contact", "contact", "contacts", "ContactSet",
        "ContactId",
        ("FirstName", "LastName", "FullName", "JobTitle", "EMailAddress1", "Telephone1", "MobilePhone", "StateCode", "DoNotEMail"),
        ("ParentCustomerId", "OwnerId"),
        account="ParentCustomerId",
    ),
)  # fmt: skip


def tables(settings: Settings) -> dict[str, Table]:
    """The sets that are read, parents first; of those that are declared, in the order of what they speak about."""
    given = {str(name): one for name, one in settings.sets.items()}
    usual = [(one, given.get(one.entity, SetSettings())) for one in USUAL]
    found = [_usual(one, differs, settings) for one, differs in usual if not differs.off]
    found += [_declared(name, one) for name, one in settings.declared.items()]
    return {table.entity: table for table in sorted(found, key=lambda t: place_of(t.canonical))}


def _usual(usual: _Usual, given: SetSettings, settings: Settings) -> Table:
    more = tuple(settings.option_sets) if usual.entity == "accounts" else ()
    return Table(
        usual.entity,
        usual.family,
        usual.canonical,
        usual.logical,
        given.set or (usual.set_2011 if settings.dialect == "organization_data" else usual.set),
        usual.key,
        tuple(dict.fromkeys((*usual.columns, *more, *given.columns, *given.dates))),
        tuple(dict.fromkeys((*usual.lookups, *given.lookups))),
        usual.account,
        given.dates,
        given.filter,
    )


def _declared(name: str, given: DeclaredSet) -> Table:
    stream = declared_stream(name)
    lookups = (*given.lookups, *((given.account,) if given.account else ()))
    return Table(
        name,
        stream.family,
        stream.canonical,
        given.logical or given.key[:-2].lower(),
        given.set,
        given.key,
        tuple(dict.fromkeys((*given.columns, *given.dates))),
        tuple(dict.fromkeys(lookups)),
        given.account,
        given.dates,
        given.filter,
    )
