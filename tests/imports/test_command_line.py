"""`import` and `inbox` at the command line: what they print, and exit codes that mean something."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sync_engine.cli import main
from sync_engine.ops.decisions import operations as ops
from sync_engine.ops.decisions.plan import do
from sync_engine.ops.runs import environment
from tests.imports.support import DaysAhead, Desk


def run(capture: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    capture.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capture.readouterr()
    return int(ended.value.code or 0), out, " ".join(err.split())


def test_import_dry_run_apply_list_and_undo(
    desk: Desk, capsys: pytest.CaptureFixture[str], home: Any
) -> None:
    """The walk a person takes: look, import, see it in the list, take it back. Refused rows make it 6."""
    path = str(
        desk.drop(
            "owners.csv",
            ["customer_id", "email_address"],
            [["10000", "ann@example.com"], ["nobody", "ann@example.com"]],
        )
    )
    code, out, _ = run(capsys, "import", "owners", path, "--dry-run")
    assert (
        code,
        "would apply" in out,
        "1 would be applied, 0 unchanged, 1 refused" in out,
        "no customer has this id" in out,
    ) == (6, True, True, True)
    assert desk.debtors("owner")["10000"] == "jo@example.com"
    code, out, _ = run(capsys, "import", "owners", path, "--as", "mia", "--why", "new list", "--json")
    said = json.loads(out)
    assert (
        code,
        said["import_id"],
        said["read"],
        said["applied"],
        said["refused"],
        said["rows"][1]["column"],
    ) == (6, 1, 2, 1, 1, "customer_id")
    assert desk.debtors("owner")["10000"] == "ann@example.com"
    assert json.loads(run(capsys, "import", "list", "--json")[1])["imports"][0]["done_by"] == "mia"
    code, out, _ = run(capsys, "import", "--undo", "1", "--as", "mia")
    assert (code, "taken back; as it was before: 1 decision." in out) == (0, True), out
    assert desk.debtors("owner")["10000"] == "jo@example.com"
    assert "mia" in run(capsys, "import", "list")[1]


def test_an_import_and_its_undo_go_by_the_clock_of_the_installation(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Any
) -> None:
    """A pin for some days is over once that clock says so, whatever the machine's says."""
    now = datetime.now(UTC)
    monkeypatch.setattr(environment, "SystemClock", DaysAhead)
    (debtor,) = desk.rows("SELECT id FROM canonical.debtor WHERE number = '10000'")[0]
    tags = desk.drop("tags.csv", ["customer_id", "tag"], [["10000", "vip"]])
    before = desk.debtors("phone")["10000"]
    for number, arguments in enumerate((("debtor-tags", str(tags)), ("--undo", "1"))):
        do(
            desk.runtime,
            ops.PinField(
                record=str(debtor),
                field="phone",
                value=f"+45 87 65 43 2{number}",
                until=now.date() + timedelta(days=5),
            ),
            by="ada",
        )
        assert desk.debtors("phone")["10000"] != before
        assert run(capsys, "import", *arguments, "--as", "mia")[0] == 0
        assert desk.debtors("phone")["10000"] == before


@pytest.mark.parametrize(("arguments", "code", "says"), [
    ((), 2, "say what to import"), (("colours", "nowhere.csv"), 2, "no import 'colours'"), (("owners", "nowhere.csv"), 3, "nowhere.csv: cannot be read"),
    (("--undo", "7"), 2, "no import of this number"),
], ids=["nothing", "unknown kind", "no file", "no such import"])  # fmt: skip
def test_what_goes_wrong_is_a_sentence_and_a_code(
    desk: Desk, capsys: pytest.CaptureFixture[str], home: Any, arguments: tuple[str, ...], code: int, says: str,
) -> None:  # fmt: skip
    """A setting is 2, a file that cannot be read 3."""
    ended, _, err = run(capsys, "import", *arguments)
    assert (ended, says in err) == (code, True), err


def test_the_inbox_is_listed(desk: Desk, capsys: pytest.CaptureFixture[str], home: Any) -> None:
    """Waiting rows before a cut, answers after it."""
    desk.execute(
        "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) SELECT 'debtor', id, 'chasing_paused', 'true', 'dunning' "
        "FROM canonical.debtor WHERE number = '10001'"
    )
    assert "waiting" in run(capsys, "inbox", "list", "--waiting")[1]
    desk.run()
    assert json.loads(run(capsys, "inbox", "list", "--json")[1])["inbox"][0]["answer"] == "taken"
    assert "Nothing was said." in run(capsys, "inbox", "list", "--waiting")[1]
