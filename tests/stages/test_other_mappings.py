"""Another mapping reads the lake again; codes nobody knows are noted, and who is excluded takes the documents along."""

from __future__ import annotations

from decimal import Decimal

from sync_engine.ops.runs.replay import replay_source
from tests.stages.conftest import RigMaker
from tests.stages.other_mappings import Newer, Shouting
from tests.stages.snapshots import snapshot
from tests.stages.support import Rig
from tests.stages.truth import assert_counted, assert_true


def test_another_mapping_reads_the_lake_again(rig: Rig) -> None:
    """A new mapping version re-normalises what is landed: masters and documents change, the source is not asked for them, amounts stay."""
    rig.run()
    invoice = next(x for x in rig.company.invoices.values() if x.posted)
    rig.advance(hours=1)
    rig.company.pay_invoice(
        next(x.id for x in rig.company.invoices.values() if x.posted and rig.company.remaining_of(x)),
        Decimal(5),
    )
    rig.run()
    asked = len(rig.simulator.requests(r"/(customers|salesInvoices)\?.*"))
    files = rig.files()
    rig.wrap = Shouting
    outcome = rig.run(entities=())
    assert len(rig.simulator.requests(r"/(customers|salesInvoices)\?.*")) - asked == 0
    assert rig.files() == files
    assert rig.debtor(next(iter(rig.company.customers.values())).number)["name"] == "DEBTOR 0 & CO"
    assert rig.document(invoice.number)["reference"] == f"R-{invoice.number}"
    assert_counted(rig, outcome)
    assert_true(rig)
    again = snapshot(rig.store)
    assert rig.run(entities=()).cut.changes == 0
    assert snapshot(rig.store) == again


def test_an_owner_nobody_knows_stays_told_under_another_mapping(rig: Rig) -> None:
    """The mapping reads everything again and changes nothing about the debtor: that its owner is unknown is no less so, nor after a replay."""
    customer = next(iter(rig.company.customers.values()))
    rig.company.edit_customer(customer.id, salesperson_code="GONE")
    rig.run()
    told = [("owner", "GONE", customer.id)]
    assert rig.rows("SELECT field, code, key FROM engine.code_gap") == told
    rig.wrap = Newer
    rig.run(entities=())
    assert rig.rows("SELECT field, code, key FROM engine.code_gap") == told
    rig.wrap = None
    replay_source(rig.runtime, rig.config)
    assert rig.rows("SELECT field, code, key FROM engine.code_gap") == told


def test_a_code_nobody_knows_is_noted_and_cleared(rig: Rig) -> None:
    """A country that is no ISO code leaves the field out and counts as a gap until the card says something known."""
    customer = next(iter(rig.company.customers.values()))
    rig.company.edit_customer(customer.id, country="UTOPIA")
    rig.run()
    assert rig.rows("SELECT field, code, key FROM engine.code_gap") == [("country", "UTOPIA", customer.id)]
    assert rig.debtor(customer.number)["country"] is None
    rig.advance(hours=1)
    rig.company.edit_customer(customer.id, country="DK")
    rig.run()
    assert rig.rows("SELECT * FROM engine.code_gap") == []
    assert rig.debtor(customer.number)["country"] == "DK"


def test_strict_positions_leave_unmapped_titles_as_gaps(make_rig: RigMaker) -> None:
    """In strict mode a title without a rule gives no position and is listed; with a rule it is the rule's."""
    rig = make_rig(mapping={"positions": {"strict": True, "rules": {"Controller": "Finance"}}})
    person = next(x for x in rig.company.contacts.values() if x.type == "Person")
    rig.company.retitle_contact(person.number, "Overlord")
    rig.run()
    gaps = rig.rows("SELECT DISTINCT field, code FROM engine.code_gap")
    assert gaps == [("position", "Overlord")]
    assert rig.rows("SELECT DISTINCT name FROM canonical.contact_position") == [("Finance",)]
    rig.advance(hours=1)
    rig.company.retitle_contact(person.number, "controller")
    rig.run()
    assert rig.rows("SELECT * FROM engine.code_gap") == []


def test_an_excluded_debtor_takes_its_documents_out(make_rig: RigMaker) -> None:
    """Customers outside the filter are excluded, their documents wait, and nothing of them is published."""
    rig = make_rig(mapping={"exclude_debtors": ["10000"]})
    outcome = rig.run()
    assert (
        rig.one(
            "SELECT count(*) FROM canonical.debtor WHERE number = '10000' AND NOT excluded AND deleted_at IS NULL"
        )
        == 0
    )
    owner = next(x.id for x in rig.company.customers.values() if x.number == "10000")
    assert rig.one("SELECT count(*) FROM canonical.document WHERE debtor_key = :k", k=owner) == 0
    assert_counted(rig, outcome)
