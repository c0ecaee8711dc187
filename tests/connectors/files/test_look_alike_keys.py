"""00017 exported as 17 the next day: nothing with open items is buried, and nothing is created anew, until a person says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from sync_engine.cli import main
from sync_engine.config import SourceConfig
from sync_engine.lake import Lake
from sync_engine.ops.inspect import overview as looking
from sync_engine.ops.runs.source_run import Ran, Runtime, run_source
from sync_engine.platform.clock import SystemClock
from tests.connectors.files.test_as_a_source import rows, store
from tests.simulators.files import write_csv

__all__ = ["store"]
DOCUMENT = {"debtor_key": "Customer", "total": "Total", "open_amount": "Open", "currency": {"value": "DKK"}}
ENTRY = {
    "debtor_key": "Customer",
    "document_type": {"value": "invoice"},
    "amount": "Total",
    "remaining": "Open",
}
MAPPING: dict[str, Any] = {"entities": {
    "debtor": {"fields": {"number": "No", "name": "Name"}}, "document": {"fields": DOCUMENT}, "ledger_entry": {"fields": ENTRY},
}}  # fmt: skip
CUSTOMERS = [
    ["00017", "HANSEN & SØN"],
    ["00042", "BERG A/S"],
    ["C 7", "Æbleskive"],
    *([str(n), f"Card {n}"] for n in range(900, 920)),
]


class Export:
    """A folder with customers and open items, as an ERP exports it every night."""

    def __init__(self, store: Engine, folder: Path, entity: str = "document") -> None:
        self.store, self.folder, self.entity = store, folder, entity
        self.customers = [[*row] for row in CUSTOMERS]
        self.items = [["R-0001", "00017", "100.00", "60.00"], ["R-0002", "00042", "50.00", "0.00"], ["R-0003", "C 7", "10.00", "10.00"],
                      *([f"R-{n}", str(n), "1.00", "0.00"] for n in range(900, 920))]  # fmt: skip

    def run(self, **options: Any) -> Ran:
        """One night."""
        self.write()
        runtime = Runtime(self.store, Lake(str(self.folder.parent / "lake")), SystemClock())
        return run_source(runtime, SourceConfig.model_validate(self.config), **options)

    @property
    def config(self) -> dict[str, Any]:
        """The YAML of the source."""
        return {"source": "books", "connector": "files", "mapping": MAPPING, "connection": {
            "folder": str(self.folder), "company": {"name": "OURS", "base_currency": "DKK"},
            "entities": {"debtor": {"path": "customers.csv", "key": "No"}, self.entity: {"path": "items.csv", "key": "No"}},
        }}  # fmt: skip

    def write(self) -> None:
        """The files of the night."""
        write_csv(self.folder / "customers.csv", (["No", "Name"], self.customers))
        write_csv(self.folder / "items.csv", (["No", "Customer", "Total", "Open"], self.items))

    def rename(self, old: str, new: str) -> None:
        """The customer's code as another export writes it, in both files."""
        for row in (*self.customers, *self.items):
            row[:2] = [new if cell == old else cell for cell in row[:2]]

    def debtors(self) -> set[tuple[Any, ...]]:
        """Numbers of debtors, and whether they are gone."""
        return set(
            rows(
                self.store, "SELECT number, deleted_at IS NOT NULL FROM canonical.debtor WHERE number !~ '^9'"
            )
        )

    def owed(self) -> list[tuple[Any, ...]]:
        """What living debtors owe."""
        return rows(self.store, """
            SELECT b.number, d.open_amount FROM canonical.document d JOIN canonical.debtor b ON b.id = d.debtor_id
            WHERE d.deleted_at IS NULL AND b.deleted_at IS NULL AND d.open_amount <> 0 ORDER BY 1
            """)  # fmt: skip

    def kept_out(self) -> set[tuple[Any, ...]]:
        """Entity and key of what waits because of its key."""
        return set(rows(self.store, """
            SELECT entity, key FROM engine.quarantine JOIN engine.stream USING (stream_id) WHERE error = 'LookAlike'
            """))  # fmt: skip


