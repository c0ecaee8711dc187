"""The traps that only a whole lane can fall into: what canonical says after them, by the number of the case."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sync_engine.errors import ConfigurationError
from tests.connectors.business_central.small_company import small
from tests.lanes.support import LaneMaker


def test_cases_05_09_10_11_documents_to_the_end(make_lane: LaneMaker) -> None:
    """A released draft is no receivable; posted, it is one document under the same id, in the local currency, owed by the bill-to."""
    source_run = make_lane(world=small)
    payer = source_run.company.customer("10000")
    branch = source_run.company.create_customer("Branch", bill_to=payer.number)
    draft = source_run.company.create_invoice(branch.id, amount=Decimal(64))
    source_run.company.release(draft.id)
    source_run.run()
    assert (
        source_run.one(
            "SELECT count(*) FROM canonical.document WHERE external_id = :id AND deleted_at IS NULL",
            id=draft.id,
        )
        == 0
    )
    source_run.company.post_document(draft.id)
    source_run.run()
    row = source_run.document(draft.number)
    assert (row["external_id"], row["debtor_key"], row["currency"], row["open_amount"]) == (
        draft.id,
        payer.id,
        "GBP",
        draft.gross,
    )
    assert (
        source_run.one("SELECT count(*) FROM canonical.document_line WHERE document_id = :id", id=row["id"])
        == 1
    )
    source_run.company.pay_invoice(draft.id, Decimal(4))
    source_run.run()
    assert source_run.one("SELECT DISTINCT currency FROM canonical.payment") == "GBP"
    assert source_run.document(draft.number)["open_amount"] == draft.gross - 4


def test_cases_16_17_18_names_change_and_nothing_moves(make_lane: LaneMaker) -> None:
    """A renamed value renames its portfolio, a blocked one archives it, a blank one empties it; a renumbered debtor is the same one."""
    source_run = make_lane(world=small)
    source_run.run()
    debtors = dict(source_run.rows("SELECT number, id FROM canonical.debtor"))
    assert source_run.portfolios() == {"10000": "SMALL", "10010": "SMALL", "10020": "SMALL"}
    assert {code for (code,) in source_run.rows("SELECT code FROM canonical.portfolio")} == {
        "SMALL",
        "LARGE",
    }, "headings are no portfolios, unused values are"
    source_run.company.rename_dimension_value("CUSTOMERGROUP", "SMALL", "TINY", "Tiny")
    source_run.company.block_dimension_value("CUSTOMERGROUP", "LARGE")
    source_run.company.set_default_dimension("10010", "CUSTOMERGROUP", "")
    source_run.company.remove_default_dimension("10020", "CUSTOMERGROUP")
    source_run.company.rename_customer("10000", "01121212")
    source_run.run(full=True, accept_deletes=True, accept_moves=True)
    assert source_run.portfolios() == {"01121212": "TINY", "10010": None, "10020": None}
    assert source_run.one("SELECT id FROM canonical.debtor WHERE number = '01121212'") == debtors["10000"]
    assert dict(source_run.rows("SELECT code, archived_at IS NOT NULL FROM canonical.portfolio")) == {
        "TINY": False,
        "LARGE": True,
    }


def test_case_17_a_mistyped_dimension_lists_the_codes_there_are(make_lane: LaneMaker) -> None:
    """Nothing is published until the YAML is right; then everything that was read is."""
    source_run = make_lane(world=small, dimension="CUSTOMERGRUP")
    with pytest.raises(ConfigurationError, match="CUSTOMERGROUP"):
        source_run.run()
    assert source_run.one("SELECT count(*) FROM canonical.debtor") == 0
    portfolio = source_run.config.portfolio
    assert portfolio is not None
    source_run.config = source_run.config.model_copy(
        update={"portfolio": portfolio.model_copy(update={"dimension": "CUSTOMERGROUP"})}
    )
    source_run.run()
    assert source_run.portfolios() == {"10000": "SMALL", "10010": "SMALL", "10020": "SMALL"}


def test_cases_22_26_what_is_deleted_keeps_its_row(make_lane: LaneMaker) -> None:
    """A contact that is gone is told so at the next sweep; one that must not be written to says so at once."""
    source_run = make_lane(world=small)
    source_run.run()
    first, second, _ = [x for x in source_run.company.contacts.values() if x.type == "Person"]
    source_run.company.delete_contact(first.number)
    source_run.company.edit_contact(second.number, privacy_blocked=True)
    source_run.bench.hands.time.advance(timedelta(hours=30))
    source_run.run()
    found = dict(source_run.rows("SELECT number, deleted_at IS NOT NULL FROM canonical.contact"))
    assert (found[first.number], found[second.number]) == (True, False)
    assert (
        source_run.one("SELECT privacy_blocked FROM canonical.contact WHERE number = :n", n=second.number)
        is True
    )


def test_case_33_the_control_account_ties_the_ledger(make_lane: LaneMaker) -> None:
    """Journals and opening balances are in no set of documents; with them the open items are what the general ledger says."""
    source_run = make_lane(world=small, connection={"control_accounts": ["2310"]})
    source_run.company.post_journal_invoice("10000", Decimal(55))
    source_run.company.post_opening_balance("10010", Decimal(66))
    source_run.company.post_payment("10010", Decimal(20))
    certificate = source_run.run().certificate
    assert certificate is not None
    anchor = next(check for check in certificate.checks if check.code == "C9")
    assert (anchor.verdict, Decimal(anchor.source_value or 0)) == (
        "holds",
        source_run.company.receivables_in_general_ledger(),
    )
