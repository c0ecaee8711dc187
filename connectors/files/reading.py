"""From files to rows with a key: what is there, in which format, and which rows contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import xxhash

from connectors.files.parquet import read_parquet
from connectors.files.settings import ENDINGS, EntityFiles, Format, Listed
from connectors.toolkit.declared import NOTHING, key_text, payload
from sync_engine.canonical.cells import is_failed
from sync_engine.canonical.declared import column_identity
from sync_engine.errors import ConfigurationError, SourceError, TransientError
from sync_engine.platform.lines import LIMITS
from sync_engine.platform.tables import Table, bounded_lines, read_table, unreadable
from sync_engine.records import RawRecord

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


class Row(NamedTuple):
    """One row of one file: its line, what names it (None: nothing does), its payload, what is wrong with it, and whether it is meant."""

    file: str
    line: int
    key: str | None
    payload: bytes
    changed_at: datetime | None
    debtor: str | None
    wrong: str = ""
    listed: Listed = "meant"

    @property
    def where(self) -> str:
        """File and line, for people."""
        return f"{self.file} line {self.line}"


class Seen(NamedTuple):
    """What stands in the files of an entity under one key: where first, its hash, and where something else."""

    where: str
    digest: int
    contradicted: tuple[str, ...] = ()


class EntityReading:
    """Reads the files of one entity, twice: once to see which keys contradict each other, once to give the rows."""

    def __init__(self, whose: str, entity: str, folder: Path, declared: EntityFiles) -> None:
        self._whose, self._folder, self.declared = f"{whose} {entity}", folder, declared
        self.opened = 0

    def files(self) -> list[Path]:
        """The files that fit now. Raises SourceError when there is none."""
        place = self._folder / self.declared.path
        if place.is_file():
            return [place]
        if place.is_dir():
            found = [p for p in sorted(place.iterdir()) if p.is_file() and self._is_meant(p)]
        else:
            found = [
                p for p in sorted(self._folder.glob(self.declared.path)) if p.is_file() and not _is_hidden(p)
            ]
        if not found:
            raise SourceError(
                f"no file fits {self.declared.path!r}",
                whose=self._whose,
                todo="Deliver it, or correct the path; nothing was deleted.",
            )
        return found[-1:] if self.declared.take == "latest" else found

    def records(self) -> Iterator[RawRecord]:
        """Every record once: identical rows are one, contradicting ones are one that says so. Raises SourceError, TransientError."""
        files = self.files()
        stamps = [_stamp(f) for f in files]
        seen, repeated = self._judge(files)
        given: set[str] = set()
        for row in self._rows(files):
            record = self._record(row, seen, repeated, given)
            if record is not None:
                yield record
        if [_stamp(f) for f in files] != stamps:
            raise TransientError(
                "a file changed while it was read",
                whose=self._whose,
                todo="It is read again with the next run.",
            )

    def of_debtor(self, debtor: str) -> list[RawRecord]:
        """The records that belong to one debtor, as far as a column tells."""
        wanted = {row.key for row in self._rows(self.files()) if row.debtor == debtor and row.key is not None}
        return [r for r in self.records() if r.key in wanted] if wanted else []

    def columns(self) -> dict[str, tuple[str, ...]]:
        """File name -> its columns, for people who look whether all is well."""
        return {path.name: columns for path in self.files() for columns in [self._columns(path)]}

    @property
    def is_trustworthy(self) -> bool:
        """Whether every row of the last reading could be told by its key: only then is what was not seen gone."""
        return self._lost == 0

    _lost = 0

    def _judge(self, files: list[Path]) -> tuple[dict[str, Seen], set[str]]:
        seen: dict[str, Seen] = {}
        repeated: set[str] = set()
        rows = self._lost = 0
        for row in self._rows(files):
            rows += 1
            self._lost += row.key is None and bool(row.wrong)
            if row.key is None:
                continue
            digest = xxhash.xxh3_64_intdigest(row.payload)
            known = seen.get(row.key)
            if known is None:
                seen[row.key] = Seen(row.where, digest)
                continue
            repeated.add(row.key)
            if known.digest != digest:
                seen[row.key] = known._replace(contradicted=(*known.contradicted[:4], row.where))
        if not rows and not self.declared.may_be_empty:
            raise SourceError(
                f"there are no rows in {', '.join(f.name for f in files)}",
                whose=self._whose,
                todo="Deliver it again; nothing was deleted. If it may be empty, say `may_be_empty: true`.",
            )
        return seen, repeated

    def _record(
        self, row: Row, seen: dict[str, Seen], repeated: set[str], given: set[str]
    ) -> RawRecord | None:
        if row.key is None:
            reason = row.wrong or f"has nothing in {' and '.join(self.declared.key)}, which names a row"
            return RawRecord(f"{row.file}:{row.line}", NOTHING, None, f"{row.where} {reason}")
        if row.key in repeated:
            if row.key in given:
                return None
            given.add(row.key)
        known = seen[row.key]
        if known.contradicted:
            places = ", ".join((known.where, *known.contradicted))
            return RawRecord(
                row.key,
                NOTHING,
                None,
                f"{places} have the same key and say different things; keep one of them",
            )
        if row.wrong:
            return RawRecord(row.key, NOTHING, row.changed_at, f"{row.where} {row.wrong}")
        return RawRecord(row.key, row.payload, row.changed_at)

    def _rows(self, files: list[Path]) -> Iterator[Row]:
        for path in files:
            self.opened += 1
            try:
                for row in self._rows_of(path):
                    if row.listed == "end":
                        break
                    if row.listed == "meant":
                        yield row
            except SourceError as error:
                raise SourceError(
                    error.what, whose=self._whose, key=error.key or path.name, todo=error.todo
                ) from None

    def _rows_of(self, path: Path) -> Iterator[Row]:
        kind = self._format(path)
        if self.declared.skip and kind in ("parquet", "ndjson"):
            raise ConfigurationError(
                f"{path.name} has no lines above a heading", whose=self._whose, todo="Leave `skip` out."
            )
        match kind:
            case "parquet":
                yield from self._dictionaries(path, enumerate(read_parquet(path), 1))
            case "ndjson":
                yield from self._ndjson(path)
            case "csv" | "tsv" | "excel":
                yield from self._table(path)

    def _format(self, path: Path) -> Format:
        chosen = self.declared.format or ENDINGS.get(path.suffix.casefold())
        if chosen is None:
            raise ConfigurationError(
                f"the ending of {path.name} tells no format",
                whose=self._whose,
                todo="Say format: csv, tsv, excel, parquet or ndjson.",
            )
        return chosen

    def _is_meant(self, path: Path) -> bool:
        if _is_hidden(path):
            return False
        told = ENDINGS.get(path.suffix.casefold())
        return told is not None and (self.declared.format is None or told == self.declared.format)

    def _opened(self, path: Path) -> Table:
        declared = self.declared
        delimiter = declared.delimiter or ("\t" if self._format(path) == "tsv" else None)
        return read_table(
            path,
            encoding=declared.encoding,
            delimiter=delimiter,
            quote=declared.quote,
            sheet=declared.sheet,
            header=declared.header,
            skip=declared.skip,
        )

    def _table(self, path: Path) -> Iterator[Row]:
        declared, table = self.declared, self._opened(path)
        keys = [self._place(table.header, column) for column in declared.key]
        modified = None if declared.modified is None else self._place(table.header, declared.modified)
        debtor = None if declared.debtor is None else self._place(table.header, declared.debtor)
        told = None if declared.rows is None else self._place(table.header, declared.rows.column)
        header, encode = table.header, payload if self._format(path) == "excel" else _encode
        for number, cells, wrong in table.rows:
            named = [cells[k] for k in keys] if not wrong else []
            listed = (
                "meant"
                if told is None or declared.rows is None or told >= len(cells)
                else declared.rows.about(cells[told])
            )
            if wrong := wrong or next(
                (f"holds {c} where its key stands: a formula failed" for c in named if is_failed(c)), ""
            ):
                yield Row(path.name, number, None, b"", None, None, wrong, listed)
                continue
            yield Row(
                path.name,
                number,
                self._key(named),
                encode(dict(zip(header, cells, strict=True))),
                None if modified is None else _instant(cells[modified]),
                None if debtor is None else (cells[debtor] or "").strip(),
                "",
                listed,
            )

    def _ndjson(self, path: Path) -> Iterator[Row]:
        try:
            with path.open("rb") as lines:
                for number, line in enumerate(bounded_lines(lines, path.name, LIMITS), 1):
                    raw = line.removeprefix(b"\xef\xbb\xbf").strip()
                    if not raw:
                        continue
                    try:
                        found = _decode(raw)
                    except (msgspec.DecodeError, UnicodeDecodeError):
                        yield Row(path.name, number, None, b"", None, None, "is no JSON object")
                        continue
                    except RecursionError:
                        yield Row(
                            path.name, number, None, b"", None, None, "is nested deeper than anybody's record"
                        )
                        continue
                    yield self._row(path, number, found, raw)
        except OSError as error:
            raise unreadable(error, path.name) from None

    def _dictionaries(self, path: Path, rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Row]:
        for number, found in rows:
            yield self._row(path, number, found, payload(found))

    def _row(self, path: Path, number: int, found: dict[str, Any], raw: bytes) -> Row:
        declared = self.declared
        names = {column_identity(name): name for name in found}

        def cell(column: str) -> str | None:
            name = names.get(column_identity(column))
            value = None if name is None else found[name]
            return None if value is None or isinstance(value, dict | list) else key_text(value)

        return Row(
            path.name,
            number,
            self._key([cell(c) for c in declared.key]),
            raw,
            None if declared.modified is None else _instant(cell(declared.modified)),
            None if declared.debtor is None else (cell(declared.debtor) or "").strip(),
            "",
            "meant" if declared.rows is None else declared.rows.about(cell(declared.rows.column)),
        )

    def _key(self, parts: list[str | None]) -> str | None:
        trimmed = [(p or "").strip() for p in parts]
        return self.declared.key_prefix + "|".join(trimmed) if all(trimmed) else None

    def _place(self, header: tuple[str, ...], column: str) -> int:
        wanted = column_identity(column)
        for place, name in enumerate(header):
            if column_identity(name) == wanted:
                return place
        raise ConfigurationError(
            f"there is no column {column!r}",
            whose=self._whose,
            todo=f"The file has: {', '.join(header)}. Correct the YAML, or say `skip` where lines stand above the heading.",
        )

    def _columns(self, path: Path) -> tuple[str, ...]:
        if self._format(path) in ("csv", "tsv", "excel"):
            found = self._opened(path).header
        else:
            first = next(iter(self._rows([path])), None)
            found = tuple(_decode(first.payload)) if first is not None and first.payload else ()
        rows, modified = self.declared.rows, self.declared.modified
        for column in (
            *self.declared.key,
            *((modified,) if modified else ()),
            *((rows.column,) if rows else ()),
        ):
            if found:
                self._place(found, column)
        return found


def _is_hidden(path: Path) -> bool:
    """Files of the system, and what Excel leaves beside an open workbook."""
    return path.name.startswith((".", "~$"))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size


def _instant(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
