"""What the simulated company holds, and whether the store says the same."""

from __future__ import annotations

from decimal import Decimal

from tests.simulators.business_central.world import Company
from tests.stages.support import Outcome, Rig

_OPEN = """
    SELECT x.debtor, x.currency, sum(x.amount), coalesce(sum(x.base), 0) FROM (
        SELECT debtor_key AS debtor, currency, CASE kind WHEN 'credit_note' THEN -open_amount ELSE open_amount END AS amount,
               CASE kind WHEN 'credit_note' THEN -open_amount_base ELSE open_amount_base END AS base
        FROM canonical.document WHERE source = :source AND deleted_at IS NULL AND erp_status <> 'draft' AND (erp_status <> 'void' OR entry_no IS NOT NULL)
        UNION ALL
        SELECT debtor_key, currency, CASE kind WHEN 'refund' THEN unapplied_amount ELSE -unapplied_amount END,
               CASE kind WHEN 'refund' THEN unapplied_amount_base ELSE -unapplied_amount_base END
        FROM canonical.payment WHERE source = :source AND deleted_at IS NULL) x
    GROUP BY 1, 2
"""


def open_amounts(rig: Rig) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """(debtor key, currency) -> open amount and the same in base currency, where not nought."""
    rows = rig.rows(_OPEN, source=rig.config.source)
    return {(d, c): (a, b) for d, c, a, b in rows if a or b}


def true_open_amounts(company: Company) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """The same from the simulator's ledger."""
    found: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    for entry in company.entries.values():
        if entry.open:
            key = (entry.customer_id, entry.currency_code or company.local_currency)
            amount, base = found.get(key, (Decimal(0), Decimal(0)))
            found[key] = (amount + entry.remaining, base + entry.remaining_lcy)
    return {key: figures for key, figures in found.items() if any(figures)}


def open_invoices(rig: Rig) -> dict[str, Decimal]:
    """Number -> open amount of invoices still open, as far as canonical knows."""
    return dict(
        rig.rows(
            """
        SELECT external_no, open_amount FROM canonical.document WHERE source = :s AND kind = 'invoice' AND deleted_at IS NULL
            AND open_amount <> 0 AND erp_status NOT IN ('void', 'draft')
        """,
            s=rig.config.source,
        )
    )


def true_open_invoices(company: Company, *, released: bool = False) -> dict[str, Decimal]:
    """The same from the simulator's posted invoices; with the released ones, which a reader without any ledger cannot tell from them."""
    owing = [x for x in company.invoices.values() if x.posted or (released and x.state == "Released")]
    return {x.number: company.owed_of(x) for x in owing if company.owed_of(x)}


def portfolios_of(rig: Rig) -> dict[str, str | None]:
    """Debtor number -> code of its portfolio."""
    return dict(
        rig.rows(
            "SELECT d.number, p.code FROM canonical.debtor d LEFT JOIN canonical.portfolio p ON p.id = d.portfolio_id WHERE d.deleted_at IS NULL"
        )
    )


def true_portfolios(company: Company, dimension: str = "CUSTOMERGROUP") -> dict[str, str | None]:
    """Customer number -> code of the value on its card; headings, totals and vanished values give none."""
    found: dict[str, str | None] = {}
    for row in company.customers.values():
        card = company.default_dimension(row.id, dimension)
        value = company.dimension_values.get(card.value_id or "") if card else None
        found[row.number] = value.code if value and value.type == "Standard" else None
    return found


def positions_of(rig: Rig) -> dict[str, str | None]:
    """Contact number -> position of living contacts."""
    return dict(
        rig.rows("""
        SELECT c.number, p.name_key FROM canonical.contact c LEFT JOIN canonical.contact_position p ON p.id = c.position_id WHERE c.deleted_at IS NULL
        """)
    )


def true_positions(company: Company) -> dict[str, str | None]:
    """Contact number -> folded title of persons whose company is a customer's contact."""
    customers = {
        contact.id
        for customer in company.customers
        for contact in [company.company_contact(customer)]
        if contact
    }
    return {
        x.number: x.job_title.strip().casefold() or None
        for x in company.contacts.values()
        if x.type == "Person" and x.company_id in customers
    }


