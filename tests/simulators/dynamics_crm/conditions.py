"""Filters as far as a reader uses them: comparisons joined by `and`, in the words of either service."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from tests.simulators.dynamics_crm.state import Option, Ref, Row

_ONE = re.compile(
    r"(?P<name>[\w/]+) (?P<how>eq|ne|ge|gt|le|lt) (?P<value>datetime'[^']*'|guid'[^']*'|'(?:[^']|'')*'|[^ )]+)"
)


class NotUnderstood(Exception):
    """A filter that this service does not take."""


def fits(row: Row, written: str, columns: dict[str, str]) -> bool:
    """Whether a row fulfils a filter; `columns` is name in the filter -> schema name."""
    rest = written.replace("(", " ").replace(")", " ")
    for part in rest.split(" and "):
        found = _ONE.fullmatch(part.strip())
        if found is None or found["name"] not in columns:
            raise NotUnderstood(part)
        if not _holds(row.get(columns[found["name"]]), found["how"], _value(found["value"])):
            return False
    return True


def _value(text: str) -> Any:
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    if text.startswith(("datetime'", "guid'", "'")):
        kind, _, inner = text.partition("'")
        inner = inner[:-1].replace("''", "'")
        return datetime.fromisoformat(inner + "+00:00") if kind == "datetime" else inner
    if re.fullmatch(r"\d{4}-\d\d-\d\dT.*", text):
        return datetime.fromisoformat(text)
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _holds(said: Any, how: str, value: Any) -> bool:
    said = said.id if isinstance(said, Ref) else int(said) if isinstance(said, Option) else said
    if how in ("eq", "ne"):
        return bool((said == value) == (how == "eq"))
    if said is None or value is None:
        return False
    return bool({"ge": said >= value, "gt": said > value, "le": said <= value, "lt": said < value}[how])
