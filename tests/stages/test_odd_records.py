"""Records that cannot be used, or not yet: put aside with a reason, healed by themselves, never lost and never guessed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from sync_engine.store.publishing.orphans import HISTORY
from tests.simulators.business_central.spoiled_answers import InnerLink, MalformedRecord, Rewrites, ShortSweep
from tests.stages.conftest import RigMaker
from tests.stages.other_mappings import Lenient
from tests.stages.support import Rig
from tests.stages.truth import assert_counted, assert_sound, assert_true


def _quarantined(rig: Rig) -> dict[str, str]:
    """Entity -> error of what is put aside."""
    return dict(rig.rows("SELECT entity, error FROM engine.quarantine JOIN engine.stream USING (stream_id)"))


def _in_place_of(value: str, odd: bytes) -> Callable[[bytes], bytes]:
    """Writes `odd` where this text stands in an answer."""
    return lambda body: body.replace(b'"' + value.encode() + b'"', b'"' + odd + b'"')


def test_one_bad_value_costs_its_record(rig: Rig) -> None:
    """Half a character, another code page, NUL and U+001F in a key, an endless key, a nesting of 1,500: six records wait, all others arrive."""
    company = rig.company
    invoice = next(x for x in company.invoices.values() if x.posted)
    memo = next(x for x in company.credit_memos.values() if x.posted)
    term = next(iter(company.payment_terms.values()))
    method = next(iter(company.payment_methods.values()))
    status = next(iter(company.dispute_statuses.values()))
    value = next(iter(company.dimension_values.values()))
    rig.simulator.inject(
        Rewrites(_in_place_of(invoice.number, rb"cut \ud83c"), match=r"/salesInvoices\?.*expand"),
        Rewrites(_in_place_of(memo.number, b"S\xd8N"), match=r"/salesCreditMemos(\?|$)"),
        Rewrites(_in_place_of(status.id, rb"a\u0000b"), match=r"/disputeStatus(\?|$)"),
        Rewrites(_in_place_of(method.id, b"k" * 6000), match=r"/paymentMethods(\?|$)"),
        Rewrites(_in_place_of(value.code, rb"a\u001fb"), match=r"reportsFinance.*/dimensionValues"),
        Rewrites(
            lambda body: body.replace(
                b'"id":"' + term.id.encode() + b'"',
                b'"id":"' + term.id.encode() + b'","x":' + b"[" * 1500 + b"]" * 1500,
            ),
            match=r"/paymentTerms(\?|$)",
        ),
    )
    outcome = rig.run()
    found = dict(
        rig.rows(
            "SELECT entity, message FROM engine.quarantine JOIN engine.stream USING (stream_id) WHERE error = 'Unreadable'"
        )
    )
    assert {
        entity: message.partition(": ")[2].partition(". Correct")[0] for entity, message in found.items()
    } == {
        "salesInvoices": "holds half a character (a lone surrogate)",
        "salesCreditMemos": "holds bytes that are not UTF-8",
        "disputeStatus": "has no id",
        "paymentMethods": "has no id",
        "financeDimensionValues": "its key holds a character that no database stores",
        "paymentTerms": "is nested deeper than 180 levels",
    }
    assert rig.one("SELECT count(*) FROM engine.quarantine") == 6
    assert_counted(rig, outcome)
    documents = len([x for x in (*company.invoices.values(), *company.credit_memos.values()) if x.posted])
    assert (
        rig.one("SELECT count(*) FROM canonical.document WHERE external_id NOT LIKE 'ledger/%'")
        == documents - 2
    )
    rig.simulator.heal()
    rig.run(full=True)
    assert _quarantined(rig) == {}
    assert_true(rig)
    assert_sound(rig)


def test_an_endless_key_costs_its_record(rig: Rig) -> None:
    """A key is a person's text, and no index holds 6,000 characters: it waits, and the other values of its dimension arrive."""
    value = next(iter(rig.company.dimension_values.values()))
    endless = Rewrites(_in_place_of(value.code, b"k" * 6000), match=r"reportsFinance.*/dimensionValues")
    rig.simulator.inject(endless)
    assert_counted(rig, rig.run())
    ((entity, message),) = rig.rows(
        "SELECT entity, message FROM engine.quarantine JOIN engine.stream USING (stream_id)"
    )
    assert entity == "financeDimensionValues"
    assert "its key has 6,0" in message
    rig.simulator.heal()
    rig.run(full=True)
    assert _quarantined(rig) == {}
    assert_true(rig)


