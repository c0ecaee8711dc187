"""What a CRM knows: records by id with a version each, what was deleted and when, and the verbs people use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID


class Ref(NamedTuple):
    """A lookup: which table, which record, what it is called."""

    logical: str
    id: str
    name: str = ""


class Option(int):
    """The value of a choice."""


class Kind(NamedTuple):
    """A table: its sets in both services, its key, its columns by schema name with what they hold."""

    set: str
    set_2011: str
    key: str
    columns: dict[str, str]


PARTY = {
    "ModifiedOn": "instant",
    "CreatedOn": "instant",
    "StateCode": "option",
    "StatusCode": "option",
    "OwnerId": "lookup",
    "ModifiedBy": "lookup",
}
TABLES = {
    "transactioncurrency": Kind(
        "transactioncurrencies", "TransactionCurrencySet", "TransactionCurrencyId",
        {"ISOCurrencyCode": "text", "CurrencyName": "text", "CurrencySymbol": "text", "ModifiedOn": "instant"},
    ),
    "systemuser": Kind(
        "systemusers", "SystemUserSet", "SystemUserId",
        {"FullName": "text", "FirstName": "text", "LastName": "text", "InternalEMailAddress": "text", "EmployeeId": "text", "DomainName": "text",
         "IsDisabled": "bool", "ModifiedOn": "instant"},
    ),
    "team": Kind("teams", "TeamSet", "TeamId", {"Name": "text", "EMailAddress": "text", "ModifiedOn": "instant"}),
    "account": Kind(
        "accounts", "AccountSet", "AccountId",
        {**PARTY, **dict.fromkeys((
            "AccountNumber", "Name", "EMailAddress1", "Telephone1", "Fax", "WebSiteURL", "Address1_Line1", "Address1_Line2", "Address1_Line3",
            "Address1_City", "Address1_StateOrProvince", "Address1_PostalCode", "Address1_Country", "new_VatNumber"), "text"),
         "CreditLimit": "money", "CreditOnHold": "bool", "PaymentTermsCode": "option", "CustomerTypeCode": "option", "Merged": "bool",
         "NumberOfEmployees": "whole", "OpenDeals_Date": "instant", "ParentAccountId": "lookup", "MasterId": "lookup", "PrimaryContactId": "lookup",
         "TransactionCurrencyId": "lookup", "new_CustomerGroupId": "lookup"},
    ),
    "contact": Kind(
        "contacts", "ContactSet", "ContactId",
        {**PARTY, **dict.fromkeys(("FirstName", "LastName", "FullName", "JobTitle", "EMailAddress1", "Telephone1", "MobilePhone"), "text"),
         "DoNotEMail": "bool", "BirthDate": "day", "ParentCustomerId": "lookup"},
    ),
    "incident": Kind(
        "incidents", "IncidentSet", "IncidentId", {**PARTY, "Title": "text", "CustomerId": "lookup", "ResolveBy": "day"}
    ),
    "new_customergroup": Kind(
        "new_customergroups", "new_CustomerGroupSet", "new_CustomerGroupId", {**PARTY, "new_Name": "text", "new_Code": "text"}
    ),
}  # fmt: skip
OPTIONS = {"customertypecode": {1: "Competitor", 3: "Customer", 8: "Prospect"}}
Row = dict[str, Any]


@dataclass
class Crm:
    """One organisation. `tracked` are the tables whose changes are tracked; `keeps` is how long."""

    at: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    tracked: set[str] = field(default_factory=lambda: set(TABLES))
    keeps: timedelta = timedelta(days=7)
    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in TABLES})
    gone: list[tuple[int, str, str]] = field(default_factory=list)
    version: int = 919_000
    made: int = 0

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def add(self, logical: str, **values: Any) -> str:
        """A new record; its id."""
        self.made += 1
        key = str(UUID(int=(self.made * 0x9E3779B97F4A7C15 << 64) % (1 << 128) | self.made))
        kind = TABLES[logical]
        row: Row = dict.fromkeys(kind.columns)
        row |= {
            name: Option(0 if name == "StateCode" else 1)
            for name in ("StateCode", "StatusCode")
            if name in row
        }
        self.rows[logical][key] = row | {kind.key: key, "CreatedOn": self.at}
        return self.touch(logical, key, **values)

    def touch(self, logical: str, key: str, **values: Any) -> str:
        """Changes a record: its stamp, in whole seconds, and its version."""
        self.version += 1
        row = self.rows[logical][key]
        assert set(values) <= set(TABLES[logical].columns), values
        row.update(values, ModifiedOn=self.at.replace(microsecond=0), version=self.version)
        return key

    def delete(self, logical: str, key: str) -> None:
        """A record that is gone."""
        del self.rows[logical][key]
        self.version += 1
        self.gone.append((self.version, logical, key))

    def merge(self, dead: str, master: str, *, moves_contacts: bool = False) -> None:
        """An account into another: the dead one stays, inactive, and points to its master."""
        name = self.rows["account"][master]["Name"]
        self.touch(
            "account",
            dead,
            Merged=True,
            MasterId=Ref("account", master, name),
            StateCode=Option(1),
            StatusCode=Option(2),
        )
        for key, row in self.rows["contact"].items() if moves_contacts else ():
            if row["ParentCustomerId"] and row["ParentCustomerId"].id == dead:
                self.touch("contact", key, ParentCustomerId=Ref("account", master, name))


def furnished() -> Crm:
    """Eleven accounts with a contact each, users, a team, two currencies, groups and complaints, an hour apart."""
    crm = Crm()
    euro = crm.add("transactioncurrency", ISOCurrencyCode="EUR", CurrencyName="Euro", CurrencySymbol="€")
    crm.add(
        "transactioncurrency", ISOCurrencyCode="CHF", CurrencyName="Schweizer Franken", CurrencySymbol="CHF"
    )
    user = crm.add(
        "systemuser",
        FullName="Jo Berg",
        FirstName="Jo",
        LastName="Berg",
        InternalEMailAddress="jo@example.com",
        EmployeeId="7",
        IsDisabled=False,
    )
    team = crm.add("team", Name="Inkasso")
    group = crm.add("new_customergroup", new_Name="Large customers", new_Code="L")
    for place in range(11):
        crm.sleep(3600)
        account = crm.add(
            "account", AccountNumber=f"{10000 + place * 10}", Name=f"O'Neill & Søn {place}", EMailAddress1=f"office{place}@example.com",
            WebSiteURL="https://example.com", Address1_Line1="Postweg 1", Address1_City="Bern", Address1_Country="Schweiz",
            CreditLimit=Decimal("123.4500") * place if place else None, CreditOnHold=place == 4, CustomerTypeCode=Option(3) if place % 2 else None,
            Merged=False, NumberOfEmployees=place, OpenDeals_Date=datetime(1969, 12, 31, 23, 59, 59, 250_000, tzinfo=UTC),
            OwnerId=Ref("team", team, "Inkasso") if place % 3 == 0 else Ref("systemuser", user, "Jo Berg"),
            ModifiedBy=Ref("systemuser", user, "Jo Berg"), TransactionCurrencyId=Ref("transactioncurrency", euro, "Euro"),
            new_CustomerGroupId=Ref("new_customergroup", group, "Large customers") if place > 5 else None, new_VatNumber=f"CHE-{place}",
        )  # fmt: skip
        crm.add(
            "contact", FirstName="Anna", LastName=f"Berg{place}", FullName=f"Anna Berg{place}", JobTitle="Controller",
            EMailAddress1=f"anna{place}@example.com", DoNotEMail=False, BirthDate=date(1958, 7, 1), ParentCustomerId=Ref("account", account, "x"),
            OwnerId=Ref("systemuser", user, "Jo Berg"),
        )  # fmt: skip
        crm.add(
            "incident",
            Title=f"Parcel {place} is late",
            CustomerId=Ref("account", account),
            ResolveBy=date(2026, 3, 29),
        )
    return crm
