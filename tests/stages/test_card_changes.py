"""Cards change: numbers, names, dimensions, contacts. Ids stay, and so do the canonical records."""

from __future__ import annotations

import pytest

from sync_engine.errors import ConfigurationError
from tests.stages.conftest import RigMaker
from tests.stages.support import Rig
from tests.stages.truth import assert_sound, assert_true, portfolios_of, positions_of


def _settle(rig: Rig, *, full: bool = False) -> None:
    rig.advance(hours=1)
    rig.run(full=full)
    assert_true(rig)
    assert_sound(rig)


def _portfolios(rig: Rig) -> dict[str, tuple[str, bool]]:
    """Code -> name and whether it is archived."""
    return {
        code: (name, archived)
        for code, name, archived in rig.rows(
            "SELECT code, name, archived_at IS NOT NULL FROM canonical.portfolio"
        )
    }


def test_a_renumbered_customer_stays_the_same_debtor(rig: Rig) -> None:
    """The number changes wherever it is shown; the debtor, its documents and its money stay where they are. [case 18]"""
    customer = next(iter(rig.company.customers.values()))
    rig.run()
    debtor = rig.debtor(customer.number)["id"]
    rig.company.rename_customer(customer.id, "#1303")
    _settle(rig)
    assert rig.debtor("#1303")["id"] == debtor


@pytest.mark.parametrize("route", ["odata_page", "reports_finance"])
def test_a_renumbered_customer_keeps_entries_told_by_number(make_rig: RigMaker, route: str) -> None:
    """On routes that name the customer by number only, a new number must not move or lose what was posted before."""
    rig = make_rig(route=route)
    customer = next(iter(rig.company.customers.values()))
    rig.run()
    money = rig.rows("SELECT external_id, debtor_id FROM canonical.payment ORDER BY 1")
    rig.advance(hours=1)
    rig.company.rename_customer(customer.id, "00042")
    rig.run()
    assert rig.rows("SELECT external_id, debtor_id FROM canonical.payment ORDER BY 1") == money
    assert_sound(rig)


def test_a_number_given_to_another_customer_does_not_move_money(make_rig: RigMaker) -> None:
    """Two customers swap numbers: entries told by number follow the customer whose number it is now in the ledger too."""
    rig = make_rig(route="odata_page")
    first, second = list(rig.company.customers.values())[:2]
    rig.run()
    rig.advance(hours=1)
    one, two = first.number, second.number
    rig.company.rename_customer(first.id, "TEMP")
    rig.company.rename_customer(second.id, one)
    rig.company.rename_customer(first.id, two)
    _settle(rig)


def test_a_renamed_dimension_value_renames_its_portfolio(rig: Rig) -> None:
    """The value's id stays, so the portfolio does, under its new code and name. [case 16]"""
    rig.run()
    before = dict(rig.rows("SELECT code, id FROM canonical.portfolio"))
    rig.advance(hours=1)
    rig.company.rename_dimension_value("CUSTOMERGROUP", "SMALL", "TINY", "Tiny ones")
    _settle(rig)
    assert dict(rig.rows("SELECT code, id FROM canonical.portfolio"))["TINY"] == before["SMALL"]
    assert _portfolios(rig)["TINY"] == ("Tiny ones", False)


def test_a_blocked_value_archives_its_portfolio_and_comes_back(rig: Rig) -> None:
    """Blocking archives, unblocking brings back; the debtors keep what their card says."""
    rig.run()
    rig.company.block_dimension_value("CUSTOMERGROUP", "LARGE")
    _settle(rig)
    assert _portfolios(rig)["LARGE"] == ("Large", True)
    rig.company.block_dimension_value("CUSTOMERGROUP", "LARGE", blocked=False)
    _settle(rig)
    assert _portfolios(rig)["LARGE"] == ("Large", False)


def test_a_deleted_value_archives_its_portfolio(rig: Rig) -> None:
    """Cards that point at a vanished value are in no portfolio; the portfolio is archived, not gone. [case 17]"""
    rig.run()
    rig.company.delete_dimension_value("CUSTOMERGROUP", "SMALL")
    rig.advance(hours=1)
    rig.run(full=True, accept_deletes=True, accept_moves=True)
    assert_true(rig)
    assert _portfolios(rig)["SMALL"] == ("Small", True)


