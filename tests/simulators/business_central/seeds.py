"""Fills a world: generated ledgers of any size that are always the same for a seed, and the real payment histories."""

import heapq
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from tests.simulators.business_central import records as r
from tests.simulators.business_central import seed_names as names
from tests.simulators.business_central.world import Company, World

Event = Callable[[date], None]


class Calendar:
    """Things to do on days, done in order, each stamped on its day."""

    def __init__(self, world: World, until: date) -> None:
        self.world, self.until = world, until
        self._waiting: list[tuple[date, int, Event]] = []
        self._count = 0

    def plan(self, on: date, event: Event) -> None:
        """Days after the end do not happen."""
        if on <= self.until:
            self._count += 1
            heapq.heappush(self._waiting, (on, self._count, event))

    def run(self) -> None:
        place = 0
        while self._waiting:
            on, _, event = heapq.heappop(self._waiting)
            place += 1
            moment = datetime.combine(on, time(8), UTC) + timedelta(milliseconds=place * 7919 % 30_000_000)
            with self.world.at(min(moment, self.world.clock())):
                event(on)


def set_up(company: Company, first_day: date) -> None:
    """Terms, methods, salespeople, dispute statuses, currencies with two rates each."""
    for code, days in (("CM", 30), ("14 DAYS", 14), ("30 DAYS", 30), ("60 DAYS", 60), ("COD", 0)):
        company.add_payment_term(code, f"Net {days} days", days)
    for code, name in (("BANK", "Bank Transfer"), ("CARD", "Card payment"), ("CHECK", "Check payment")):
        company.add_payment_method(code, name)
    for code, name, email in (
        ("JO", "Jim Olive", "jim.olive@meridian.example"),
        ("HR", "Helena Ray", "helena.ray@meridian.example"),
        ("OF", "Otis Falls", ""),
    ):
        company.add_salesperson(code, name, email, "Sales Manager")
    for code, name in (
        ("QUALITY", "Quality complaint"),
        ("PRICE", "Price disagreement"),
        ("LOST", "Invoice not received"),
    ):
        company.add_dispute_status(code, name)
    for code, name, rate in (
        ("USD", "US dollar", "78.4"),
        ("EUR", "Euro", "85.12"),
        ("DKK", "Danish krone", "11.41"),
    ):
        if code != company.local_currency:
            company.add_currency(code, name)
            company.add_exchange_rate(code, first_day - timedelta(days=30), Decimal(rate))
            company.add_exchange_rate(code, first_day + timedelta(days=200), Decimal(rate) + Decimal("1.37"))


def set_up_dimensions(company: Company) -> None:
    """CUSTOMERGROUP with headings, a blocked and an unused value; AREA; DEPARTMENT."""
    company.add_dimension("CUSTOMERGROUP", "Customer Group")
    for code, name, kind, blocked, indentation in names.GROUPS:
        company.add_dimension_value("CUSTOMERGROUP", code, name, kind, blocked, indentation)
    company.add_dimension("AREA", "Area")
    company.add_dimension("DEPARTMENT", "Department")
    for code, name in names.AREAS:
        company.add_dimension_value("AREA", code, name)
    for code, name in names.DEPARTMENTS:
        company.add_dimension_value("DEPARTMENT", code, name)


