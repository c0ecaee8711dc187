"""What each kind of file does, row by row: named customers, what is refused and why, and that a pull does not undo it."""

from __future__ import annotations

import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.ops.imports import undo_import
from tests.imports.support import Desk, by_line, refused

OWNERS = ["customer_id", "email_address"]
PORTFOLIOS = ["customer_id", "portfolio_name"]
POSITIONS = ["customer_ref", "email_address", "position_name"]
PRIMARY = ["customer_ref", "email_address"]
GROUPS = ["customer", "parent_customer"]
PERSONS = ["customer_ref", "first_name", "last_name", "email", "phone", "position"]


def test_owners_by_id_number_and_name(desk: Desk) -> None:
    """A customer is named by the ERP's id, by number or by exact name, in this order; the rest is refused with what to do."""
    report = desk.apply("owners", OWNERS, [
        ["erp-0", "ANN@example.com"], ["10001", " ann@example.com "], ["HANSEN & SØN 2", "ann@example.com"], ["HANSEN & SØN 3", "ann@example.com"],
        ["nobody", "ann@example.com"], ["10005", "who@example.com"], ["", "ann@example.com"], ["10006", ""],
    ])  # fmt: skip
    assert (report.read, report.applied, report.unchanged, report.refused) == (8, 3, 0, 5)
    assert {n: o for n, o in desk.debtors("owner").items() if o == "ann@example.com"}.keys() == {
        "10000",
        "10001",
        "10002",
    }
    assert refused(report) == {
        5: (
            "customer_id",
            "2 customers are called this: 10003 HANSEN & SØN 3 (erp erp-3), 10004 HANSEN & SØN 3 (erp erp-4)",
        ),
        6: ("customer_id", "no customer has this id, number or exact name"),
        7: ("email_address", "no account owner has this e-mail address"),
        8: ("customer_id", "names no customer"),
        9: ("email_address", "is blank"),
    }
    assert by_line(report)[2].before == "Jo Berg"
    assert by_line(report)[2].after == "Ann Dahl"
    assert all(row.todo for row in report.rows if row.outcome == "refused")


def test_a_number_that_is_another_ones_id_means_the_id(desk: Desk) -> None:
    """Ids go before numbers, numbers before names; nothing is tried after the first rung that has a hit."""
    desk.tables["debtor"][1].append(["10003", "10099", "10001", "JO", "0", ""])
    desk.run()
    report = desk.apply("owners", OWNERS, [["10003", "ann@example.com"], ["10001", "ann@example.com"]])
    assert [row.record for row in report.rows] == ["10099 10001", "10001 HANSEN & SØN 1"]


def test_a_pull_does_not_undo_an_import(desk: Desk) -> None:
    """The ERP changes owner and name: the name arrives, the owner stays, and what the ERP says is kept as overruled."""
    desk.apply("owners", OWNERS, [["10001", "ann@example.com"]])
    desk.edit("debtor", "erp-1", "Name", "HANSEN & CO")
    desk.edit("debtor", "erp-1", "Owner", "JO")
    desk.run()
    assert desk.debtors("name")["10001"] == "HANSEN & CO"
    assert desk.debtors("owner")["10001"] == "ann@example.com"
    assert desk.rows("SELECT said, believed_source FROM canonical.overruled WHERE field = 'owner_id'") == [
        ("JO", "person")
    ]


def test_portfolios_by_exact_name(desk: Desk) -> None:
    """The portfolio must be there; a wrong name lists those there are. No brake: a person asked for it."""
    report = desk.apply(
        "portfolios",
        PORTFOLIOS,
        [[str(10000 + i), "Large ones"] for i in range(7)] + [["10007", "large ones"], ["10007", ""]],
    )
    assert refused(report) == {
        9: ("portfolio_name", "there is no portfolio of this name"),
        10: ("portfolio_name", "is blank"),
    }
    assert "Large ones, Small ones" in str(by_line(report)[9].todo)
    desk.edit("debtor", "erp-1", "Name", "RENAMED")
    desk.run()
    assert set(desk.debtors("portfolio").values()) == {"Large ones", "Small ones"}
    assert desk.debtors("portfolio")["10001"] == "Large ones"


def test_positions_are_set_and_cleared(desk: Desk) -> None:
    """A position must exist; blank clears it; the contact is the customer's own with this address."""
    report = desk.apply("positions", POSITIONS, [
        ["10000", "P0@c0.example.com", "cfo"], ["10001", "p0@c1.example.com", ""], ["10002", "p0@c1.example.com", "CFO"],
            ["10003", "p0@c3.example.com", "Wizard"],
    ])  # fmt: skip
    assert refused(report) == {
        4: ("email_address", "no contact of this customer has this e-mail address"),
        5: ("position_name", "there is no position of this name"),
    }
    desk.edit("contact", "c-0-0", "Title", "Bookkeeper")
    desk.edit("contact", "c-1-0", "Title", "Bookkeeper")
    desk.run()
    found = desk.contacts("position")
    assert (found["p0@c0.example.com"], found["p0@c1.example.com"], found["p1@c0.example.com"]) == (
        "CFO",
        None,
        "CFO",
    )