@pytest.fixture
def export(store: Engine, tmp_path: Path) -> Export:
    """The export of the first night, published."""
    found = Export(store, tmp_path / "erp")
    found.run()
    return found


BEFORE = {("00017", False), ("00042", False), ("C 7", False)}
OWED = [("00017", 60), ("C 7", 10)]


@pytest.mark.parametrize(("old", "new"), [
    ("00017", "17"), ("00017", "17.0"), ("00017", "1.7E1"), ("00017", "1.7e+01"), ("00017", " 0017 "), ("C 7", "c 7"), ("C 7", "C7"), ("C 7", "C 07"),
])  # fmt: skip
def test_a_code_written_otherwise_is_the_same_customer(export: Export, old: str, new: str) -> None:
    """The sweep is held, the new spelling waits in quarantine with the old one beside it, and what is owed stays where it was."""
    export.rename(old, new)
    for ran in (export.run(), export.run()):
        assert ran.outcome == "held"
        assert any("written like missing ones that have open items" in w and old in w for w in ran.warnings)
        assert (export.debtors(), export.owed()) == (BEFORE, OWED)
        assert export.kept_out() == {("debtor", new.strip())}
        assert [h.look_alikes for h in looking.holds(export.store)] == [{new.strip(): old}]


def test_the_mended_export_leaves_no_trace(export: Export) -> None:
    """The old spelling comes back: nothing is held, nothing waits, nothing was created."""
    export.rename("00017", "17")
    export.run()
    export.rename("17", "00017")
    assert export.run().outcome == "succeeded"
    assert (export.debtors(), export.owed(), export.kept_out()) == (BEFORE, OWED, set())
    assert rows(export.store, "SELECT count(*) FROM engine.quarantine") == [(0,)]
    assert looking.holds(export.store) == []


def test_an_approved_one_is_another_customer(export: Export) -> None:
    """A person approves: the old code is deleted, the new one created, and its invoices follow."""
    export.rename("00017", "17")
    export.run()
    looking.approve_sweep(export.store, "books", "debtor", "mia")
    assert export.run().outcome == "succeeded"
    assert export.debtors() == {*BEFORE - {("00017", False)}, ("00017", True), ("17", False)}
    assert (export.owed(), export.kept_out()) == ([("17", 60), ("C 7", 10)], set())


def test_deletes_accepted_beforehand_are_accepted(export: Export) -> None:
    """`run --accept-deletes` says what approving says."""
    export.rename("00017", "17")
    assert export.run(accept_deletes=True).outcome == "succeeded"
    assert export.owed() == [("17", 60), ("C 7", 10)]


def test_a_code_of_many_digits_that_a_spreadsheet_rounded(store: Engine, tmp_path: Path) -> None:
    """4711000012345 saved as 4.711E+12 agrees in the digits that are left; a code that does not agree is new."""
    export = Export(store, tmp_path / "erp")
    export.rename("00017", "4711000012345")
    export.run()
    export.rename("4711000012345", "4.711E+12")
    export.customers.append(["4.7E+11", "NEW ONE"])
    assert export.run().outcome == "held"
    assert export.kept_out() == {("debtor", "4.711E+12")}


def test_settled_customers_and_other_codes_need_nobody(export: Export) -> None:
    """Without open items a code may change; a debtor with open items and no look-alike is deleted, and the run says so."""
    export.rename("00042", "42")
    assert export.run().outcome == "succeeded"
    assert ("42", False) in export.debtors()
    export.customers = [row for row in export.customers if row[0] != "C 7"]
    ran = export.run()
    assert [w for w in ran.warnings if "1 debtors were deleted that have open items, for example C 7" in w]
    assert ("C 7", True) in export.debtors()
    assert export.run().outcome == "partial", "what is open of a deleted debtor is missing from every cut"
    next(row for row in export.items if row[1] == "C 7")[3] = "0.00"
    assert export.run().outcome == "succeeded"
    export.customers = [row for row in export.customers if row[0] != "00017"]
    export.items = [row for row in export.items if row[1] != "00017"]
    assert export.run().outcome == "succeeded", "who leaves with everything that was open needs no word"


