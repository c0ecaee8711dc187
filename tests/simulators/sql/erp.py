"""The books of a postal company as an ERP keeps them: names in capitals and German, a status in words, rows that are only marked as deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.simulators.sql.servers import Admin

TYPES = {
    "postgresql": {
        "stamp": "timestamptz",
        "amount": "numeric(15,2)",
        "flag": "boolean",
        "text": "varchar(80)",
    },
    "mariadb": {
        "stamp": "timestamp(6) NULL",
        "amount": "decimal(15,2)",
        "flag": "boolean",
        "text": "varchar(80)",
    },
    "sqlite": {"stamp": "TEXT", "amount": "NUMERIC(15,2)", "flag": "INTEGER", "text": "TEXT"},
    "duckdb": {"stamp": "TIMESTAMPTZ", "amount": "DECIMAL(15,2)", "flag": "BOOLEAN", "text": "VARCHAR"},
}
TABLES = {
    "Kunde": '"Kd Nr" {text} PRIMARY KEY, "Name" {text}, "Ort" {text}, "Gesperrt" {flag}, "order" {amount}, "Geändert" {stamp}',
    "Person": '"Id" INTEGER PRIMARY KEY, "Kd Nr" {text}, "Vorname" {text}, "Nachname" {text}, "Mail" {text}, "Funktion" {text}',
    "Beleg": '"Nr" {text} PRIMARY KEY, "Kd Nr" {text}, "Art" {text}, "Datum" DATE, "Faellig" DATE, "Brutto" {amount}, "Offen" {amount}, '
    '"Storniert" {stamp}, "Geändert" {stamp}',
}
CONNECTION: dict[str, Any] = {
    "entities": {
        "document": {
            "table": "Beleg",
            "key": "Nr",
            "debtor": "Kd Nr",
            "changed": "Geändert",
            "deleted": "Storniert",
        },
        "debtor": {"table": "Kunde", "key": "Kd Nr", "changed": "Geändert"},
        "contact": {
            "query": 'SELECT p."Id", p."Kd Nr", p."Vorname", p."Nachname", p."Mail", p."Funktion" '
            'FROM "Person" p JOIN "Kunde" k ON k."Kd Nr" = p."Kd Nr" WHERE p."Mail" <> :none AND \'12:30\' <> \'a:1b\'',
            "parameters": {"none": ""},
            "key": "Id",
            "debtor": "Kd Nr",
        },
    },
    "company": {"name": "Post & Söhne AG", "base_currency": "CHF", "country": "CH"},
    "fetch": 7,
}
MAPPING: dict[str, Any] = {
    "entities": {
        "debtor": {
            "fields": {
                "number": "Kd Nr",
                "name": "Name",
                "city": "Ort",
                "credit_limit": "order",
                "status": {
                    "column": "Gesperrt",
                    "codes": {"true": "blocked", "false": "active", "1": "blocked", "0": "active"},
                },
                "source_modified_at": "Geändert",
            }
        },
        "contact": {
            "fields": {
                "debtor_key": "Kd Nr",
                "first_name": "Vorname",
                "last_name": "Nachname",
                "email": "Mail",
                "title": "Funktion",
            }
        },
        "document": {
            "fields": {
                "number": "Nr",
                "debtor_key": "Kd Nr",
                "kind": {"column": "Art", "codes": {"R": "invoice", "G": "credit_note"}},
                "issue_date": "Datum",
                "due_date": "Faellig",
                "total": "Brutto",
                "open_amount": "Offen",
                "currency": {"value": "CHF"},
            }
        },
    },
}
Row = tuple[Any, ...]
NAMES = (
    "HANSEN & SØN",
    "Größe; Maß GmbH",
    "L'Été, SARL",
    'O\'Neill "Ltd"',
    "Müller\u00a0& Co",
    "50 % Rabatt: AG",
)


@dataclass
class Erp:
    """The tables in one database."""

    admin: Admin
    now: datetime = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

    @property
    def connection(self) -> dict[str, Any]:
        """What the YAML declares; MariaDB quotes names its own way."""
        if self.admin.product != "mariadb":
            return CONNECTION
        entities = CONNECTION["entities"]
        persons = {**entities["contact"], "query": entities["contact"]["query"].replace('"', "`")}
        return {**CONNECTION, "entities": {**entities, "contact": persons}}

    def furnish(self, customers: int = 11) -> Erp:
        """Makes the tables: so many customers, a person and three documents each, the third one cancelled for every fourth."""
        types = TYPES[self.admin.product]
        for name, columns in TABLES.items():
            self.admin.run(f'CREATE TABLE "{name}" ({columns.format_map(types)})')
        parties, persons, bills = list[Row](), list[Row](), list[Row]()
        for place in range(customers):
            number, limit = f"{10000 + place * 10:06}", Decimal(place * 1000) + Decimal("0.50")
            name = f"{NAMES[place % len(NAMES)]} {place}"
            parties.append((number, name, "Bern", place % 5 == 4, self.amount(limit), self.tick()))
            persons.append(
                (place, number, "Anna", f"Berg{place}", f"anna.berg{place}@example.com", "Buchhaltung")
            )
            for nth in range(3):
                total = Decimal(100 + place) + Decimal("0.10") * nth
                bills.append(
                    self._bill(f"R{number}-{nth}", number, total, total, nth == 2 and place % 4 == 0)
                )
        for name, rows in (("Kunde", parties), ("Person", persons), ("Beleg", bills)):
            self.admin.many(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})', rows)
        return self

    def tick(self) -> Any:
        """The ERP's clock, an hour later than the last time it was looked at, as this database keeps it."""
        self.now += timedelta(hours=1)
        return self.now.isoformat(timespec="seconds") if self.admin.product == "sqlite" else self.now

    def bill(
        self, number: str, customer: str, amount: Decimal, *, open_amount: Decimal | None = None
    ) -> None:
        """A document due in a month; a negative amount is a credit note."""
        row = self._bill(number, customer, amount, amount if open_amount is None else open_amount)
        self.admin.many('INSERT INTO "Beleg" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [row])

    def _bill(
        self, number: str, customer: str, total: Decimal, still: Decimal, is_cancelled: bool = False
    ) -> Row:
        day, due = self.now.date(), self.now.date() + timedelta(days=30)
        if self.admin.product == "sqlite":
            day, due = day.isoformat(), due.isoformat()  # type: ignore[assignment]
        gone = self.tick() if is_cancelled else None
        kind = "G" if total < 0 else "R"
        return (number, customer, kind, day, due, self.amount(total), self.amount(still), gone, self.tick())

    def amount(self, value: Decimal) -> Any:
        """An amount as the driver of this database takes it."""
        return str(value) if self.admin.product == "sqlite" else value

    def cancel(self, number: str) -> None:
        """Marks a document as deleted."""
        self.admin.run(
            'UPDATE "Beleg" SET "Storniert" = ?, "Geändert" = ? WHERE "Nr" = ?',
            self.tick(),
            self.tick(),
            number,
        )

    def rename(self, number: str, name: str) -> None:
        """Another name for a customer."""
        self.admin.run(
            'UPDATE "Kunde" SET "Name" = ?, "Geändert" = ? WHERE "Kd Nr" = ?', name, self.tick(), number
        )

    def remove_person(self, place: int) -> None:
        """A row that is gone without a trace."""
        self.admin.run('DELETE FROM "Person" WHERE "Id" = ?', place)

    def open_amounts(self) -> dict[str, Decimal]:
        """What is owed by document."""
        rows = self.admin.run('SELECT "Nr", "Offen" FROM "Beleg" WHERE "Storniert" IS NULL')
        return {number: Decimal(str(amount)) for number, amount in rows}
