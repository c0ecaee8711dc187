"""`tag NAME --from-sql FILE`: whom a question names gets a tag, by plan and undo; and the purchase history such questions ask."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.imports.support import Desk
from tests.imports.test_command_line import run

LARGE = """
    SELECT DISTINCT debtor_id FROM canonical.purchase_history
    WHERE document_total > 5000 AND issue_date >= DATE '2005-02-01'
"""


@pytest.fixture
def buying(desk: Desk) -> Desk:
    """Two customers bought for more than 5,000, one of them before February 2005; a third was credited that much."""
    _, documents = desk.tables["document"]
    for row in documents:
        if row[0] == "d-2-0":
            row[3:7] = ["2005-02-01", "2005-03-01", "5000.01", "0.00"]
        if row[0] == "d-3-0":
            row[3:7] = ["2005-01-31", "2005-03-01", "9000.00", "0.00"]
        if row[0] == "d-5-0":
            row[3:7] = ["2006-01-31", "2006-03-01", "-9000.00", "0.00"]
    desk.run()
    return desk


def tags(desk: Desk) -> set[tuple[Any, ...]]:
    """Number of a debtor and its tag."""
    return set(
        desk.rows(
            "SELECT d.number, t.name FROM canonical.tag t JOIN canonical.debtor d ON d.id = t.owner_id WHERE t.owner_table = 'debtor'"
        )
    )


def test_the_purchase_history_counts_credits_below_nought(buying: Desk) -> None:
    """A document without lines is one line; its own amounts are the line's."""
    found = buying.rows("""
        SELECT debtor_number, kind, document_total, line_no, net, gross, currency FROM canonical.purchase_history
        WHERE abs(document_total) >= 5000 ORDER BY debtor_number
        """)
    amounts = [(number, kind, str(total.normalize())) for number, kind, total, *_ in found]
    assert amounts == [
        ("10002", "invoice", "5000.01"),
        ("10003", "invoice", "9E+3"),
        ("10005", "credit_note", "-9E+3"),
    ]
    assert [(line, net, gross) for _, _, _, line, net, gross, _ in found] == [
        (1, Decimal("5000.01"), Decimal("5000.01")), (1, Decimal(9000), Decimal(9000)), (1, Decimal(-9000), Decimal(-9000)),
    ]  # fmt: skip


def test_a_campaign_list_is_planned_made_and_taken_back(
    buying: Desk, capsys: pytest.CaptureFixture[str], home: Any, tmp_path: Path
) -> None:
    """Debtors with a transaction over 5,000 since 1 February 2005: looked at, tagged, in the list of imports, untagged."""
    question = tmp_path / "large.sql"
    question.write_text(LARGE)
    asked = ("tag", "sales", "--from-sql", str(question))
    code, out, _ = run(capsys, *asked, "--dry-run")
    assert (code, "1 would be applied, 0 unchanged, 0 refused" in out) == (0, True), out
    assert tags(buying) == set()
    code, out, _ = run(capsys, *asked, "--as", "mia", "--why", "spring", "--json")
    assert (code, json.loads(out)["applied"]) == (0, 1)
    assert tags(buying) == {("10002", "sales")}
    assert json.loads(run(capsys, *asked, "--json")[1])["unchanged"] == 1
    made = json.loads(run(capsys, "import", "list", "--json")[1])["imports"]
    assert [(one["kind"], one["file"], one["done_by"]) for one in made][-1] == (
        "debtor-tags",
        "large.sql",
        "mia",
    )
    code, _, _ = run(capsys, "import", "--undo", "1", "--as", "mia")
    assert (code, tags(buying)) == (0, set())


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("SELECT number, name, currency FROM canonical.debtor WHERE number = '10001'", None),
        ("SELECT name FROM canonical.debtor WHERE number = '10001'", None),
        ("SELECT name, currency FROM canonical.debtor", "does not say which column names the debtors"),
        ("DELETE FROM canonical.debtor", "cannot execute DELETE in a read-only transaction"),
        ("SELECT debtor_id FROM canonical.nowhere", 'relation "canonical.nowhere" does not exist'),
    ],
    ids=["by number", "one column", "no debtor", "a write", "wrong"],
)
def test_the_answer_has_to_name_debtors(
    desk: Desk, capsys: pytest.CaptureFixture[str], home: Any, tmp_path: Path, question: str, said: str | None
) -> None:
    """By id, number or exact name; a question that changes something is refused."""
    file = tmp_path / "question.sql"
    file.write_text(question)
    code, _, err = run(capsys, "tag", "x", "--from-sql", str(file))
    assert (code, tags(desk)) == ((0, {("10001", "x")}) if said is None else (2, set())), err
    assert said is None or said in err


def test_a_name_that_several_have_is_refused_for_its_row(
    desk: Desk, capsys: pytest.CaptureFixture[str], home: Any, tmp_path: Path
) -> None:
    """The others are tagged, and the code says that some were not."""
    file = tmp_path / "question.sql"
    file.write_text("SELECT DISTINCT name FROM canonical.debtor WHERE number IN ('10001', '10003')")
    code, _, _ = run(capsys, "tag", "x", "--from-sql", str(file))
    assert (code, tags(desk)) == (6, {("10001", "x")})