def test_primary_contacts_yes_and_no(desk: Desk) -> None:
    """One file says who is primary, another who is not; two primaries of one customer are refused both."""
    desk.tables["contact"][1].append(["c-0-2", "erp-0", "Same address", "p1@c0.example.com", ""])
    desk.run()
    yes = desk.apply(
        "primary",
        PRIMARY,
        [
            ["10001", "p0@c1.example.com"],
            ["10002", "p0@c2.example.com"],
            ["10002", "p1@c2.example.com"],
            ["10000", "p1@c0.example.com"],
        ],
    )
    assert refused(yes).keys() == {3, 4, 5}
    assert "fits 2 records" in str(by_line(yes)[5].what)
    no = desk.apply(
        "primary", PRIMARY, [["10001", "p1@c1.example.com"], ["10001", "p0@c1.example.com"]], primary=False
    )
    assert (no.applied, by_line(no)[3].before, by_line(no)[3].after) == (2, "primary", "not primary")
    desk.run()
    assert desk.contacts("is_primary")["p0@c1.example.com"] is False


def test_the_primary_contact_is_moved_by_a_later_file(desk: Desk) -> None:
    """One at a time: a later file moves it and its report names who has it now; the first file again moves it back; undone, it is as before."""
    first, second = [["10001", "p0@c1.example.com"]], [["10001", "p1@c1.example.com"]]

    def primary() -> list[str]:
        return [email for email, is_primary in desk.contacts("is_primary").items() if is_primary]

    desk.apply("primary", PRIMARY, first)
    assert desk.apply("primary", PRIMARY, first).unchanged == 1
    before = desk.snapshot()
    moved = desk.apply("primary", PRIMARY, second)
    assert (by_line(moved)[2].before, by_line(moved)[2].after) == (
        "not primary, but Person 0 of 1",
        "primary",
    )
    assert primary() == ["p1@c1.example.com"]
    assert desk.apply("primary", PRIMARY, second).unchanged == 1
    again = desk.apply("primary", PRIMARY, first)
    assert (again.applied, primary()) == (1, ["p0@c1.example.com"])
    for done in (again, moved):
        assert done.import_id is not None
        undo_import(desk.store, done.import_id, who="mia", clock=desk.clock)
    assert (primary(), desk.snapshot()) == (["p0@c1.example.com"], before)


def test_groups_and_circles(desk: Desk) -> None:
    """Parents in any order of lines; a row that closes a circle is refused and the others go on; blank removes a parent."""
    report = desk.apply(
        "groups",
        GROUPS,
        [
            ["10002", "10001"],
            ["10001", "10000"],
            ["10000", "10002"],
            ["10003", "erp-3"],
            ["10005", "nobody"],
            ["10007", ""],
        ],
    )
    assert refused(report) == {
        4: ("parent_customer", "this would close a circle of parents"),
        5: ("parent_customer", "a customer cannot be its own parent"),
        6: ("parent_customer", "no customer has this id, number or exact name"),
    }
    desk.edit("debtor", "erp-1", "Name", "RENAMED")
    desk.run()
    parents, tops = desk.debtors("parent"), desk.debtors("top")
    assert (parents["10001"], parents["10002"], parents["10007"]) == ("10000", "10001", None)
    assert (tops["10002"], tops["10001"], tops["10000"]) == ("10000", "10000", None)


def test_a_file_may_turn_a_hierarchy_round(desk: Desk) -> None:
    """What the file itself moves away does not count against it: parent and child change places."""
    desk.apply("groups", GROUPS, [["10001", "10000"]])
    report = desk.apply("groups", GROUPS, [["10000", "10001"], ["10001", ""]])
    assert (report.applied, report.refused) == (2, 0)
    assert (desk.debtors("parent")["10000"], desk.debtors("parent")["10001"]) == ("10001", None)


def test_debtor_tags_are_a_set(desk: Desk) -> None:
    """Several tags a customer; a tag that is there already is unchanged; another origin's is not ours."""
    desk.execute(
        "INSERT INTO canonical.tag (owner_table, owner_id, name, origin) SELECT 'debtor', id, 'vip', 'crm' FROM canonical.debtor WHERE number = "
        "'10001'"
    )
    rows = [["10000", "vip"], ["10000", "slow"], ["10001", "vip"], ["10000", "vip"], ["10002", ""]]
    report = desk.apply("debtor-tags", ["customer", "tag"], rows)
    assert [row.outcome for row in report.rows] == ["applied", "applied", "applied", "unchanged", "refused"]
    assert desk.apply("debtor-tags", ["customer", "tag"], rows).applied == 0
    assert set(
        desk.rows(
            "SELECT d.number, t.name, t.origin FROM canonical.tag t JOIN canonical.debtor d ON d.id = t.owner_id"
        )
    ) == {
        ("10000", "vip", "person"),
        ("10000", "slow", "person"),
        ("10001", "vip", "crm"),
        ("10001", "vip", "person"),
    }