def test_two_codes_that_always_stood_side_by_side_are_two(store: Engine, tmp_path: Path) -> None:
    """17 and 00017 are both customers; that one of them leaves is no change of spelling."""
    export = Export(store, tmp_path / "erp")
    export.customers.append(["17", "ANOTHER HANSEN"])
    export.run()
    export.customers = [row for row in export.customers if row[0] != "00017"]
    export.run()
    assert ("00017", True) in export.debtors()
    assert export.kept_out() == set()


@pytest.mark.parametrize("entity", ["document", "ledger_entry"])
def test_open_items_themselves_are_guarded(store: Engine, tmp_path: Path, entity: str) -> None:
    """R-0001 exported as R-1 is not owed twice, nor once less; the paid R-0002 may be called what it likes."""
    export = Export(store, tmp_path / "erp", entity)
    export.run()
    owed = export.owed()
    export.items[0][0], export.items[1][0] = "R-1", "R-2"
    ran = export.run()
    assert ran.outcome == "held"
    assert (export.owed(), export.kept_out()) == (owed, {(entity, "R-1")})


def test_a_spelling_that_was_approved_and_taken_back(export: Export) -> None:
    """00017 comes back after 17 was approved: it lives again with what it owes, and nobody is asked twice."""
    export.rename("00017", "17")
    export.run(accept_deletes=True)
    export.rename("17", "00017")
    assert export.run().outcome == "succeeded"
    assert (export.debtors(), export.owed()) == ({*BEFORE, ("17", True)}, OWED)


def test_a_sweep_the_brake_holds_creates_no_second_set(store: Engine, tmp_path: Path) -> None:
    """All codes lose their noughts at once: the brake holds, and not one of the new spellings is created."""
    export = Export(store, tmp_path / "erp")
    for n in range(900, 920):
        export.rename(str(n), f"0{n}")
    export.run()
    before = rows(export.store, "SELECT count(*) FROM canonical.debtor WHERE deleted_at IS NULL")
    for n in range(900, 920):
        export.rename(f"0{n}", str(n))
    assert export.run().outcome == "held"
    assert rows(export.store, "SELECT count(*) FROM canonical.debtor WHERE deleted_at IS NULL") == before
    assert len(export.kept_out()) == 20


def test_a_person_looks_and_approves_at_the_command_line(
    store: Engine, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The run ends with 6, the status check too; `sweep list` names both spellings, and after `sweep approve` all is 0."""
    export = Export(store, tmp_path / "erp")
    export.write()
    defs = home / "defs" / "books" / "defs.yaml"
    defs.parent.mkdir(parents=True)
    defs.write_text(
        yaml.safe_dump({"type": "dagster_project.components.ErpSource", "attributes": export.config}),
        encoding="utf-8",
    )
    monkeypatch.setenv("SYNC_ENGINE_DEFS", str(home / "defs"))
    monkeypatch.setenv("COLUMNS", "200")

    def said(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return int(ended.value.code or 0), capsys.readouterr().out

    assert said("run", "books")[0] == 0
    export.rename("00017", "17")
    export.write()
    assert [said("run", "books")[0], said("status", "--check")[0]] == [6, 6]
    assert "books debtor 17 is new, and written like 00017" in said("sweep", "list")[1]
    assert said("sweep", "approve", "books", "debtor", "--by", "mia")[0] == 0
    assert [said("run", "books")[0], said("status", "--check")[0]] == [0, 0]


def test_what_waits_is_counted_as_quarantined(export: Export) -> None:
    """read = changed + unchanged + quarantined, in the run that found it and in the next."""
    export.rename("00017", "17")
    for _ in range(2):
        ran = export.run()
        with export.store.connect() as connection:
            counted = connection.execute(text("""
                SELECT read = changed + unchanged + quarantined + excluded, quarantined FROM engine.run_step
                WHERE run_id = :r AND stage = 'normalise' AND entity = 'debtor'
                """), {"r": ran.run_id}).one()  # fmt: skip
        assert counted[0]