def assert_true(rig: Rig) -> None:
    """Canonical ties to the simulator: what is open per debtor and currency, who there is, portfolios and positions."""
    company = rig.company
    assert open_amounts(rig) == true_open_amounts(company)
    assert open_invoices(rig) == true_open_invoices(company)
    debtors = {
        number
        for (number,) in rig.rows(
            "SELECT number FROM canonical.debtor WHERE deleted_at IS NULL AND NOT excluded"
        )
    }
    assert debtors == {customer.number for customer in company.customers.values()}
    assert portfolios_of(rig) == true_portfolios(company)
    assert positions_of(rig) == true_positions(company)


def assert_sound(rig: Rig) -> None:
    """Nothing half done: no open run, no orphan, nothing waiting, no cursor ahead of what is landed, files as the manifest says where it knows of no damage."""
    assert rig.one("SELECT count(*) FROM engine.run WHERE finished_at IS NULL") == 0
    assert (
        rig.rows(
            "SELECT DISTINCT source FROM engine.source_record JOIN engine.stream USING (stream_id) WHERE dirty"
        )
        == []
    )
    assert (
        rig.rows("SELECT path FROM engine.lake_manifest WHERE normalised_as IS NULL OR published_at IS NULL")
        == []
    )
    for child, parent, key in (
        ("document", "debtor", "debtor_id"),
        ("payment", "debtor", "debtor_id"),
        ("contact", "debtor", "debtor_id"),
        ("document_line", "document", "document_id"),
        ("debtor_dimension", "debtor", "debtor_id"),
        ("debtor", "portfolio", "portfolio_id"),
        ("contact", "contact_position", "position_id"),
    ):
        alive = "" if child == "document_line" else "AND c.deleted_at IS NULL"
        orphans = rig.one(f"""
            SELECT count(*) FROM canonical.{child} c
            WHERE c.{key} IS NOT NULL {alive} AND NOT EXISTS (SELECT FROM canonical.{parent} p WHERE p.id = c.{key})
            """)
        assert orphans == 0, f"{orphans} of {child} without their {parent}"
    assert (
        rig.rows("""
        SELECT d.external_no, d.open_amount, d.total - coalesce(d.ledger_difference, 0), i.n, i.open_amount, i.amount FROM canonical.document d
        LEFT JOIN (SELECT document_id, count(*) AS n, max(number) AS last, sum(open_amount) AS open_amount, sum(amount) AS amount
            FROM canonical.instalment WHERE deleted_at IS NULL GROUP BY 1) i ON i.document_id = d.id
        WHERE d.deleted_at IS NULL AND (d.open_amount, d.total - coalesce(d.ledger_difference, 0), i.last) IS DISTINCT FROM (i.open_amount, i.amount, i.n)
        """)
        == []
    ), "instalments are their document"
    assert (
        rig.rows("""
        SELECT i.external_id FROM canonical.instalment i LEFT JOIN canonical.document d ON d.id = i.document_id
        WHERE i.deleted_at IS NULL AND (d.id IS NULL OR d.deleted_at IS NOT NULL)
        """)
        == []
    ), "an instalment goes with its document"
    for end in ("from_id", "to_id"):
        assert (
            rig.rows(f"""
            SELECT external_id FROM canonical.application a WHERE deleted_at IS NULL
              AND NOT EXISTS (SELECT FROM canonical.payment p WHERE p.id = a.{end} AND p.deleted_at IS NULL)
              AND NOT EXISTS (SELECT FROM canonical.document d WHERE d.id = a.{end} AND d.deleted_at IS NULL)
            """)
            == []
        )
    assert (
        rig.one(
            "SELECT count(*) FROM engine.source_record r WHERE NOT EXISTS (SELECT FROM engine.lake_manifest m WHERE m.batch_id = r.batch_id)"
        )
        == 0
    )
    manifest = rig.rows(
        "SELECT path FROM engine.lake_manifest m JOIN engine.stream s USING (stream_id) WHERE s.source = :s AND m.damage IS NULL",
        s=rig.config.source,
    )
    known = {path for (path,) in manifest}
    assert known <= set(rig.files())


def assert_counted(rig: Rig, outcome: Outcome) -> None:
    """read = changed + unchanged + quarantined + excluded, in every step of the run."""
    steps = rig.rows(
        "SELECT stage, entity, read, changed + unchanged + quarantined + excluded FROM engine.run_step WHERE run_id = :r",
        r=outcome.run_id,
    )
    assert steps
    assert [step for step in steps if step[2] != step[3]] == []
