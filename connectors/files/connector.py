"""The connector: a folder of files behind the engine's port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.files.reading import EntityReading
from connectors.files.settings import Settings
from connectors.toolkit.declared import COMPANY, declared_stream
from sync_engine.canonical.declared import place_of
from sync_engine.errors import ConfigurationError, SourceError
from sync_engine.ports import Clock
from sync_engine.records import Capability, Cursor, Probe, RawRecord, RecordBatch, Stream

BATCH = 5000


class Files:
    """One source of files. Nothing is opened before it is asked for something."""

    def __init__(self, source: str, settings: Settings) -> None:
        self.source, self.settings = source, settings
        self._folder = Path(settings.folder).expanduser()
        self._readings = {
            name: EntityReading(source, name, self._folder, declared)
            for name, declared in settings.entities.items()
        }

    def __repr__(self) -> str:
        return f"Files({self.source!r})"

    @property
    def calls(self) -> int:
        """Files opened so far."""
        return sum(reading.opened for reading in self._readings.values())

    @property
    def streams(self) -> Mapping[str, Stream]:
        """The declared entities, parents first. Raises SourceError when the folder is not there."""
        self._look()
        names = [*([COMPANY] if self.settings.company else []), *self.settings.entities]
        return {
            name: declared_stream(name) for name in sorted(names, key=lambda n: (place_of(n), names.index(n)))
        }

    def probe(self) -> Probe:
        """Which files there are, and whether they have the columns that were declared."""
        self._look()
        found = tuple(self._capability(name, reading) for name, reading in self._readings.items())
        company = self.settings.company.name if self.settings.company else self.source
        return Probe("files", "", company, found, {"folder": str(self._folder)})

    def pull(self, entity: str, since: Cursor | None) -> Iterator[RecordBatch]:
        """Reads everything, every time.

        `complete` is withheld where a row could not be told by its key: the record it stands for must not count as gone.
        """
        if entity == COMPANY and self.settings.company is not None:
            yield RecordBatch(COMPANY, [self.settings.company.record], complete=True)
            return
        reading = self._reading(entity)
        batch: list[RawRecord] = []
        for record in reading.records():
            if len(batch) == BATCH:
                yield RecordBatch(entity, batch)
                batch = []
            batch.append(record)
        yield RecordBatch(entity, batch, complete=reading.is_trustworthy)

    def pull_debtor(self, debtor_key: str) -> Iterator[RecordBatch]:
        """The rows of one debtor: its own, and of the entities whose YAML names the column with the debtor."""
        self._look()
        for name in self.streams:
            if name == COMPANY:
                continue
            reading = self._reading(name)
            if reading.declared.debtor is not None:
                yield RecordBatch(name, reading.of_debtor(debtor_key))
            elif declared_stream(name).canonical == "debtor":
                yield RecordBatch(name, [r for r in reading.records() if r.key == debtor_key])

    def keys(self, entity: str) -> Iterator[Sequence[str]]:
        """The keys of all rows."""
        for batch in self.pull(entity, None):
            yield [record.key for record in batch.records]

    def close(self) -> None:
        """Nothing stays open."""

    def _reading(self, entity: str) -> EntityReading:
        self._look()
        if entity not in self._readings:
            raise SourceError(
                "is not declared",
                whose=self.source,
                key=entity,
                todo=f"Declared: {', '.join(self._readings)}.",
            )
        return self._readings[entity]

    def _look(self) -> None:
        if not self._folder.is_dir():
            raise SourceError(
                f"there is no folder {self.settings.folder!r}",
                whose=self.source,
                todo="Mount or create it, or correct `folder`; nothing was deleted.",
            )

    def _capability(self, name: str, reading: EntityReading) -> Capability:
        try:
            found = reading.columns()
        except (SourceError, ConfigurationError) as error:
            return Capability(name, False, error.what, error.todo)
        return Capability(
            name, True, "; ".join(f"{file}: {', '.join(columns)}" for file, columns in found.items())
        )


class Plugin:
    """The entry point `files` of group `sync_engine.connectors`."""

    settings = Settings

    def open(self, source: str, settings: Any, clock: Clock) -> Files:
        """Opens one source; reads nothing yet."""
        return Files(source, settings)
