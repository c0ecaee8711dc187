"""Dirty files, dry runs that change nothing, undo that leaves identical sets, and fifty thousand rows."""

from __future__ import annotations

import re
from zipfile import ZipFile

import openpyxl
import pytest

from sync_engine.errors import ConfigurationError, SourceError
from sync_engine.ops.decisions.groups import set_parent
from sync_engine.ops.decisions.links import apply, merge
from sync_engine.ops.imports import KINDS, apply_import, past_imports, plan_import, undo_import
from tests.imports.support import Desk, by_line, refused, world
from tests.simulators.files import DIRTY, Flaws, write_excel
from tests.stages.snapshots import difference

FILES: dict[str, tuple[list[str], list[list[str]]]] = {
    "owners": (
        ["customer_id", "email_address"],
        [["10000", "ann@example.com"], ["10001", "jo@example.com"], ["x", "y"]],
    ),
    "portfolios": (["customer_id", "portfolio_name"], [["10000", "Large ones"], ["10001", "Small ones"]]),
    "positions": (
        ["customer_ref", "email_address", "position_name"],
        [["10000", "p0@c0.example.com", "CFO"], ["10001", "p0@c1.example.com", ""]],
    ),
    "primary": (
        ["customer_ref", "email_address"],
        [["10000", "p0@c0.example.com"], ["10001", "p1@c1.example.com"]],
    ),
    "groups": (["customer", "parent_customer"], [["10001", "10000"], ["10002", "10001"], ["10007", ""]]),
    "debtor-tags": (["customer", "tag"], [["10000", "vip"], ["10001", 'slow, "very"']]),
    "invoice-tags": (["invoice", "tag"], [["R-2-0", "legal"], ["R-3-0", "two\r\nlines"]]),
    "persons": (
        ["customer_ref", "first_name", "last_name", "email", "phone", "position"],
        [
            ["10000", "Eva", "Lund", "eva@c0.example.com", "+45 1", "Head of AP"],
            ["10001", "Per", "One", "p0@c1.example.com", "+45 2", "CFO"],
        ],
    ),
}


def test_every_kind_is_tried() -> None:
    """A kind without a file here would not be tested at all."""
    assert FILES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", FILES)
def test_a_dry_run_changes_nothing_and_undo_restores_everything(desk: Desk, kind: str) -> None:
    """Plan: the same rows as before. Apply: what was planned; again: nothing more. Undo: identical sets of rows in every table, decisions included."""
    before = desk.snapshot()
    planned = desk.plan(kind, *FILES[kind])
    assert difference(before, desk.snapshot()) == {}
    report = desk.apply(kind, *FILES[kind])
    assert [r.outcome for r in report.rows] == [r.outcome for r in planned.rows]
    assert report.applied
    assert report.read == report.applied + report.unchanged + report.refused
    after = desk.snapshot()
    assert difference(before, after) != {}
    assert desk.apply(kind, *FILES[kind]).applied == 0
    assert difference(after, desk.snapshot()) == {}
    assert report.import_id is not None
    assert undo_import(desk.store, report.import_id, who="mia", clock=desk.clock).left == []
    assert difference(before, desk.snapshot()) == {}


def test_after_an_undo_a_pull_has_nothing_to_mend(desk: Desk) -> None:
    """Every kind imported and taken back in turn: a cut that folds every record again finds it as it should be."""
    before = desk.snapshot()
    done = [desk.apply(kind, *FILES[kind]).import_id or 0 for kind in FILES]
    for import_id in reversed(done):
        undo_import(desk.store, import_id, who="mia", clock=desk.clock)
    desk.execute("UPDATE engine.source_record SET dirty = true")
    desk.run()
    assert difference(before, desk.snapshot()) == {}


def test_after_an_import_a_pull_has_nothing_to_change(desk: Desk) -> None:
    """Folding every record again gives what the imports wrote: there is one way to a canonical row."""
    for kind in FILES:
        desk.apply(kind, *FILES[kind])
    before = desk.snapshot()
    desk.execute("UPDATE engine.source_record SET dirty = true")
    desk.run()
    assert difference(before, desk.snapshot()) == {}


