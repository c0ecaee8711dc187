"""Business actions on set-up, dimensions, customers and contacts."""

from datetime import date
from decimal import Decimal
from typing import Any, get_type_hints

import msgspec

from tests.simulators.business_central import records as r
from tests.simulators.business_central.state import ActionRefused, CompanyState


class MasterData(CompanyState):
    """What people do with cards. References are ids, numbers or codes."""

    def add_currency(self, code: str, name: str, symbol: str = "", decimals: int = 2) -> r.Currency:
        return self.store(
            self.currencies,
            r.Currency(id=self.stamper.new_id(), code=code, name=name, symbol=symbol, decimals=decimals),
        )

    def add_exchange_rate(
        self, currency: str, on: date, relational: Decimal, amount: Decimal = Decimal(100)
    ) -> None:
        """`relational` local for `amount` foreign from that day on."""
        row = r.ExchangeRate(
            id=self.stamper.new_id(),
            currency_code=currency,
            starting_date=on,
            amount=amount,
            relational_amount=relational,
        )
        self.store(self.exchange_rates, row)

    def add_payment_term(self, code: str, name: str, days: int) -> r.PaymentTerm:
        row = r.PaymentTerm(
            id=self.stamper.new_id(), code=code, name=name, days=days, due_date_calculation=f"{days}D"
        )
        return self.store(self.payment_terms, row)

    def add_payment_method(self, code: str, name: str) -> r.Coded:
        return self.store(self.payment_methods, r.Coded(id=self.stamper.new_id(), code=code, name=name))

    def add_dispute_status(self, code: str, name: str) -> r.Coded:
        return self.store(self.dispute_statuses, r.Coded(id=self.stamper.new_id(), code=code, name=name))

    def add_salesperson(self, code: str, name: str, email: str = "", job_title: str = "") -> r.Salesperson:
        row = r.Salesperson(id=self.stamper.new_id(), code=code, name=name, email=email, job_title=job_title)
        return self.store(self.salespeople, row)

    def add_account(self, number: str, name: str, category: str, sub_category: str = "") -> r.Account:
        row = r.Account(
            id=self.stamper.new_id(), number=number, name=name, category=category, sub_category=sub_category
        )
        return self.store(self.accounts, row)

    # Dimensions -----------------------------------------------------------------------------------

    def add_dimension(self, code: str, name: str) -> r.Dimension:
        return self.store(self.dimensions, r.Dimension(id=self.stamper.new_id(), code=code, name=name))

    def add_dimension_value(
        self,
        dimension: str,
        code: str,
        name: str,
        kind: str = "Standard",
        blocked: bool = False,
        indentation: int = 0,
    ) -> r.DimensionValue:
        """`kind` is Standard, Heading, Total, Begin-Total or End-Total."""
        row = r.DimensionValue(
            id=self.stamper.new_id(),
            code=code,
            name=name,
            dimension_id=self.by_code(self.dimensions, dimension).id,
            number=self.next_number("dimension value", 1),
            type=kind,
            blocked=blocked,
            indentation=indentation,
        )
        return self.store(self.dimension_values, row)

    def dimension_value(self, dimension: str, value: str) -> r.DimensionValue:
        """A value of a dimension, by code or id."""
        owner = self.by_code(self.dimensions, dimension)
        for row in self.dimension_values.values():
            if row.dimension_id == owner.id and value in (row.code, row.id):
                return row
        raise ActionRefused(
            f"The Dimension Value does not exist. Dimension Code='{owner.code}',Code='{value}'"
        )

    def rename_dimension(self, dimension: str, code: str) -> None:
        row = self.by_code(self.dimensions, dimension)
        self.shortcut_dimensions = [code if x == row.code else x for x in self.shortcut_dimensions]
        row.code = code
        self.touch(row)

    def rename_dimension_value(self, dimension: str, value: str, code: str, name: str | None = None) -> None:
        """Ids stay; codes change everywhere, and the default dimensions that show them are not re-stamped."""
        row = self.dimension_value(dimension, value)
        owner = self.by_code(self.dimensions, dimension).code
        documents: list[r.SalesDocument] = [*self.invoices.values(), *self.credit_memos.values()]
        for place, attribute in enumerate(("shortcut_dimension1", "shortcut_dimension2")):
            if self.shortcut_dimensions[place : place + 1] != [owner]:
                continue
            for holder in (*documents, *self.ledger.values()):
                if getattr(holder, attribute) == row.code:
                    setattr(holder, attribute, code)
        row.code = code
        row.name = row.name if name is None else name
        self.touch(row)

    def block_dimension_value(self, dimension: str, value: str, blocked: bool = True) -> None:
        row = self.dimension_value(dimension, value)
        row.blocked = blocked
        self.touch(row)

    def delete_dimension_value(self, dimension: str, value: str) -> None:
        """The value goes; default dimensions that pointed at it keep a reference to nothing."""
        self.drop(self.dimension_values, self.dimension_value(dimension, value))

    def default_dimension(self, customer: str, dimension: str) -> r.DefaultDimension | None:
        owner = self.by_code(self.dimensions, dimension).id
        parent = self.customer(customer).id
        found = (
            x for x in self.default_dimensions.values() if (x.parent_id, x.dimension_id) == (parent, owner)
        )
        return next(found, None)

    def set_default_dimension(self, customer: str, dimension: str, value: str = "") -> r.DefaultDimension:
        """Put a value on the customer card; a blank value leaves the dimension there without one."""
        value_id = self.dimension_value(dimension, value).id if value else None
        row = self.default_dimension(customer, dimension)
        if row is None:
            return self.put_default_dimension(customer, dimension, value_id)
        row.value_id = value_id
        self.touch(row)
        return row

    def put_default_dimension(
        self, customer: str, dimension: str, value_id: str | None
    ) -> r.DefaultDimension:
        """Insert the row without looking whether there is one already."""
        row = r.DefaultDimension(
            id=self.stamper.new_id(),
            parent_type="Customer",
            parent_id=self.customer(customer).id,
            dimension_id=self.by_code(self.dimensions, dimension).id,
            value_id=value_id,
            posting_validation=" " if value_id else "Code Mandatory",
        )
        return self.store(self.default_dimensions, row)

    def remove_default_dimension(self, customer: str, dimension: str) -> None:
        row = self.default_dimension(customer, dimension)
        if row is not None:
            self.drop(self.default_dimensions, row)

    # Customers ------------------------------------------------------------------------------------

    def create_customer(
        self,
        name: str,
        number: str | None = None,
        currency: str = "",
        bill_to: str | None = None,
        payment_term: str | None = None,
        with_contact: bool = True,
        **card: object,
    ) -> r.Customer:
        """A customer card and, as BC does, the company contact that belongs to it."""
        row = r.Customer(
            id=self.stamper.new_id(),
            number=number if number is not None else str(self.next_number("customer", 10000, 10)),
            name=name,
            currency_code=currency,
            bill_to_id=self.customer(bill_to).id if bill_to else None,
            payment_terms_id=self.by_code(self.payment_terms, payment_term).id if payment_term else None,
        )
        self._set(row, card)
        self.store(self.customers, row)
        if with_contact:
            self.create_contact(
                name,
                kind="Company",
                customer=row.id,
                email=row.email.split(";")[0],
                phone=row.phone,
                city=row.city,
                country=row.country,
                vat_no=row.vat_no,
            )
        return row

    def edit_customer(self, customer: str, **card: object) -> r.Customer:
        row = self.customer(customer)
        self._set(row, card)
        self.touch(row)
        return row

    def rename_customer(self, customer: str, number: str) -> r.Customer:
        """A renumbering: the id stays, the number changes wherever it is shown."""
        return self.edit_customer(customer, number=number)

    def block_customer(self, customer: str, blocked: str = "All") -> r.Customer:
        """`blocked` is a space, Ship, Invoice or All."""
        return self.edit_customer(customer, blocked=blocked)

    def delete_customer(self, customer: str) -> None:
        """Refused while there are open entries or unposted documents; contacts stay behind without their relation."""
        row = self.customer(customer)
        if any(entry.open for entry in self.entries_of.get(row.id, [])):
            raise ActionRefused(
                f"You cannot delete Customer {row.number} because it has open ledger entries."
            )
        if any(
            not x.posted and row.id in (x.customer_id, x.bill_to_id)
            for x in (*self.invoices.values(), *self.credit_memos.values())
        ):
            raise ActionRefused(
                f"You cannot delete Customer {row.number} because there is at least one outstanding Sales document for this customer."
            )
        self.deleted_customers[row.id] = row
        for default in [x for x in self.default_dimensions.values() if x.parent_id == row.id]:
            self.drop(self.default_dimensions, default)
        for contact in self.contacts.values():
            contact.relations = [x for x in contact.relations if x != ("Customer", row.id)]
        self.drop(self.customers, row)

    # Contacts -------------------------------------------------------------------------------------

    def create_contact(
        self,
        name: str,
        kind: str = "Person",
        company: str | None = None,
        customer: str | None = None,
        number: str | None = None,
        **card: object,
    ) -> r.Contact:
        """A person of a contact company (or of a customer's one), or a company contact related to a customer."""
        first, _, last = name.rpartition(" ") if kind == "Person" else ("", "", "")
        row = r.Contact(
            id=self.stamper.new_id(),
            number=number if number is not None else f"CT{self.next_number('contact', 1):06d}",
            name=name,
            type=kind,
            first_name=first,
            last_name=last,
        )
        if company:
            row.company_id = self.by_code(self.contacts, company).id
        if customer and kind == "Person":
            found = self.company_contact(self.customer(customer).id)
            row.company_id = found.id if found else None
        if customer and kind == "Company":
            row.relations.append(("Customer", self.customer(customer).id))
        self._set(row, card)
        return self.store(self.contacts, row)

    def company_contact(self, customer_id: str) -> r.Contact | None:
        """The contact of the customer's first business relation, the only one BC follows."""
        by_customer = self.grouped(
            "company contacts",
            self.contacts,
            lambda x: [target for kind, target in x.relations if kind == "Customer"],
            self.stamper.version,
        )
        return next(iter(sorted(by_customer.get(customer_id, ()), key=lambda x: x.number)), None)

    def people_of_company(self, contact: r.Contact) -> list[r.Contact]:
        """The company contact and the persons that belong to it, in key order."""
        by_company = self.grouped(
            "people",
            self.contacts,
            lambda x: (x.company_id, x.id if x.type == "Company" else None),
            self.stamper.version,
        )
        return by_company.get(contact.id, [contact])

    def relation_of(self, contact: r.Contact) -> str:
        """The business relation stamped on a contact: of its company for a person."""
        if contact.stamped_relation is not None:
            return contact.stamped_relation
        company = self.contacts.get(contact.company_id or "")
        kinds = [kind for kind, _ in (company or contact).relations]
        return "None" if not kinds else kinds[0] if len(kinds) == 1 else "Multiple"

    def relate_contact(self, contact: str, table: str, number: str) -> None:
        """Add a business relation (Customer, Vendor, Bank Account); a second one makes it Multiple."""
        row = self.by_code(self.contacts, contact)
        target = self.customer(number).id if table == "Customer" else number
        row.relations.append((table, target))
        self.touch(row)

    def orphan_contact(self, contact: str) -> None:
        """The stamp says Customer but no relation is left: provokes the stale customerId."""
        row = self.by_code(self.contacts, contact)
        row.stamped_relation, row.company_id = "Customer", None
        row.relations = []
        self.touch(row)

    def edit_contact(self, contact: str, **card: object) -> r.Contact:
        row = self.by_code(self.contacts, contact)
        self._set(row, card)
        self.touch(row)
        return row

    def retitle_contact(self, contact: str, title: str) -> r.Contact:
        return self.edit_contact(contact, job_title=title[:30])

    def delete_contact(self, contact: str) -> None:
        row = self.by_code(self.contacts, contact)
        for other in self.contacts.values():
            if other.company_id == row.id:
                other.company_id = None
        self.drop(self.contacts, row)

    def forget_stamp(self, table: str, ref: str) -> None:
        """The row was written without a stamp (company copy): it reads 0001-01-01T00:00:00Z."""
        tables: dict[str, r.Table[r.Customer] | r.Table[r.Contact] | r.Table[r.SalesDocument]] = {
            "customers": self.customers,
            "contacts": self.contacts,
            "salesInvoices": self.invoices,
            "salesCreditMemos": self.credit_memos,
        }
        found: r.Table[r.Row] = tables[table]  # type: ignore[assignment]
        self.by_code(found, ref).modified_at = None

    def _set(self, row: r.Row, card: dict[str, object]) -> None:
        for name, value in card.items():
            if not hasattr(row, name):
                raise ActionRefused(f"{type(row).__name__} has no field {name}.")
            setattr(row, name, msgspec.convert(value, _types_of(type(row))[name], strict=False))


_TYPES: dict[str, dict[str, Any]] = {}


def _types_of(table: type[r.Row]) -> dict[str, Any]:
    """The field types of a table, so that values from JSON become dates and decimals."""
    if table.__name__ not in _TYPES:
        _TYPES[table.__name__] = get_type_hints(table)
    return _TYPES[table.__name__]