def test_headings_and_totals_are_no_portfolios(rig: Rig) -> None:
    """One portfolio for every real value, used or not, and none for Begin-Total and End-Total."""
    rig.run()
    assert set(_portfolios(rig)) == {"SMALL", "LARGE"}


def test_a_debtor_moves_to_another_portfolio(rig: Rig) -> None:
    """Another value on the card is another portfolio, with the move in the audit."""
    customer = list(rig.company.customers.values())[1]
    rig.run()
    rig.advance(hours=1)
    rig.company.set_default_dimension(customer.number, "CUSTOMERGROUP", "LARGE")
    _settle(rig)
    assert portfolios_of(rig)[customer.number] == "LARGE"
    assert (
        rig.one(
            "SELECT count(*) FROM canonical.change WHERE entity = 'debtor' AND field = 'portfolio_id' AND op = 'update'"
        )
        == 1
    )


def test_a_blank_value_takes_the_debtor_out(rig: Rig) -> None:
    """A dimension without a value on the card is no portfolio."""
    customer = list(rig.company.customers.values())[1]
    rig.run()
    rig.advance(hours=1)
    rig.company.set_default_dimension(customer.number, "CUSTOMERGROUP")
    _settle(rig)
    assert portfolios_of(rig)[customer.number] is None


def test_a_removed_default_dimension_takes_the_debtor_out(rig: Rig) -> None:
    """Nothing tells that the row is gone but the sweep; then the debtor is in no portfolio."""
    customer = list(rig.company.customers.values())[1]
    rig.run()
    rig.company.remove_default_dimension(customer.number, "CUSTOMERGROUP")
    _settle(rig, full=True)
    assert portfolios_of(rig)[customer.number] is None


def test_a_debtor_first_put_into_a_portfolio(rig: Rig) -> None:
    """A debtor without a value gets one."""
    customer = next(iter(rig.company.customers.values()))
    rig.run()
    assert portfolios_of(rig)[customer.number] is None
    rig.advance(hours=1)
    rig.company.set_default_dimension(customer.number, "CUSTOMERGROUP", "LARGE")
    _settle(rig)


def test_a_retitled_contact_changes_its_position(rig: Rig) -> None:
    """The title is the position, trimmed and case-folded; another spelling is the same one. [case 15]"""
    people = [x for x in rig.company.contacts.values() if x.type == "Person"]
    rig.run()
    rig.advance(hours=1)
    rig.company.retitle_contact(people[0].number, "  CONTROLLER ")
    rig.company.retitle_contact(people[1].number, "Chief of Dunning")
    rig.company.retitle_contact(people[2].number, "")
    _settle(rig)
    found = positions_of(rig)
    assert [found[x.number] for x in people[:3]] == ["controller", "chief of dunning", None]


def test_a_deleted_contact_is_gone(rig: Rig) -> None:
    """The sweep finds that a contact is deleted; its row stays with a tombstone."""
    person = next(x for x in rig.company.contacts.values() if x.type == "Person")
    rig.run()
    rig.company.delete_contact(person.number)
    _settle(rig, full=True)
    assert rig.one("SELECT deleted_at IS NOT NULL FROM canonical.contact WHERE number = :n", n=person.number)


def test_a_contact_moves_to_another_debtor(rig: Rig) -> None:
    """A person who changes companies belongs to the other debtor, as the same contact."""
    first, second = list(rig.company.customers.values())[:2]
    theirs = rig.company.company_contact(second.id)
    assert theirs is not None
    person = next(
        x
        for x in rig.company.contacts.values()
        if x.type == "Person" and x.company_id == getattr(rig.company.company_contact(first.id), "id", "")
    )
    rig.run()
    before = rig.one("SELECT id FROM canonical.contact WHERE number = :n", n=person.number)
    rig.advance(hours=1)
    rig.company.edit_contact(person.number, company_id=theirs.id)
    _settle(rig, full=True)
    ((id_, debtor),) = rig.rows(
        "SELECT id, debtor_id FROM canonical.contact WHERE number = :n AND deleted_at IS NULL",
        n=person.number,
    )
    assert (id_, debtor) == (before, rig.debtor(second.number)["id"])


def test_a_new_customer_with_its_contact_arrives(rig: Rig) -> None:
    """A customer, its company contact and a person, all made between two runs."""
    rig.run()
    rig.advance(hours=1)
    customer = rig.company.create_customer("Nyköping Bröd AB", currency="EUR", city="Nyköping")
    rig.company.create_contact("Örjan Å", customer=customer.number, job_title="Ägare")
    _settle(rig)