@pytest.mark.parametrize("flaws", [
    DIRTY, Flaws(";", "cp1252", "\r\n", trailing_blank_lines=2), Flaws("\t", "utf-16", "\r\n"), Flaws(",", bom=True, repeat_every=1),
        Flaws(";", excel_hint=True),
], ids=["as people send", "windows", "unicode text of Excel", "every row twice", "sep hint"])  # fmt: skip
@pytest.mark.parametrize("kind", ["owners", "invoice-tags", "persons"])
def test_dirty_files_say_the_same(desk: Desk, kind: str, flaws: Flaws) -> None:
    """Byte order marks, semicolons, CRLF, quoted line breaks, repeated rows, shouted headings: the good rows count once."""
    tidy = desk.plan(kind, *FILES[kind])
    dirty = plan_import(desk.store, kind, desk.drop("dirty.csv", *FILES[kind], flaws))
    assert (dirty.applied, {(r.record, r.after) for r in dirty.rows if r.outcome == "applied"}) == (
        tidy.applied,
        {(r.record, r.after) for r in tidy.rows if r.outcome == "applied"},
    )
    assert dirty.read == dirty.applied + dirty.unchanged + dirty.refused


def test_a_workbook_is_a_file_too(desk: Desk) -> None:
    """Numbers typed as numbers name customers."""
    path = write_excel(
        desk.folder / "owners.xlsx",
        (["customer_id", "email_address"], [[10000, "ann@example.com"], [10001.0, "ann@example.com"]]),
    )
    assert plan_import(desk.store, "owners", path).applied == 2


def test_what_a_spreadsheet_does_to_cells_is_no_decision(desk: Desk) -> None:
    """A lookup that failed is no tag, in whatever language; a tag that looks like it is one. The other rows go on."""
    rows = [
        ["10000", "#N/A"],
        ["10001", " #nv "],
        ["#REF!", "vip"],
        ["10002", "#N/A is not a tag"],
        ["10003", "vip"],
    ]
    report = desk.plan("debtor-tags", ["customer", "tag"], rows)
    assert {r.line: r.outcome for r in report.rows} == {
        2: "refused",
        3: "refused",
        4: "refused",
        5: "applied",
        6: "applied",
    }
    assert refused(report)[3] == ("the whole row", "holds #nv: a formula of the spreadsheet failed")


def test_a_number_without_its_zeros_is_told_and_not_guessed(desk: Desk) -> None:
    """Excel made 7 of 0007: the row says who that would be, and is refused."""
    desk.edit("debtor", "erp-1", "No", "0007")
    desk.run()
    report = desk.plan(
        "owners", ["customer_id", "email_address"], [["7", "ann@example.com"], ["0007", "ann@example.com"]]
    )
    assert [r.outcome for r in report.rows] == ["refused", "applied"]
    assert refused(report)[2] == (
        "customer_id",
        "no customer has this number; with leading zeros there is 0007 HANSEN & SØN 1",
    )


@pytest.mark.parametrize(
    "heading",
    [
        "customer_id;email_address",
        "Customer ID;E-Mail Address",
        "CustomerID;EmailAddress",
        "customer.id;E_MAIL",
    ],
)
def test_headings_are_read_as_people_write_them(desk: Desk, heading: str) -> None:
    """Case, blanks, dots, hyphens and underscores do not count, and a column more does not either."""
    path = desk.folder / "owners.csv"
    path.write_text(f"Nr;{heading}\n1;10000;ann@example.com\n", encoding="utf-8")
    assert plan_import(desk.store, "owners", path).applied == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_two_bytes_a_character_need_no_mark(desk: Desk, encoding: str) -> None:
    """UTF-16 that does not say so is seen by its NULs; a NUL inside a cell is damage, and no customer is made of what is left."""
    path = desk.folder / "owners.csv"
    path.write_bytes("customer_id;email_address\r\n10000;ann@example.com\r\n".encode(encoding))
    assert plan_import(desk.store, "owners", path).applied == 1
    path.write_bytes(b"customer_id;email_address\n100\x0000;ann@example.com\n")
    report = plan_import(desk.store, "owners", path)
    assert refused(report) == {
        2: ("the whole row", "holds a NUL character: the file is damaged, or written in another encoding")
    }