def test_two_of_three_lines_are_not_the_invoice(rig: Rig) -> None:
    """A line is held back without a word: the invoice waits and says so. Behind a link, it is fetched and the invoice is whole."""
    lines: list[dict[str, object]] = [
        {"description": f"line {n}", "quantity": n, "unit_price": 10} for n in (3, 5, 2)
    ]
    invoice = rig.company.post_invoice(next(iter(rig.company.customers)), lines=lines)
    rig.simulator.inject(InnerLink("salesInvoiceLines", keep=2, told=False, match="/salesInvoices"))
    rig.run()
    ((key, message),) = rig.rows("SELECT key, message FROM engine.quarantine")
    assert key == invoice.id
    assert "2 lines add up to" in message
    assert "without tax, the document says 100: lines are missing" in message
    rig.simulator.heal()
    rig.simulator.inject(InnerLink("salesInvoiceLines", keep=2, match="/salesInvoices"))
    rig.run(full=True)
    assert _quarantined(rig) == {}
    assert (
        rig.one(
            "SELECT sum(net) FROM canonical.document_line l JOIN canonical.document d ON d.id = l.document_id WHERE d.external_no = :n",
            n=invoice.number,
        )
        == 100
    )
    assert_true(rig)


def test_a_row_without_a_key_buries_nobody(rig: Rig) -> None:
    """A sweep with a keyless row deletes nothing but keyless rows of before, until a person believes it or the row is mended."""
    rig.run()
    odd = next(iter(rig.company.customers))
    rig.simulator.inject(MalformedRecord("id", None, record_id=odd, match=r"/customers(\?|$)"))
    outcome = rig.run(full=True)
    assert "came without a usable key" in " ".join(outcome.warnings)
    assert rig.one("SELECT count(*) FROM canonical.debtor WHERE deleted_at IS NULL") == 11
    assert _quarantined(rig) == {"customers": "Unreadable"}
    rig.simulator.heal()
    assert rig.run(full=True).warnings == []
    assert _quarantined(rig) == {}
    assert_true(rig)


@pytest.mark.parametrize("odd", [b"null", b"7", b'"n/a"'], ids=["null", "a number", "text"])
def test_a_link_that_names_no_contact_buries_none(make_rig: RigMaker, odd: bytes) -> None:
    """Asked customer by customer, one row names what cannot be a contact: it is put aside, and the contact keeps its debtor."""
    rig = make_rig(installed={"version": 22}, route="invoices")
    rig.run()
    found = """
        SELECT l.external_id, d.number FROM canonical.contact c JOIN canonical.link l ON l.entity = 'contact' AND l.canonical_id = c.id
        JOIN canonical.debtor d ON d.id = c.debtor_id WHERE c.deleted_at IS NULL ORDER BY 1
        """
    before = rig.rows(found)
    contact = before[0][0].encode()
    rig.simulator.inject(
        Rewrites(
            lambda body: body.replace(b'"contactId":"' + contact + b'"', b'"contactId":' + odd),
            match="/contactsInformation",
        )
    )
    outcome = rig.run(full=True)
    assert rig.rows(found) == before
    assert "came without a usable key" in " ".join(outcome.warnings)
    assert _quarantined(rig) == {"contactsInformation": "Unreadable"}
    rig.simulator.heal()
    rig.run(full=True)
    assert (rig.rows(found), _quarantined(rig)) == (before, {})


def test_documents_wait_for_their_debtors(rig: Rig) -> None:
    """Invoices and entries read before their customers are quarantined as ParentMissing, and heal when the customers arrive."""
    outcome = rig.run(
        entities=(
            "companyInformation",
            "salesInvoices",
            "salesCreditMemos",
            "ledgerEntriesApi",
            "detailedEntriesApi",
        )
    )
    assert _quarantined(rig) == {
        "salesInvoices": "ParentMissing",
        "salesCreditMemos": "ParentMissing",
        "ledgerEntriesApi": "ParentMissing",
    }
    assert rig.one("SELECT count(*) FROM canonical.document") == 0
    assert rig.one("SELECT message FROM engine.quarantine LIMIT 1").endswith(
        "see whether that debtor is excluded or quarantined."
    )
    assert_counted(rig, outcome)
    assert_counted(rig, rig.run())
    assert _quarantined(rig) == {}
    assert_true(rig)
    assert_sound(rig)


def test_waiting_documents_heal_without_being_read_again(rig: Rig) -> None:
    """What waits in staging needs no second landing: the customers alone bring it in."""
    rig.run(
        entities=(
            "companyInformation",
            "salesInvoices",
            "salesCreditMemos",
            "ledgerEntriesApi",
            "detailedEntriesApi",
        )
    )
    files = {x for x in rig.files() if "/sales" in x or "Entries" in x}
    cards = (
        "dimensions",
        "dimensionValues",
        "financeDimensionValues",
        "customers",
        "customerCard",
        "defaultDimensions",
        "contacts",
        "customerContacts",
    )
    rig.run(entities=cards)
    assert {x for x in rig.files() if "/sales" in x or "Entries" in x} == files
    assert_true(rig)


def test_a_payment_on_a_waiting_document_waits_with_it(make_rig: RigMaker) -> None:
    """What is open was read again while the invoice waited for its debtor: it is published with that, and the wait loses nothing."""
    rig = make_rig(route="invoices")
    rig.run()
    rig.advance(hours=1)
    customer = rig.company.create_customer("New & Son")
    invoice = rig.company.post_invoice(customer.id, Decimal(300))
    rig.run(entities=("salesInvoices", "openInvoices"))
    rig.company.pay_invoice(invoice.id, Decimal(100))
    rig.run(entities=("openInvoices",))
    assert _quarantined(rig) == {"salesInvoices": "ParentMissing"}
    rig.run(entities=("customers",))
    assert rig.document(invoice.number)["open_amount"] == rig.company.remaining_of(invoice)
    rig.company.dispute(invoice.id, "QUALITY")
    rig.run()
    assert rig.document(invoice.number)["open_amount"] == rig.company.remaining_of(invoice)
    assert_sound(rig)


