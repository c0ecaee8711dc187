"""Files: declared columns become canonical drafts. What a column holds is said in the YAML, field by field.

A field is a column, or a column with how to read it; `mappings.fields` checks what comes of it like any other mapping.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from typing_extensions import TypedDict

import mappings
from mappings.fields import Custom, Day, Flag, Instant, Money, Rate, Text, Whole, is_negative, is_zero, unsigned
from mappings.reading import CUSTOM, UNREADABLE, Reader, Refused, Row
from mappings.rules import Name, PositionRules, Positions
from sync_engine.canonical.declared import SPEAKABLE, Speakable, column_identity, heading, spoken_of
from sync_engine.errors import ConfigurationError, MappingFailed, RecordError
from sync_engine.ports import CodeGap, Draft, Normalised

TYPES: dict[str, Any] = {"text": Text, "money": Money, "number": Rate, "bool": Flag, "date": Day, "ts": Instant, "int": Whole}
YES = frozenset(("yes", "y", "true", "t", "1", "x", "ja", "j", "oui", "o", "si", "sí", "s", "wahr", "vrai", "verdadero"))
NO = frozenset(("no", "n", "false", "f", "0", "nej", "nein", "non", "falsch", "faux", "falso"))
CODES: dict[tuple[str, str], frozenset[str]] = {
    ("debtor", "status"): frozenset(("active", "blocked", "inactive")),
    ("debtor", "kind"): frozenset(("company", "person")),
    ("debtor", "block_reason"): frozenset(("ship", "invoice", "all")),
    ("contact", "status"): frozenset(("active", "inactive")),
    ("document", "kind"): frozenset(("invoice", "credit_note", "finance_charge", "opening", "journal")),
    ("document", "erp_status"): frozenset(("draft", "open", "partially_paid", "paid", "void", "written_off", "unknown")),
    ("ledger_entry", "document_type"): frozenset(("invoice", "credit_memo", "payment", "refund", "finance_charge", "reminder", "journal")),
}
"""What these fields may say; a column with other words needs `codes`."""
NEEDED = {
    "contact": ("debtor_key",), "document": ("debtor_key", "total|open_amount"), "ledger_entry": ("debtor_key|debtor_number", "document_type", "amount"),
    "application": ("from_entry", "to_entry", "amount|amount_base"), "dimension": ("code",), "dimension_value": ("dimension_key", "code"),
    "debtor_dimension": ("debtor_key", "dimension_key", "dimension_value_key"), "account_owner": ("number|email",),
}
_MARK = f'"{UNREADABLE}"'.encode()
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode
_encode = msgspec.json.Encoder().encode


class Column(BaseModel):
    """Where a field comes from, and how it is written there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: Name | None = Field(None, description="the heading; case, blanks, dots, hyphens and underscores do not count")
    value: str | bool | None = Field(None, description="the same for every row, instead of a column")
    codes: dict[str, str | bool | None] | None = Field(None, description="what is written -> what it means; another code is a gap, not a guess")
    decimal: Literal[".", ","] | None = Field(None, description="decimal separator, where it is not the source's")
    dates: tuple[str, ...] | None = Field(None, description="date formats such as %d.%m.%Y, where they are not the source's")
    negate: bool = Field(False, description="the file has the other sign")
    optional: bool = Field(False, description="the column may be missing; then nothing is said")
    blank: Literal["empty", "nothing"] = Field("empty", description="what a blank cell says: that there is nothing, or nothing at all")

    @model_validator(mode="before")
    @classmethod
    def _plain_column(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given if isinstance(given, cls) else {"column": heading(given)}
        codes = given.get("codes")
        return {
            **given, **({"column": heading(given["column"])} if "column" in given else {}),
            **({"codes": {heading(code): meaning for code, meaning in codes.items()}} if isinstance(codes, Mapping) else {}),
        }

    @model_validator(mode="after")
    def _has_one_origin(self) -> Column:
        if (self.column is None) == ("value" not in self.model_fields_set):
            raise ValueError("name a column or a value, one of them")
        return self


class EntityMapping(BaseModel):
    """The fields of one entity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, Column] = Field(min_length=1, description="canonical field -> column")
    custom: dict[Name, Column] = Field(default_factory=dict, description="name of an own field -> column")


class FilesMapping(BaseModel):
    """The settings of one source's mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entities: dict[str, EntityMapping] = Field(min_length=1)
    decimal: Literal[".", ","] = Field(".", description="decimal separator of the files; the other one, blanks and apostrophes group thousands")
    dates: tuple[str, ...] = Field((), description="date formats such as %d.%m.%Y; ISO 8601 is always read")
    yes: tuple[Name, ...] = Field((), description="further words for yes")
    no: tuple[Name, ...] = Field((), description="further words for no")
    positions: PositionRules = Field(default_factory=PositionRules, description="From a contact's title to its position.")

    @field_validator("entities")
    @classmethod
    def _fields_are_known(cls, entities: dict[str, EntityMapping]) -> dict[str, EntityMapping]:
        for name, mapping in entities.items():
            spoken = spoken_of(name)
            if spoken is None:
                raise ValueError(f"{name}: an entity begins with one of {', '.join(SPEAKABLE)}")
            known = [f.name for f in spoken.fields]
            if unknown := sorted(set(mapping.fields) - set(known)):
                raise ValueError(f"{name}: there is no field {', '.join(unknown)}; there are {', '.join(known)}")
            for wanted in NEEDED.get(spoken.entity, ()):
                if not set(wanted.split("|")) & set(mapping.fields):
                    raise ValueError(f"{name}: the field {wanted.replace('|', ' or ')} is missing")
        return entities


# Cells -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _grouped(decimal: str) -> re.Pattern[str]:
    thousands = "," if decimal == "." else r"\."
    return re.compile(rf"(?P<whole>\d{{1,3}}(?P<sep>[{thousands} '\u2019\u00a0\u202f])\d{{3}}(?:(?P=sep)\d{{3}})*|\d*)(?:{re.escape(decimal)}(?P<part>\d*))?")


def decimal_text(text: str, decimal: str, *, negate: bool = False) -> str:
    """An amount as plain decimal text; what is no amount stays as it is, for the field type to refuse.

    `1.234,50`, `1 234,50`, `(1,234.50)`, `1234.50-` are amounts; `1,5` with a point as separator is not taken for 15.
    """
    shorn = text.strip().replace("\u2212", "-")
    sign = shorn.startswith("-") or shorn.endswith("-") or (shorn.startswith("(") and shorn.endswith(")"))
    bare = shorn.strip("+-()").strip()
    found = _grouped(decimal).fullmatch(bare)
    if found is None or not (found["whole"] or found["part"]):
        plain = _exponent(bare)
        if plain is None:
            return text
        bare = plain
    else:
        whole = re.sub(r"\D", "", found["whole"]) or "0"
        part = (found["part"] or "").rstrip("0")
        bare = f"{whole}.{part}" if part else whole
    return f"-{bare}" if sign != negate and not is_zero(bare) else bare


def _exponent(text: str) -> str | None:
    """A number as programs write very large and small ones, `1.5e-05`."""
    if not re.fullmatch(r"\d+(?:\.\d+)?[eE][+-]?\d{1,2}", text):
        return None
    plain = f"{Decimal(text):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


@lru_cache(maxsize=20_000)
def date_text(text: str, formats: tuple[str, ...]) -> str:
    """A business date as ISO text; a time of day beside it is left out. What is no date stays as it is."""
    for written in formats:
        try:
            return datetime.strptime(text.strip(), written).date().isoformat()  # noqa: DTZ007 - a business date has no zone
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text.strip()).date().isoformat()
    except ValueError:
        return text