def test_broken_rows_are_refused_by_line_and_the_others_go_on(desk: Desk) -> None:
    """Lines are counted as an editor counts them, over quoted line breaks and blank lines."""
    path = desk.folder / "rows.csv"
    path.write_bytes(
        b'customer;tag\r\n10000;"two\r\nlines"\r\n\r\n10001;a;b\r\n10002;"c"d"\r\n10003;good\r\n10003;good\r\n'
    )
    report = apply_import(desk.store, "debtor-tags", path, who="mia", clock=desk.clock)
    assert {r.line: r.outcome for r in report.rows} == {
        2: "applied",
        5: "refused",
        6: "refused",
        7: "applied",
        8: "unchanged",
    }
    assert refused(report)[5] == ("the whole row", "has 3 fields, the heading has 2")
    assert by_line(report)[8].what == "the same as line 7"
    assert desk.one("SELECT name FROM canonical.tag WHERE name LIKE 'two%'") == "two\r\nlines"


def test_rows_that_contradict_each_other_are_all_refused(desk: Desk) -> None:
    """Which of them is meant would be a guess."""
    report = desk.apply(
        "owners",
        ["customer_id", "email_address"],
        [["10000", "ann@example.com"], ["10001", "ann@example.com"], ["erp-0", "jo@example.com"]],
    )
    assert refused(report) == dict.fromkeys(
        (2, 4), ("the whole row", "lines 2, 4 say different things about the same")
    )
    assert report.applied == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"\xef\xbb\xbf\r\n", b'customer;tag\r\n1;"open\r\n'],
    ids=["nothing", "only a mark", "open quotation mark"],
)
def test_a_file_that_cannot_be_read_is_a_source_error(desk: Desk, content: bytes) -> None:
    """Nothing of it is imported."""
    path = desk.folder / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError):
        apply_import(desk.store, "debtor-tags", path, who="mia", clock=desk.clock)
    assert past_imports(desk.store) == []


def test_undo_leaves_what_was_decided_again(desk: Desk) -> None:
    """A later import of one of the customers keeps its decision; undoing that one as well restores the start."""
    heading = ["customer_id", "email_address"]
    first = desk.apply("owners", heading, [["10000", "ann@example.com"], ["10001", "ann@example.com"]])
    second = desk.apply("owners", heading, [["10001", "jo@example.com"]])
    assert first.import_id is not None
    assert second.import_id is not None
    back = undo_import(desk.store, second.import_id, who="mia", clock=desk.clock)
    assert back.restored == 1
    third = desk.apply("owners", heading, [["10001", "jo@example.com"]])
    undone = undo_import(desk.store, first.import_id, who="ola", clock=desk.clock, why="wrong list")
    assert (undone.restored, [(x.line, x.why) for x in undone.left]) == (
        1,
        [(3, "decided again since by mia")],
    )
    assert desk.debtors("owner")["10001"] == "jo@example.com"
    assert third.import_id is not None
    again = undo_import(desk.store, first.import_id, who="ola", clock=desk.clock)
    assert (again.restored, [x.line for x in again.left]) == (0, [3])
    with pytest.raises(ConfigurationError, match="no import of this number"):
        undo_import(desk.store, 999, who="mia", clock=desk.clock)
    assert [d.undone_by for d in past_imports(desk.store)] == [None, "mia", "ola"]


