"""The connector keeps the contract every connector keeps, on tidy files and on files as people send them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.files import Files
from tests.connectors import contract as c
from tests.connectors.files.support import Shelf
from tests.simulators.files import DIRTY, Flaws


@dataclass
class FilesStage:
    """A shelf as the contract wants it; refusing is a share that is not mounted any more."""

    shelf: Shelf
    secrets: tuple[str, ...] = ("nothing here is secret",)
    unresumable: frozenset[str] = frozenset()

    def open(self) -> Files:
        return self.shelf.open()

    def edit(self) -> tuple[str, str]:
        self.shelf.books.customers[2].city = "Århus"
        self.shelf.write()
        return "debtor", "10020"

    def delete(self) -> tuple[str, str]:
        gone = self.shelf.books.persons.pop(3)
        self.shelf.write()
        return "contact", f"{gone.customer}|{gone.email}"

    def refuse(self) -> None:
        self.shelf.folder.rename(self.shelf.folder.with_name("elsewhere"))

    def debtor(self) -> str:
        return "10040"


def stage(flaws: Flaws) -> Callable[[pytest.MonkeyPatch], FilesStage]:
    """Makes a stage with files that have these flaws."""

    def make(monkeypatch: pytest.MonkeyPatch) -> FilesStage:
        folder = (
            Path(tempfile.mkdtemp(prefix="files-", dir=os.environ["SYNC_ENGINE_TEST_FOLDER"])) / "exports"
        )
        folder.mkdir()
        return FilesStage(Shelf(folder, flaws=flaws).write())

    return make


test_tidy_files = c.contract(stage(Flaws()))
test_files_as_people_send_them = c.contract(stage(DIRTY))