def test_history_of_a_debtor_that_turns_up_after_all(rig: Rig) -> None:
    """A list of customers that ended early made one look deleted: what is settled was excluded, what is open put aside; a whole list heals both."""
    rig.simulator.inject(ShortSweep(keep=9, match=r"/customers(\?|$)", times=1))
    rig.run()
    reasons = dict(
        rig.rows(
            "SELECT reason, count(*) FROM engine.source_record WHERE state <> 0 AND reason IN (:h, 'quarantined') GROUP BY 1",
            h=HISTORY,
        )
    )
    assert set(reasons) == {HISTORY, "quarantined"}
    assert rig.one("SELECT count(*) FROM engine.quarantine q WHERE error <> 'ParentMissing'") == 0
    rig.advance(hours=30)
    rig.run()
    assert (
        rig.one("SELECT count(*) FROM engine.source_record WHERE reason IN (:h, 'quarantined')", h=HISTORY)
        == 0
    )
    assert_true(rig)
    assert_sound(rig)


def test_one_malformed_record_among_many(rig: Rig) -> None:
    """A total that is no number puts that invoice aside and nothing else; corrected in the ERP it arrives."""
    invoice = next(x for x in rig.company.invoices.values() if x.posted)
    rig.simulator.inject(
        MalformedRecord(
            "totalAmountIncludingTax", "one hundred", record_id=invoice.number, match=r"/salesInvoices(\?|$)"
        )
    )
    outcome = rig.run()
    assert _quarantined(rig) == {"salesInvoices": "MappingFailed", "openInvoices": "MappingFailed"}
    ((field, message),) = rig.rows(
        "SELECT DISTINCT field, split_part(message, ': ', 2) FROM engine.quarantine"
    )
    assert field == "totalAmountIncludingTax"
    assert "one hundred" not in message
    assert (
        rig.one("SELECT count(*) FROM canonical.document WHERE external_id NOT LIKE 'ledger/%'")
        == sum(x.posted for x in (*rig.company.invoices.values(), *rig.company.credit_memos.values())) - 1
    )
    assert_counted(rig, outcome)
    rig.simulator.heal()
    rig.advance(hours=1)
    rig.run(full=True)
    assert _quarantined(rig) == {}
    assert_true(rig)
    assert_sound(rig)


def test_a_record_that_turns_bad_keeps_its_last_good_state(rig: Rig) -> None:
    """A debtor whose payload is broken today stays what it was yesterday, and is named in the quarantine."""
    customer = next(iter(rig.company.customers.values()))
    rig.run()
    rig.simulator.inject(
        MalformedRecord("creditLimit", "lots", record_id=customer.id, match=r"/customers(\?|$)")
    )
    rig.advance(hours=1)
    rig.company.edit_customer(customer.id, name="New name")
    rig.run()
    assert rig.debtor(customer.number)["name"] == "Debtor 0 & Co"
    assert _quarantined(rig) == {"customers": "MappingFailed"}
    rig.simulator.heal()
    rig.run(full=True)
    assert rig.debtor(customer.number)["name"] == "New name"
    assert _quarantined(rig) == {}


def test_a_quarantined_record_that_is_deleted_is_forgotten(rig: Rig) -> None:
    """Nobody can mend what is gone: the quarantine does not keep it."""
    customer = rig.company.create_customer("Broken & gone")
    rig.simulator.inject(
        MalformedRecord("creditLimit", "lots", record_id=customer.id, match=r"/customers(\?|$)")
    )
    rig.run()
    assert _quarantined(rig) == {"customers": "MappingFailed"}
    rig.simulator.heal()
    rig.company.delete_customer(customer.id)
    rig.run(full=True)
    assert _quarantined(rig) == {}


def test_quarantine_is_tried_again_when_a_person_asks(rig: Rig) -> None:
    """A retry maps the landed payload again without asking the source; it counts as another attempt while it fails."""
    customer = next(iter(rig.company.customers.values()))
    rig.simulator.inject(
        MalformedRecord("creditLimit", "lots", record_id=customer.id, match=r"/customers(\?|$)")
    )
    rig.run()
    rig.execute("UPDATE engine.quarantine SET retry_requested = true")
    outcome = rig.run(entities=())
    assert rig.rows(
        "SELECT attempts, retry_requested FROM engine.quarantine WHERE error = 'MappingFailed'"
    ) == [(2, False)]
    assert outcome.normalised["customers"].counts.quarantined == 1
    assert_counted(rig, outcome)
    rig.wrap = lambda inner: Lenient(inner, "creditLimit", "0")
    rig.execute("UPDATE engine.quarantine SET retry_requested = true")
    rig.run(entities=())
    assert _quarantined(rig) == {}
    assert_true(rig)