class Generator:
    """One generated company."""

    def __init__(self, world: World, company: Company, seed: int) -> None:
        self.world, self.company = world, company
        self.random = random.Random(seed)
        self.today = world.clock().date()
        self.first_day = self.today - timedelta(days=365)
        self.calendar = Calendar(world, self.today)
        self.customers: list[r.Customer] = []
        self.people_of: dict[str, str] = {}

    def cards(self, customers: int, contacts: int) -> None:
        for place in range(customers):
            self.customers.append(self._customer(place))
        company_contacts = len(self.company.contacts)
        for place in range(max(0, contacts - company_contacts)):
            self._contact(place)
        self._special_cards()

    def _customer(self, place: int) -> r.Customer:
        pick, company = self.random, self.company
        first = names.COMPANY_FIRST[place % len(names.COMPANY_FIRST)]
        name = f"{first} {names.COMPANY_LAST[(place * 7 + place // 30) % len(names.COMPANY_LAST)]}"
        if place >= len(names.COMPANY_FIRST) * len(names.COMPANY_LAST):
            name = f"{name} {place}"
        city, country, postcode = pick.choice(names.CITIES)
        odd = (
            names.ODD_NUMBERS[place // 9] if place % 9 == 4 and place // 9 < len(names.ODD_NUMBERS) else None
        )
        mailbox = (
            f"accounts{place}@{''.join(c for c in first.lower() if c.isascii() and c.isalpha())}.example"
        )
        row = company.create_customer(
            name,
            number=odd,
            currency=pick.choice(("", "", "", "", "", "USD", "EUR", "DKK")),
            payment_term=pick.choice(("CM", "14 DAYS", "30 DAYS", "30 DAYS", "60 DAYS")),
            address1=f"{pick.randrange(1, 200)} Station Road",
            city=city,
            country=country,
            postcode=postcode,
            phone="" if place % 6 == 5 else f"+44 20 7946 {pick.randrange(1000, 9999)}",
            email=""
            if place % 8 == 7
            else f"{mailbox};office{place}@example.org"
            if place % 5 == 2
            else mailbox,
            salesperson_code=pick.choice(("JO", "HR", "OF", "")),
            credit_limit=Decimal(pick.choice((0, 0, 5000, 20000, 75000))),
            vat_no=f"{country}{pick.randrange(10**8, 10**9)}",
            blocked={11: "All", 17: "Invoice", 23: "Ship"}.get(place % 40, " "),
        )
        self.people_of[row.id] = next(reversed(company.contacts))
        self._dimensions(row, place)
        return row

    def _dimensions(self, row: r.Customer, place: int) -> None:
        company = self.company
        group = ("SMALL", "SMALL", "MEDIUM", "LARGE", "PRIVATE")[self.random.randrange(5)]
        if place % 13 == 6:
            pass
        elif place % 13 == 9:
            company.put_default_dimension(row.id, "CUSTOMERGROUP", None)
        elif place % 20 == 19:
            company.set_default_dimension(row.id, "CUSTOMERGROUP", "LEGACY")
        elif place % 17 == 8:
            company.set_default_dimension(row.id, "CUSTOMERGROUP", "INTERCOMPANY")
            row.intercompany = f"ICP{place}"
        else:
            company.set_default_dimension(row.id, "CUSTOMERGROUP", group)
        if place % 3:
            company.set_default_dimension(row.id, "AREA", names.AREAS[place % len(names.AREAS)][0])

    def _contact(self, place: int) -> r.Contact:
        pick = self.random
        customer = self.customers[place % len(self.customers)]
        first, last = pick.choice(names.FIRST_NAMES), pick.choice(names.LAST_NAMES)
        mailbox = f"{first}.{last}".lower().replace(" ", "").replace("'", "")
        return self.company.create_contact(
            f"{first} {last}",
            company=self.people_of.get(customer.id) if place % 19 != 18 else None,
            number="+917796636577" if place == 5 else None,
            first_name=first,
            last_name=last,
            job_title=pick.choice(names.TITLES),
            phone="" if place % 4 == 3 else f"+44 161 {pick.randrange(1000000, 9999999)}",
            email=f"{mailbox}{place}@example.com".encode("ascii", "ignore").decode(),
            city=customer.city,
            country=customer.country,
            privacy_blocked=place % 31 == 30,
        )

    def _special_cards(self) -> None:
        """Bill-to elsewhere, a contact that is customer and vendor, rows that never had a stamp."""
        company, customers = self.company, self.customers
        if len(customers) > 5:
            company.edit_customer(customers[3].id, bill_to_id=customers[2].id)
            company.relate_contact(self.people_of[customers[1].id], "Vendor", "V00010")
            company.forget_stamp("customers", customers[4].id)
            company.forget_stamp("contacts", self.people_of[customers[5].id])

    # A year of business ---------------------------------------------------------------------------

    def year(self, invoices: int) -> None:
        buyers = [x for x in self.customers if x.blocked == " "]
        for customer in buyers[::9]:
            self.calendar.plan(self.first_day, self._opening(customer))
        for place in range(invoices):
            on = self.first_day + timedelta(days=1 + place * 363 // max(invoices, 1))
            customer = buyers[min(int(self.random.paretovariate(0.9)) - 1, 10**6) % len(buyers)]
            if self.random.random() < 0.6:
                customer = self.random.choice(buyers)
            self.calendar.plan(on, self._sale(customer, place))
        self.calendar.run()
        self._drafts(buyers)

    def _money(self, low: int, high: int) -> Decimal:
        return Decimal(self.random.randrange(low * 100, high * 100)) / 100

    def _opening(self, customer: r.Customer) -> Event:
        amount = self._money(50, 900)

        def event(on: date) -> None:
            entry = self.company.post_opening_balance(
                customer.id, amount, customer.currency_code, due=on + timedelta(days=14), on=on
            )
            if int(amount) % 3:
                later = on + timedelta(days=40)
                self.calendar.plan(later, lambda day: self._receive(entry.entry_no, Decimal(1), day))

        return event

    def _sale(self, customer: r.Customer, place: int) -> Event:
        def event(on: date) -> None:
            if place % 41 == 40:
                self.company.post_journal_invoice(
                    customer.id,
                    self._money(20, 800),
                    customer.currency_code,
                    due=on + timedelta(days=30),
                    on=on,
                )
                return
            if place % 97 == 96:
                self.company.post_finance_charge(
                    customer.id, self._money(5, 60), customer.currency_code, on, on
                )
                return
            self._invoice(customer, place, on)

        return event

    def _invoice(self, customer: r.Customer, place: int, on: date) -> None:
        draft = self.company.create_invoice(
            customer.id,
            lines=list(self._lines(place)),
            on=on,
            external_number=f"PO-{self.random.randrange(1000, 9999)}" if place % 3 else "",
            your_reference="OPEN" if place % 7 == 0 else "",
        )
        invoice = self.company.post_document(draft.id)
        entry_no = invoice.entry_no or 0
        days_late = int(self.random.gauss(8, 16))
        paid_on = max(invoice.due_date + timedelta(days=days_late), on + timedelta(days=2))
        settled_by_now = (self.today - on).days > 120 and self.random.random() < 0.75
        fate = self.random.random() * (0.70 if settled_by_now else 1)
        if fate < 0.70:
            self.calendar.plan(paid_on, lambda day: self._receive(entry_no, Decimal(1), day))
        elif fate < 0.78:
            share = Decimal(self.random.randrange(20, 80)) / 100
            self.calendar.plan(paid_on, lambda day: self._receive(entry_no, share, day))
        elif fate < 0.83:
            self.calendar.plan(on + timedelta(days=10), lambda day: self._credit(invoice, day))
        elif fate < 0.86:
            self.calendar.plan(paid_on, lambda day: self._receive(entry_no, Decimal("1.25"), day))
        elif fate < 0.88:
            self.calendar.plan(on + timedelta(days=3), lambda day: self._cancel(invoice, day))
        elif fate < 0.91:
            self.calendar.plan(paid_on, lambda day: self._on_account(invoice, day))
        elif fate < 0.95:
            self.calendar.plan(on + timedelta(days=20), lambda day: self._dispute(invoice))
        elif fate < 0.98:
            promised = max(paid_on, self.today) + timedelta(days=7)
            self.calendar.plan(on + timedelta(days=25), lambda day: self._promise(invoice, promised))

    def _lines(self, place: int) -> Iterator[dict[str, object]]:
        yield {"type": "Comment", "description": f"Order {101000 + place}"}
        for _ in range(self.random.randrange(1, 4)):
            number, text = self.random.choice(names.ITEMS)
            yield {
                "type": "Item",
                "object_number": number,
                "description": text,
                "quantity": Decimal(self.random.randrange(1, 12)),
                "unit_price": self._money(15, 420),
                "tax_percent": Decimal(20),
            }

    def _receive(self, entry_no: int, share: Decimal, on: date) -> None:
        entry = self.company.entry(entry_no)
        amount = self.company.round(entry.remaining * share, entry.currency_code)
        if share == 1 and int(amount) % 37 == 36 and on <= entry.due_date:
            discount = self.company.round(amount / 50, entry.currency_code)
            self.company.post_payment(
                entry.customer_id, amount - discount, apply_to=str(entry_no), on=on, discount=discount
            )
        elif amount > 0:
            self.company.post_payment(entry.customer_id, amount, apply_to=str(entry_no), on=on)

    def _credit(self, invoice: r.SalesDocument, on: date) -> None:
        amount = self.company.round(invoice.gross / 4, invoice.currency_code)
        applied = invoice.id if int(amount) % 2 else None
        self.company.post_credit_memo(
            invoice.customer_id, amount, applies_to=applied, on=on, currency=invoice.currency_code
        )

    def _cancel(self, invoice: r.SalesDocument, on: date) -> None:
        if invoice.wire_status == "Open":
            self.company.cancel_invoice(invoice.id, on)

    def _on_account(self, invoice: r.SalesDocument, on: date) -> None:
        self.company.post_payment(invoice.bill_to_id, invoice.gross, invoice.currency_code, on=on)

    def _dispute(self, invoice: r.SalesDocument) -> None:
        if invoice.wire_status == "Open":
            self.company.dispute(invoice.id, self.random.choice(("QUALITY", "PRICE", "LOST")))

    def _promise(self, invoice: r.SalesDocument, promised: date) -> None:
        if invoice.wire_status == "Open":
            self.company.promise(invoice.id, promised)

    def _drafts(self, buyers: list[r.Customer]) -> None:
        """A draft, one in review, one released but not posted."""
        drafts = [
            self.company.create_invoice(x.id, amount=self._money(50, 500), on=self.today) for x in buyers[:3]
        ]
        if len(drafts) == 3:
            self.company.request_approval(drafts[1].id)
            self.company.release(drafts[2].id)


def generate(
    world: World,
    customers: int = 40,
    contacts: int | None = None,
    invoices: int | None = None,
    seed: int = 7,
    name: str = "Meridian Supplies Ltd.",
    local_currency: str = "GBP",
) -> Company:
    """A company with a year of business before the world's clock; three contacts and ten invoices a customer."""
    first_day = world.clock().date() - timedelta(days=400)
    with world.at(datetime.combine(first_day, time(7, 30), UTC)):
        company = world.add_company(name, display_name="", local_currency=local_currency)
        maker = Generator(world, company, seed)
        set_up(company, first_day)
        set_up_dimensions(company)
        maker.cards(customers, customers * 3 if contacts is None else contacts)
    maker.year(customers * 10 if invoices is None else invoices)
    return company
