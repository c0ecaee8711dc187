"""The rows of one declared entity: each column read as its field is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from typing_extensions import TypedDict

from mappings.toolkit.columns.cells import Unclear, date_text, decimal_text, instant_text, signed
from mappings.toolkit.columns.settings import AMOUNTS, CODES, Column, ColumnsMapping, EntityMapping
from mappings.toolkit.fields import Custom, Day, Flag, Instant, Money, Rate, Text, Whole
from mappings.toolkit.rows import CUSTOM, Reader, Refused, Row
from sync_engine.canonical.cells import is_failed, plain_number
from sync_engine.canonical.declared import Speakable, column_identity
from sync_engine.errors import ConfigurationError, MappingFailed, RecordError
from sync_engine.ports import CodeGap

TYPES: dict[str, Any] = {
    "text": Text,
    "money": Money,
    "number": Rate,
    "bool": Flag,
    "date": Day,
    "ts": Instant,
    "int": Whole,
}
YES = frozenset(
    ("yes", "y", "true", "t", "1", "x", "ja", "j", "oui", "o", "si", "sí", "s", "wahr", "vrai", "verdadero")
)
NO = frozenset(("no", "n", "false", "f", "0", "nej", "nein", "non", "falsch", "faux", "falso"))
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_encode = msgspec.json.Encoder().encode


class _Unknown(Exception):
    """A code or word without a rule."""


Convert = Callable[[str], Any]


def _plain(text: str) -> str:
    return text


def _code(codes: Mapping[str, Any]) -> Convert:
    folded = {column_identity(code): meaning for code, meaning in codes.items()}

    def convert(text: str) -> Any:
        try:
            return folded[column_identity(text)]
        except KeyError:
            raise _Unknown(text) from None

    return convert


class _Said:
    """One field of one entity, ready to be read from cells."""

    __slots__ = (
        "blank",
        "codes",
        "column",
        "constant",
        "convert",
        "is_amount",
        "is_written",
        "name",
        "negate",
        "optional",
    )

    def __init__(
        self, name: str, kind: str, declared: Column, settings: ColumnsMapping, allowed: frozenset[str] | None
    ) -> None:
        self.name, self.optional, self.blank = name, declared.optional, declared.blank
        self.column = None if declared.column is None else column_identity(declared.column)
        self.constant, self.negate = declared.value, declared.negate
        self.is_amount = kind in AMOUNTS and declared.codes is None
        self.codes = declared.codes
        self.is_written = (
            self.column is not None
            and declared.blank == "empty"
            and not (self.is_amount and (declared.decimal or settings.decimal) == ",")
        )
        self.convert = _converter(kind, declared, settings, allowed)

    def written(self, value: Any, whose: str) -> Any:
        """What a cell should hold that means a value. Raises MappingFailed."""
        if self.codes is not None:
            fitting = [code for code, meaning in self.codes.items() if meaning == value]
            if fitting:
                return fitting[0]
            if value is not None:
                raise MappingFailed(
                    f"no code of the column means this {self.name}", field=self.name, whose=whose
                )
        if value is None or not self.is_amount:
            return value
        return signed(str(value), negate=self.negate)


def _converter(
    kind: str, declared: Column, settings: ColumnsMapping, allowed: frozenset[str] | None
) -> Convert:
    if declared.codes is not None:
        return _code(declared.codes)
    if allowed is not None:
        return _code({word: word for word in allowed})
    if kind == "bool":
        return _code(
            {**dict.fromkeys((*NO, *settings.no), False), **dict.fromkeys((*YES, *settings.yes), True)}
        )
    if kind in AMOUNTS:
        separator = declared.decimal or settings.decimal
        return lambda text: decimal_text(text, separator, negate=declared.negate)
    if kind == "date":
        formats = declared.dates or settings.dates
        return lambda text: date_text(text, formats)
    return instant_text if kind == "ts" else _plain


class EntityRows:
    """How the rows of one wire entity are read."""

    def __init__(
        self,
        source: str,
        name: str,
        spoken: Speakable,
        settings: ColumnsMapping,
        mapping: EntityMapping | None,
        rows_of: str,
    ) -> None:
        self.name, self.spoken, self._whose, self._rows_of = name, spoken, f"{source} {name}", rows_of
        kinds = {f.name: f.kind for f in spoken.fields}
        declared = (
            mapping.fields
            if mapping
            else {f.name: Column(column=f.name, optional=True) for f in spoken.fields}
        )
        custom = mapping.custom if mapping else {}
        self._said = [
            _Said(f, kinds[f], c, settings, CODES.get((spoken.entity, f))) for f, c in declared.items()
        ]
        self._said += [_Said(CUSTOM + f, "text", c, settings, None) for f, c in custom.items()]
        self.custom = tuple(custom)
        self.fields = frozenset(declared)
        self.stated = frozenset(f for f, c in declared.items() if not c.optional)
        types = {
            **{f: TYPES[kinds[f]] for f in declared},
            **dict.fromkeys((CUSTOM + f for f in custom), Custom),
        }
        self._reader = Reader(TypedDict(name, types, total=False), self._whose)  # type: ignore[operator]

    @property
    def written(self) -> dict[str, str]:
        """Canonical field, or `custom.NAME`, -> the column that can be told it."""
        return {
            _spoken_name(said.name): said.column
            for said in self._said
            if said.column is not None and said.is_written
        }

    def to_columns(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Column -> what it should say, the other way round than a cell is read. Raises MappingFailed for a value without a code."""
        by_name = {_spoken_name(said.name): said for said in self._said}
        found: dict[str, Any] = {}
        for name, value in values.items():
            said = by_name[name]
            assert said.column is not None, "what is constant is not writable"
            found[said.column] = said.written(value, self._whose)
        return found

    def rows(
        self, records: Sequence[tuple[str, bytes]], gaps: list[CodeGap]
    ) -> Iterable[tuple[str, Row | RecordError]]:
        """Every record once: with its row in canonical fields, or with why there is none."""
        decoded = [(key, payload, _read(payload)) for key, payload in records]
        headings = {name: None for _, _, cells in decoded if cells is not None for name in cells}
        if headings:
            self._require([*headings])
        usable: list[tuple[str, bytes]] = []
        for key, payload, cells in decoded:
            row: dict[str, Any] = {}
            try:
                usable.append((key, payload if cells is None else self._reworded(row, key, cells, gaps)))
            except Refused as refused:
                yield (
                    key,
                    MappingFailed(
                        refused.what, field=refused.field, whose=self._whose, key=key, readable=row
                    ),
                )
        yield from self._reader.rows(usable)

    def _require(self, headings: list[str]) -> None:
        there = {column_identity(h) for h in headings}
        missing = [s for s in self._said if s.column is not None and not s.optional and s.column not in there]
        if missing:
            columns = ", ".join(f"{s.column!r} (for {s.name.removeprefix(CUSTOM)})" for s in missing)
            raise ConfigurationError(
                f"there is no column {columns}",
                whose=self._whose,
                todo=f"{self._rows_of[0].upper()}{self._rows_of[1:]} has: {', '.join(headings)}. Correct the mapping; nothing was published.",
            )

    def _reworded(self, row: dict[str, Any], key: str, cells: dict[str, Any], gaps: list[CodeGap]) -> bytes:
        by_identity = {column_identity(name): cell for name, cell in cells.items()}
        for said in self._said:
            if said.column is None:
                row[said.name] = said.constant
            elif said.column in by_identity:
                _read_cell(row, key, said, by_identity[said.column], gaps)
        return _encode(row)