def test_undo_leaves_the_same_value_where_somebody_else_pinned_it_since(desk: Desk) -> None:
    """Ola says what Mia's import said: that is his decision now. A tag that counted for the survivor of a merge is taken back from it."""
    done = desk.apply("groups", ["customer", "parent_customer"], [["10001", "10000"], ["10002", "10000"]])
    tagged = desk.apply("debtor-tags", ["customer", "tag"], [["10003", "vip"]])
    assert done.import_id is not None
    assert tagged.import_id is not None
    for plan in (
        set_parent(desk.runtime, "10001", "10000", by="ola"),
        merge(desk.runtime, "10003", "10005", by="ola"),
    ):
        apply(desk.runtime, plan.hash, by="ola")
    undone = undo_import(desk.store, done.import_id, who="mia", clock=desk.clock)
    assert (undone.restored, [(x.line, x.why) for x in undone.left]) == (
        1,
        [(2, "decided again since by ola")],
    )
    assert (desk.debtors("parent")["10001"], desk.debtors("parent")["10002"]) == ("10000", None)
    back = undo_import(desk.store, tagged.import_id, who="mia", clock=desk.clock)
    assert (back.restored, back.left) == (1, [])
    assert desk.rows("SELECT name FROM canonical.tag") == []


@pytest.mark.slow
def test_fifty_thousand_rows(desk: Desk) -> None:
    """50,000 rows as people have them: known, unknown, repeated, contradicting; every one answered, and undo restores the set."""
    customers = 2000
    desk.tables = world(customers, peopled=8)
    desk.run()
    before = desk.snapshot()
    numbers = [str(10000 + i) for i in range(customers)]
    tags = [[number, f"tag {n}"] for n in range(25) for number in numbers]
    known = [[number, "ann@example.com"] for number in numbers] * 5
    owners = [
        *known,
        [numbers[7], "jo@example.com"],
        *([f"unknown {n}", "ann@example.com"] for n in range(39_999)),
    ]
    for kind, heading, body, applied in (
        ("debtor-tags", ["customer", "tag"], tags, 50_000),
        ("owners", ["customer_id", "email_address"], owners, customers - 1),
    ):
        report = apply_import(
            desk.store, kind, desk.drop(f"{kind}.csv", heading, body, DIRTY), who="mia", clock=desk.clock
        )
        assert report.read == report.applied + report.unchanged + report.refused >= 50_000
        assert report.applied == applied
        assert report.import_id is not None
        assert undo_import(desk.store, report.import_id, who="mia", clock=desk.clock).left == []
        assert difference(before, desk.snapshot()) == {}


@pytest.mark.parametrize("again", ["Tag", "TAG"])
def test_a_heading_that_occurs_twice_is_refused(desk: Desk, again: str) -> None:
    """Whichever was used, the other one might have been meant; one that nobody asks for may occur as often as it likes."""
    with pytest.raises(
        ConfigurationError, match=rf"columns 2 \(Tag\) and 3 \({again}.*\) could both be meant"
    ):
        desk.plan("debtor-tags", ["customer", "Tag", again], [["10000", "vip", "post"]])
    assert (
        desk.plan("debtor-tags", ["customer", "Tag", "note", "note"], [["10000", "vip", "", ""]]).applied == 1
    )


def test_a_formula_that_was_never_calculated_is_not_blank(desk: Desk) -> None:
    """Blank would take the parent away; what the spreadsheet calculated, an empty text too, is what it says."""
    heading = ["customer", "parent_customer"]
    desk.apply("groups", heading, [["10001", "10000"], ["10002", "10000"], ["10003", "10000"]])
    path = desk.folder / "drawer" / "parents.xlsx"
    book = openpyxl.Workbook()
    for row in (heading, ["10001", '="100"&"05"'], ["10002", '=""'], ["10003", None]):
        book.worksheets[0].append(row)
    book.save(path)
    report = plan_import(desk.store, "groups", path)
    assert {
        line: why for line, (_, why) in refused(report).items() if "never calculated in" in (why or "")
    }.keys() == {2, 3}
    assert by_line(report)[4].outcome == "applied"
    calculated = path.with_name("calculated.xlsx")
    with ZipFile(path) as old, ZipFile(calculated, "w") as new:
        for name in old.namelist():
            sheet = re.sub(
                rb'<c r="B3"([^>]*)>(<f>.*?</f>)<v ?/?>(</v>)?</c>',
                rb'<c r="B3" t="str">\2<v></v></c>',
                old.read(name),
            )
            new.writestr(name, sheet)
    report = plan_import(desk.store, "groups", calculated)
    assert set(refused(report)) == {2}
    assert by_line(report)[3].outcome == "applied"
