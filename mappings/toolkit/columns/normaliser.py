"""Declared columns become canonical drafts; `mappings.toolkit.fields` checks what comes of them like any other mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mappings.toolkit.columns.entities import EntityRows
from mappings.toolkit.columns.settings import ColumnsMapping
from mappings.toolkit.fields import is_negative, is_zero, unsigned
from mappings.toolkit.rows import CUSTOM, Refused, Row
from mappings.toolkit.rules import Positions, settle_country
from mappings.toolkit.version import mapping_version
from sync_engine.canonical.declared import SPEAKABLE, Speakable, spoken_of
from sync_engine.errors import ConfigurationError, MappingFailed, RecordError
from sync_engine.ports import CodeGap, Draft, Normalised


def _currency(row: Row, key: str, gaps: list[CodeGap]) -> None:
    """A currency code in capitals; what is no ISO code is a gap, not a guess."""
    said = row.get("currency")
    if said is None:
        return
    if len(said) == 3 and said.isascii() and said.isalpha():
        row["currency"] = said.upper()
    else:
        del row["currency"]
        gaps.append(CodeGap(key, "currency", said))


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


SETTLED = ("paid", "void", "written_off")
_BLANK = "is blank, which is not nought: fill it in, or say `blank: zero` for the column where nothing is open then"


def _document(row: Row, key: str, *, states_open: bool, has_applications: bool) -> None:
    """`states_open`: there is a column with what is open, so a blank there is not known, and neither nought nor the whole amount.

    With `has_applications` a document without such a column has no open amount of its own: it is open with what no application settles.
    """
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
    if row.get("open_amount") is None and (is_zero(total) or row.get("erp_status") in SETTLED):
        row["open_amount"] = "0"
    if (
        row.get("open_amount") is None
        and (states_open or "open_amount" in row)
        and row.get("erp_status") != "draft"
    ):
        raise Refused("open_amount", f"open_amount {_BLANK}")
    if "open_amount" not in row and not has_applications:
        row["open_amount"] = total
    if row["kind"] == "credit_note" and (is_negative(total) or is_negative(row.get("open_amount") or "0")):
        for field in ("subtotal", "tax", "total", "open_amount"):
            if row.get(field) is not None:
                row[field] = unsigned(row[field])
    if row.get("erp_status") is None:
        row["erp_status"] = "paid" if is_zero(row.get("open_amount") or total) else "open"


def _payment(row: Row, key: str) -> None:
    """Money; in a list without kinds an amount below nought is a refund."""
    if row.get("debtor_key") is None:
        raise Refused("debtor_key", "names no debtor")
    if row.get("amount") is None:
        raise Refused("amount", "has no amount")
    if "unapplied_amount" in row and row["unapplied_amount"] is None:
        raise Refused("unapplied_amount", f"unapplied_amount {_BLANK}")
    row.setdefault("number", key)
    if row.get("kind") is None:
        row["kind"] = "refund" if is_negative(row["amount"]) else "payment"
    if row["kind"] == "refund":
        for field in ("amount", "amount_base", "unapplied_amount"):
            if row.get(field) is not None:
                row[field] = unsigned(row[field])


def _application(row: Row) -> None:
    """By source keys or by ledger entries; a list may have a column for each kind of record, of which one is filled in."""
    if row.get("from_entry") is not None and row.get("to_entry") is not None:
        return
    for what, ends in (
        ("what was used", ("payment_key", "credit_note_key")),
        ("what it settled", ("document_key", "refund_key")),
    ):
        if len(named := [end for end in ends if row.get(end) is not None]) != 1:
            raise Refused(
                ends[0],
                f"names {'both' if named else 'neither'} of {' and '.join(ends)}: {what} cannot be told",
            )
    if row.get("amount") is None:
        raise Refused("amount", "has no amount")


def _ledger_entry(row: Row, key: str, *, states_remaining: bool) -> None:
    row["entry_no"] = row.get("entry_no") or key
    if row.get("amount") is None:
        raise Refused("amount", "has no amount")
    if row.get("remaining") is None and (states_remaining or "remaining" in row):
        if row.get("is_open") is not False and not is_zero(row["amount"]):
            raise Refused("remaining", f"remaining {_BLANK}")
        row["remaining"] = "0"
    if row.get("remaining") is not None:
        row.setdefault("is_open", not is_zero(row["remaining"]))
    row.setdefault("posting_date", row.get("document_date"))


class ColumnsNormaliser:
    """Rows of declared columns -> drafts."""

    def __init__(self, source: str, settings: ColumnsMapping, *, package: str, rows_of: str) -> None:
        """`package` is the mapping that the version is of; `rows_of` says in messages what the columns belong to: the file."""
        self.source = source
        self.version = mapping_version(package, settings)
        self._positions = Positions(settings.positions)
        self._entities = {
            name: EntityRows(source, name, _spoken(name), settings, mapping, rows_of)
            for name, mapping in settings.entities.items()
        }
        self._has_applications = any(
            e.spoken.entity == "application" and not e.fields & {"from_entry", "to_entry"}
            for e in self._entities.values()
        )
        self._entities.setdefault(
            "company", EntityRows(source, "company", SPEAKABLE["company"], settings, None, rows_of)
        )

    @property
    def entities(self) -> tuple[str, ...]:
        """The wire entities it can map."""
        return tuple(self._entities)

    def normalise(self, entity: str, records: Sequence[tuple[str, bytes]]) -> Normalised:
        """Maps (key, payload) pairs of one entity; raises ConfigurationError for one without a mapping, or a column that is not there."""
        if entity not in self._entities:
            raise ConfigurationError(
                f"has no mapping for {entity}",
                whose=self.source,
                todo=f"Add it under mapping.entities; there are {', '.join(self._entities)}.",
            )
        out, shape = Normalised(), self._entities[entity]
        for key, row in shape.rows(records, out.gaps):
            if isinstance(row, RecordError):
                out.failed.append((key, row))
                continue
            try:
                self._finish(shape, key, row, out.gaps)
            except Refused as refused:
                out.failed.append(
                    (
                        key,
                        MappingFailed(
                            refused.what,
                            field=refused.field,
                            whose=f"{self.source} {entity}",
                            key=key,
                            readable=row,
                        ),
                    )
                )
                continue
            out.drafts.append(Draft(key, row))
        return out

    def writes(self, entity: str) -> Mapping[str, str]:
        """The fields that a column can be told, with the column as `column_identity` has it."""
        return self._entities[entity].written if entity in self._entities else {}

    def to_wire(self, entity: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Column -> what it should say. Raises MappingFailed where no code of the column means a value."""
        return self._entities[entity].to_columns(values)

    def _finish(self, shape: EntityRows, key: str, row: Row, gaps: list[CodeGap]) -> None:
        settle_country(key, row, gaps)
        _currency(row, key, gaps)
        match shape.spoken.entity:
            case "contact":
                _contact(row, key, self._positions, gaps)
            case "document":
                _document(
                    row,
                    key,
                    states_open="open_amount" in shape.stated,
                    has_applications=self._has_applications,
                )
            case "payment":
                _payment(row, key)
            case "application":
                _application(row)
            case "ledger_entry":
                _ledger_entry(row, key, states_remaining="remaining" in shape.stated)
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