def _spoken_name(name: str) -> str:
    """A field of an installation's own by the name that rules give it."""
    return f"custom.{name.removeprefix(CUSTOM)}" if name.startswith(CUSTOM) else name


def _read_cell(row: dict[str, Any], key: str, said: _Said, cell: Any, gaps: list[CodeGap]) -> None:
    """Puts one field into the row. Text is read as declared; a number is what it is. Raises Refused for what nobody can have meant."""
    text = _text(cell)
    if text is None or not text.strip():
        if said.blank != "nothing":
            row[said.name] = "0" if said.blank == "zero" else None
        return
    field = said.name.removeprefix(CUSTOM)
    if is_failed(text):
        raise Refused(field, f"{field} holds {text.strip()}: a formula of the spreadsheet failed")
    if said.is_amount and isinstance(cell, int | Decimal) and not isinstance(cell, bool):
        row[said.name] = signed(text, negate=said.negate)
        return
    try:
        row[said.name] = said.convert(text)
    except _Unknown as unknown:
        gaps.append(CodeGap(key, said.name, str(unknown).strip()))
    except Unclear as unclear:
        raise Refused(field, f"{field} {unclear}") from None


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return plain_number(str(cell)) if isinstance(cell, int | Decimal) else str(cell)


def _read(payload: bytes) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found