def test_invoice_tags_need_the_customer_where_a_number_occurs_twice(desk: Desk) -> None:
    """R-1 is an invoice of two customers: alone it is refused with both named, with the customer it is one."""
    alone = desk.apply(
        "invoice-tags",
        ["invoice", "tag"],
        [["R-1", "legal"], ["R-2-0", "legal"], ["d-3-1", "legal"], ["R-9", "legal"], ["", "legal"]],
    )
    assert [row.outcome for row in alone.rows] == ["refused", "applied", "applied", "refused", "refused"]
    assert (
        by_line(alone)[2].what
        == "this fits 2 records: R-1 of 10000 HANSEN & SØN 0, R-1 of 10001 HANSEN & SØN 1"
    )
    named = desk.apply(
        "invoice-tags",
        ["invoice", "tag", "customer"],
        [["R-1", "legal", "10001"], ["R-2-0", "legal", ""], ["R-2-0", "x", "10001"]],
    )
    assert [row.outcome for row in named.rows] == ["applied", "unchanged", "refused"]
    tagged = desk.rows(
        "SELECT x.external_id FROM canonical.tag t JOIN canonical.document x ON x.id = t.owner_id AND t.owner_table = 'document'"
    )
    assert set(tagged) == {("d-1-0",), ("d-2-0",), ("d-3-1",)}


def test_persons_are_made_or_completed(desk: Desk) -> None:
    """A new address is a new contact that stays through pulls; a known one gets what the row says; blank cells say nothing."""
    report = desk.apply("persons", PERSONS, [
        ["10000", "Eva", "Lund", "eva@c0.example.com", "+45 1", "Head of AP"], ["10001", "", "", "p0@c1.example.com", "+45 2", ""],
        ["10001", "Only", "Name", "", "", ""], ["10002", "No", "Mail", "not an address", "", ""], ["10002", "", "", "", "+45 3", ""],
    ])  # fmt: skip
    assert [row.outcome for row in report.rows] == ["applied", "applied", "applied", "refused", "refused"]
    desk.edit("contact", "c-1-0", "Title", "Bookkeeper")
    desk.edit("debtor", "erp-0", "Name", "RENAMED")
    desk.run()
    assert desk.rows(
        "SELECT full_name, phone FROM canonical.contact WHERE email_normalised = 'eva@c0.example.com' AND deleted_at IS NULL"
    ) == [("Eva Lund", "+45 1")]
    assert desk.contacts("position")["eva@c0.example.com"] == "Head of AP"
    assert desk.contacts("debtor")["eva@c0.example.com"] == "10000"
    assert desk.contacts("phone")["p0@c1.example.com"] == "+45 2"
    assert desk.contacts("position")["p0@c1.example.com"] == "Bookkeeper"
    again = desk.apply(
        "persons",
        PERSONS,
        [
            ["erp-0", "Eva", "Lund", "EVA@c0.example.com", "+45 1", "Head of AP"],
            ["10001", "Only", "Name", "", "", ""],
        ],
    )
    assert (again.applied, again.unchanged) == (0, 2)


def test_an_unknown_kind_and_a_missing_column_are_settings(desk: Desk) -> None:
    """Both say what there is."""
    with pytest.raises(ConfigurationError, match="owners, portfolios"):
        desk.plan("colours", OWNERS, [["1", "2"]])
    with pytest.raises(ConfigurationError, match=r"email_address is missing.*customer_id, mail"):
        desk.plan("owners", ["customer_id", "mail"], [["1", "2"]])


def test_everything_is_audited(desk: Desk) -> None:
    """Who, why, before and after; a decision that changes no value is written too; the chain still holds."""
    from sync_engine.ops.inspect.audit import verify

    desk.apply("owners", OWNERS, [["10000", "ann@example.com"], ["10001", "jo@example.com"]])
    desk.apply("debtor-tags", ["customer", "tag"], [["10000", "vip"]])
    changes = desk.rows("""
        SELECT entity, op, field, actor_kind, actor, reason FROM canonical.change WHERE actor_kind = 'user' AND entity = 'debtor' AND reason LIKE 'import%'
        ORDER BY seq
        """)
    assert changes == [
        ("debtor", "update", "owner_id", "user", "mia", "import 1: spring cleaning"),
        ("debtor", "pin", "owner_id", "user", "mia", "import 1: spring cleaning"),
        ("debtor", "update", "tag", "user", "mia", "import 2: spring cleaning"),
    ]
    assert verify(desk.store).holds


def test_a_person_is_checked_as_an_erps_is(desk: Desk) -> None:
    """An address, a phone and a name that can be none are refused in their column; their neighbours are imported."""
    report = desk.plan("persons", PERSONS, [
        ["10000", "Eva", "Lund", "eva@c0.example.com", "n/a", ""], ["10001", "Ib", "Dam", "ib@", "", ""], ["10002", "x" * 2001, "", "", "", ""],
        ["10003", "Ida", "Vig", "ida@c3.example.com", "+45 12 34 56 78", "CFO"],
    ])  # fmt: skip
    assert {line: column for line, (column, _) in refused(report).items()} == {
        2: "phone",
        3: "email",
        4: "first_name",
    }
    assert all(what is not None and what.startswith("it takes") for _, what in refused(report).values())
    assert report.applied == 1