def test_a_deleted_customer_gets_a_tombstone(rig: Rig) -> None:
    """A customer without open entries is deleted: the debtor stays with its date of deletion, its contacts go with it."""
    rig.company.create_customer("Short-lived Ltd")
    customer = list(rig.company.customers.values())[-1]
    rig.company.create_contact("Eve Short", customer=customer.number)
    rig.run()
    debtor = rig.debtor(customer.number)["id"]
    rig.company.delete_customer(customer.id)
    _settle(rig, full=True)
    assert rig.one("SELECT deleted_at IS NOT NULL FROM canonical.debtor WHERE id = :d", d=debtor)
    assert (
        rig.one(
            "SELECT count(*) FROM canonical.contact WHERE debtor_id = :d AND deleted_at IS NULL", d=debtor
        )
        == 0
    )


def test_what_was_deleted_can_come_back(rig: Rig) -> None:
    """A customer that a sweep missed and that is there again is alive again, as the same debtor."""
    customer = rig.company.create_customer("Lazarus Ltd")
    rig.run()
    debtor = rig.debtor(customer.number)["id"]
    rig.company.drop(rig.company.customers, customer)
    rig.advance(hours=1)
    rig.run(full=True)
    assert rig.one("SELECT deleted_at IS NOT NULL FROM canonical.debtor WHERE id = :d", d=debtor)
    rig.company.store(rig.company.customers, customer)
    _settle(rig, full=True)
    assert rig.debtor(customer.number)["id"] == debtor
    told = rig.rows(
        "SELECT op FROM canonical.change WHERE record_id = :d AND field = 'deleted_at' ORDER BY seq", d=debtor
    )
    assert told == [("delete",), ("restore",)]


def test_a_changed_salesperson_and_payment_term_arrive(rig: Rig) -> None:
    """What a debtor refers to by code is folded again when the card or the code list changes."""
    customer = next(iter(rig.company.customers.values()))
    rig.run()
    rig.advance(hours=1)
    term = rig.company.add_payment_term("14 DAYS", "Net 14", 14)
    rig.company.add_salesperson("PK", "Per Kvist", "per@example.com")
    rig.company.edit_customer(customer.id, payment_terms_id=term.id, salesperson_code="PK")
    _settle(rig)
    row = rig.debtor(customer.number)
    assert row["payment_terms"] == "14 DAYS"
    assert rig.one("SELECT name FROM canonical.account_owner WHERE id = :i", i=row["owner_id"]) == "Per Kvist"


def test_a_mistyped_portfolio_dimension_lists_what_there_is(make_rig: RigMaker) -> None:
    """A typo in the YAML publishes nothing and names the codes the ERP has."""
    rig = make_rig(dimension="CUSTOMERGRUOP")
    with pytest.raises(ConfigurationError, match=r"CUSTOMERGRUOP.*CUSTOMERGROUP") as refused:
        rig.run()
    assert "nothing was published" in str(refused.value)
    assert rig.one("SELECT count(*) FROM canonical.debtor") == 0
    assert rig.one("SELECT count(*) FROM canonical.cut") == 0
    assert rig.one("SELECT error FROM engine.run ORDER BY started_at DESC LIMIT 1") == str(refused.value)
    assert rig.config.portfolio is not None
    other = rig.config.portfolio.model_copy(update={"dimension": "CUSTOMERGROUP"})
    rig.config = rig.config.model_copy(update={"portfolio": other})
    rig.run()
    assert_true(rig)


def test_the_portfolio_brake_wants_a_word_first(make_rig: RigMaker) -> None:
    """Most debtors leaving their portfolio at once publishes nothing until a person accepts it."""
    rig = make_rig()
    people = list(rig.company.customers.values())
    for customer in people:
        rig.company.set_default_dimension(customer.number, "CUSTOMERGROUP", "SMALL")
    rig.run()
    rig.advance(hours=1)
    for customer in people:
        rig.company.set_default_dimension(customer.number, "CUSTOMERGROUP", "LARGE")
    before = rig.one("SELECT max(seq) FROM canonical.change")
    with pytest.raises(ConfigurationError, match="11 of 11 debtors would change portfolio"):
        rig.run()
    assert rig.one("SELECT max(seq) FROM canonical.change") == before
    assert set(portfolios_of(rig).values()) == {"SMALL"}
    rig.run(accept_moves=True)
    assert_true(rig)
