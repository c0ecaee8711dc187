"""Duplicates inside one source: debtors that may be one company, as a list and as a file of merges that `links bulk` plans."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sync_engine.errors import ConfigurationError
from sync_engine.matching import duplicates as matching
from sync_engine.matching.similarity import Party
from sync_engine.ops.decisions.links import COLUMNS
from sync_engine.ops.decisions.names import is_known
from sync_engine.ops.runs.source_run import Runtime
from sync_engine.platform.home import private_file
from sync_engine.platform.outside_text import for_spreadsheet
from sync_engine.store.db import transaction
from sync_engine.store.publishing.parties import linked_parties


class Record(NamedTuple):
    """A record of the source: its key there, the canonical record it is part of (None while it is not linked), number and name."""

    key: str
    record: str | None
    number: str | None
    name: str | None

    @property
    def called(self) -> str:
        """`10000 Nordlys A/S`."""
        return " ".join(filter(None, (self.number or self.key, self.name)))


class Pair(NamedTuple):
    """Two records of a source that may be one, how sure that is, and why."""

    first: Record
    second: Record
    score: float
    evidence: dict[str, Any]


def pairs_among(parties: Sequence[Party], threshold: float = matching.ALIKE_FROM) -> list[Pair]:
    """The duplicates among some records, with what people call them."""
    records = {p.key: Record(p.key, p.canonical, p.number, p.name) for p in parties}
    return [
        Pair(records[d.first], records[d.second], d.score, d.evidence)
        for d in matching.duplicates(parties, threshold)
    ]


def find_duplicates(runtime: Runtime, source: str, threshold: float = matching.ALIKE_FROM) -> list[Pair]:
    """The living debtors of a source that may be one, the surest first. Raises ConfigurationError for an unknown source."""
    with transaction(runtime.store, "looking for duplicates") as connection:
        is_known(connection, source)
        return pairs_among(list(linked_parties(connection, "debtor", [source])), threshold)


def write_merges(pairs: Sequence[Pair], file: Path) -> None:
    """A CSV that `links bulk` reads: one merge a pair, the second into the first. Raises ConfigurationError for a file that is there already."""
    try:
        with private_file(file, "x", newline="") as out:
            written = csv.writer(out)
            written.writerow(COLUMNS)
            for pair in pairs:
                because = ", ".join(f"{what} {value:.2f}" for what, value in pair.evidence.items())
                note = f"{pair.second.called} into {pair.first.called}: {because}"
                written.writerow(
                    ("merge", "debtor", "", pair.second.record, pair.first.record, for_spreadsheet(note))
                )
    except FileExistsError:
        raise ConfigurationError(
            "the file is there already", key=str(file), todo="Name another one."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be written ({error.strerror})", key=str(file), todo="Name another place."
        ) from None