@lru_cache(maxsize=20_000)
def instant_text(text: str) -> str:
    """An instant as ISO text in UTC; without a zone it is taken to be UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return (found.astimezone(UTC) if found.tzinfo else found).strftime("%Y-%m-%dT%H:%M:%SZ")


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

    __slots__ = ("blank", "column", "constant", "convert", "name", "optional")

    def __init__(self, name: str, kind: str, declared: Column, settings: FilesMapping, allowed: frozenset[str] | None) -> None:
        self.name, self.optional, self.blank = name, declared.optional, declared.blank
        self.column = None if declared.column is None else column_identity(declared.column)
        self.constant = declared.value
        self.convert = _converter(kind, declared, settings, allowed)


def _converter(kind: str, declared: Column, settings: FilesMapping, allowed: frozenset[str] | None) -> Convert:
    if declared.codes is not None:
        return _code(declared.codes)
    if allowed is not None:
        return _code({word: word for word in allowed})
    if kind == "bool":
        return _code({**dict.fromkeys((*NO, *settings.no), False), **dict.fromkeys((*YES, *settings.yes), True)})
    if kind in ("money", "number", "int"):
        separator = declared.decimal or settings.decimal
        return lambda text: decimal_text(text, separator, negate=declared.negate)
    if kind == "date":
        formats = declared.dates or settings.dates
        return lambda text: date_text(text, formats)
    return instant_text if kind == "ts" else _plain


# Entities --------------------------------------------------------------------------------------------


class _Entity:
    """How the rows of one wire entity are read."""

    def __init__(self, source: str, name: str, spoken: Speakable, settings: FilesMapping, mapping: EntityMapping | None) -> None:
        self.name, self.spoken, self._whose = name, spoken, f"{source} {name}"
        kinds = {f.name: f.kind for f in spoken.fields}
        declared = mapping.fields if mapping else {f.name: Column(column=f.name, optional=True) for f in spoken.fields}
        custom = mapping.custom if mapping else {}
        self._said = [_Said(f, kinds[f], c, settings, CODES.get((spoken.entity, f))) for f, c in declared.items()]
        self._said += [_Said(CUSTOM + f, "text", c, settings, None) for f, c in custom.items()]
        self.custom = tuple(custom)
        types = {**{f: TYPES[kinds[f]] for f in declared}, **dict.fromkeys((CUSTOM + f for f in custom), Custom)}
        self._reader = Reader(TypedDict(name, types, total=False), self._whose)  # type: ignore[operator]

    def rows(self, records: Sequence[tuple[str, bytes]], gaps: list[CodeGap]) -> Iterable[tuple[str, Row | RecordError]]:
        """Every record once: with its row in canonical fields, or with why there is none."""
        decoded = [(key, payload, None if _MARK in payload else _read(payload)) for key, payload in records]
        headings = {name: None for _, _, cells in decoded if cells is not None for name in cells}
        if headings:
            self._require([*headings])
        return self._reader.rows([(key, payload if cells is None else self._reworded(key, cells, gaps)) for key, payload, cells in decoded])

    def _require(self, headings: list[str]) -> None:
        there = {column_identity(h) for h in headings}
        missing = [s for s in self._said if s.column is not None and not s.optional and s.column not in there]
        if missing:
            columns = ", ".join(f"{s.column!r} (for {s.name.removeprefix(CUSTOM)})" for s in missing)
            raise ConfigurationError(
                f"there is no column {columns}", whose=self._whose, todo=f"The file has: {', '.join(headings)}. Correct the mapping; nothing was published.")

    def _reworded(self, key: str, cells: dict[str, Any], gaps: list[CodeGap]) -> bytes:
        by_identity = {column_identity(name): cell for name, cell in cells.items()}
        row: dict[str, Any] = {}
        for said in self._said:
            if said.column is None:
                row[said.name] = said.constant
            elif said.column in by_identity:
                _read_cell(row, key, said, by_identity[said.column], gaps)
        return _encode(row)


def _read_cell(row: dict[str, Any], key: str, said: _Said, cell: Any, gaps: list[CodeGap]) -> None:
    text = ("true" if cell else "false") if isinstance(cell, bool) else cell if isinstance(cell, str) else None if cell is None else str(cell)
    if text is None or not text.strip():
        if said.blank == "empty":
            row[said.name] = None
        return
    try:
        row[said.name] = said.convert(text)
    except _Unknown as unknown:
        gaps.append(CodeGap(key, said.name, str(unknown).strip()))


def _read(payload: bytes) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found


def _upper(row: Row, field: str, length: int, key: str, gaps: list[CodeGap]) -> None:
    """Country and currency codes; what is no ISO code is a gap, not a guess."""
    said = row.get(field)
    if said is None:
        return
    if len(said) == length and said.isascii() and said.isalpha():
        row[field] = said.upper()
    else:
        del row[field]
        gaps.append(CodeGap(key, field, said))


def _contact(row: Row, key: str, positions: Positions, gaps: list[CodeGap]) -> None:
    names = [n for n in (row.get("first_name"), row.get("last_name")) if n]
    if names and "full_name" not in row:
        row["full_name"] = " ".join(names)
    if "title" in row and "position" not in row:
        title = row["title"]
        position = positions.of(title) if title else None
        if title and position is None:
            gaps.append(CodeGap(key, "position", title))
        else:
            row["position"] = position


def _document(row: Row, key: str) -> None:
    if row.get("debtor_key") is None:
        raise Refused("debtor_key", "names no debtor")
    row.setdefault("number", key)
    row.setdefault("is_posted", True)
    if "total" not in row:
        row["total"] = row.get("open_amount")
    total = row.get("total")
    if total is None:
        raise Refused("total", "has no amount")
    if row.get("kind") is None:
        row["kind"] = "credit_note" if is_negative(total) else "invoice"
    if "open_amount" not in row:
        row["open_amount"] = "0" if row.get("erp_status") in ("paid", "void", "written_off") else total
    if row["kind"] == "credit_note" and (is_negative(total) or is_negative(row["open_amount"] or "0")):
        for field in ("subtotal", "tax", "total", "open_amount"):
            if row.get(field) is not None:
                row[field] = unsigned(row[field])
    if row.get("erp_status") is None:
        row["erp_status"] = "paid" if is_zero(row["open_amount"]) else "open"


def _ledger_entry(row: Row, key: str) -> None:
    row["entry_no"] = row.get("entry_no") or key
    if row.get("amount") is None:
        raise Refused("amount", "has no amount")
    if row.get("remaining") is not None:
        row.setdefault("is_open", not is_zero(row["remaining"]))
    row.setdefault("posting_date", row.get("document_date"))


class FilesNormaliser:
    """Rows of declared files -> drafts."""

    def __init__(self, source: str, settings: FilesMapping) -> None:
        self.source = source
        self.version = _version(settings)
        self._positions = Positions(settings.positions)
        self._entities = {name: _Entity(source, name, _spoken(name), settings, mapping) for name, mapping in settings.entities.items()}
        self._entities.setdefault("company", _Entity(source, "company", SPEAKABLE["company"], settings, None))

    @property
    def entities(self) -> tuple[str, ...]:
        """The wire entities it can map."""
        return tuple(self._entities)

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """Maps (key, payload) pairs of one entity; raises ConfigurationError for one without a mapping, or a column that is not there."""
        if entity not in self._entities:
            raise ConfigurationError(
                f"has no mapping for {entity}", whose=self.source, todo=f"Add it under mapping.entities; there are {', '.join(self._entities)}.")
        out, shape = Normalised(), self._entities[entity]
        for key, row in shape.rows(records, out.gaps):
            if isinstance(row, RecordError):
                out.failed.append((key, row))
                continue
            try:
                self._finish(shape, key, row, out.gaps)
            except Refused as refused:
                out.failed.append((key, MappingFailed(refused.what, field=refused.field, whose=f"{self.source} {entity}", key=key)))
                continue
            out.drafts.append(Draft(key, row))
        return out

    def _finish(self, shape: _Entity, key: str, row: Row, gaps: list[CodeGap]) -> None:
        _upper(row, "country", 2, key, gaps)
        _upper(row, "currency", 3, key, gaps)
        match shape.spoken.entity:
            case "contact":
                _contact(row, key, self._positions, gaps)
            case "document":
                _document(row, key)
            case "ledger_entry":
                _ledger_entry(row, key)
            case "reference":
                row.setdefault("kind", shape.name.removeprefix("reference").lstrip("_") or "reference")
                row.setdefault("code", key)
            case "account_owner":
                row.setdefault("number", key)
        own = {name: row.pop(CUSTOM + name) for name in shape.custom if CUSTOM + name in row}
        if own:
            row["custom"] = own


def _spoken(name: str) -> Speakable:
    spoken = spoken_of(name)
    assert spoken is not None, "the settings refuse what is not spoken of"
    return spoken


def _version(settings: FilesMapping) -> str:
    root = Path(mappings.__file__).parent
    found = hashlib.sha256()
    for name in ("fields.py", "files.py", "reading.py", "rules.py"):
        found.update((root / name).read_bytes().replace(b"\r\n", b"\n"))
    found.update(settings.model_dump_json().encode())
    return found.hexdigest()[:32]


class FilesPlugin:
    """Builds normalisers; its name among the entry points is `files`."""

    settings: type[BaseModel] = FilesMapping

    def normaliser(self, source: str, settings: Any) -> FilesNormaliser:
        """The normaliser of one source; `settings` is an instance of `self.settings`."""
        return FilesNormaliser(source, settings)


plugin = FilesPlugin()
