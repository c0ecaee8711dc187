"""How the service of 2011 answers: OData v2, `d.results`, 50 rows, `__next`, dates as milliseconds. [facts: section 2.1, 3.1, 3.4, 3.6]"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote
from zoneinfo import ZoneInfo

from tests.simulators.dynamics_crm.changes import change
from tests.simulators.dynamics_crm.conditions import NotUnderstood, fits
from tests.simulators.dynamics_crm.state import TABLES, Crm, Option, Ref, Row

TYPE = "Microsoft.Crm.Sdk.Data.Services"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZURICH = ZoneInfo("Europe/Zurich")
Said = tuple[int, dict[str, Any]]


@dataclass
class OrganizationDataService:
    """One organisation's service below `root`; `zone` is the user's."""

    crm: Crm
    root: str = ""
    page: int = 50
    zone: ZoneInfo = ZURICH
    offsets: bool = False
    """Whether dates are written with an offset, as other services of this protocol do."""
    walks: dict[str, tuple[str, list[Row], dict[str, str]]] = field(default_factory=dict)

    def get(self, path: str, query: str) -> Said:
        """Answers one request: `path` behind the service root, `query` exactly as it was sent."""
        if (link := f"{path}?{query}") in self.walks:
            logical, rows, asked = self.walks[link]
            return self._page(logical, rows, asked, 2)
        asked = dict(parse_qsl(query, keep_blank_values=True))
        if "$skiptoken" in asked or {"$inlinecount", "$format"} & set(asked):
            return _error(400, "The query is not supported")
        name, _, key = path.partition("(")
        logical = next((n for n, kind in TABLES.items() if kind.set_2011 == name), "")
        if not logical:
            return _error(404, f"Resource not found for the segment '{name}'.")
        try:
            if key:
                row = self.crm.rows[logical].get(key.removeprefix("guid'").rstrip("')"))
                return (
                    (200, {"d": self._row(logical, row, asked)})
                    if row
                    else _error(404, f"{logical} does not exist")
                )
            return self._list(logical, asked)
        except NotUnderstood as bad:
            return _error(400, f"No property '{bad}' exists")

    def merge(self, path: str, body: bytes) -> Said:
        """A change of one record; its columns by schema name, money as an object with a text."""
        name, _, behind = path.partition("(")
        logical = next(n for n, kind in TABLES.items() if kind.set_2011 == name)
        given: dict[str, Any] = {}
        for column, value in json.loads(body).items():
            if (TABLES[logical].columns.get(column) == "money") != isinstance(value, dict):
                return _error(
                    400, f"Error processing request stream. The property '{column}' has the wrong type"
                )
            given[column] = value["Value"] if isinstance(value, dict) else value
        refused = change(self.crm, logical, behind.removeprefix("guid'").rstrip("')"), given)
        return (204, {}) if refused is None else _error(refused.status, refused.message)

    def _list(self, logical: str, asked: dict[str, str]) -> Said:
        columns = TABLES[logical].columns
        names = {
            c + {"lookup": "/Id", "option": "/Value", "money": "/Value"}.get(what, ""): c
            for c, what in columns.items()
        }
        rows = [
            row
            for _, row in sorted(self.crm.rows[logical].items())
            if "$filter" not in asked or fits(row, asked["$filter"], names)
        ]
        if by := asked.get("$orderby"):
            rows.sort(key=lambda row: row[by.split()[0]])
        skip = int(asked.get("$skip", "0"))
        if skip and len(rows) - skip > 0 and skip >= 2 * self.page:
            text = "Paging cookie required to retrieve more records. Update your query to retrieve with total records below 5000"
            return _error(500, text)
        rows = rows[skip:]
        if "$top" in asked:
            rows = rows[: int(asked["$top"])]
        return self._page(logical, rows, asked, 1)

    def _page(self, logical: str, rows: list[Row], asked: dict[str, str], number: int) -> Said:
        kind = TABLES[logical]
        body: dict[str, Any] = {"results": [self._row(logical, row, asked) for row in rows[: self.page]]}
        if rest := rows[self.page :]:
            first, last = rows[0][kind.key].upper(), rows[self.page - 1][kind.key].upper()
            token = f"{number},'{kind.key.lower()}'," + quote(f"'{{{last}}}','{{{first}}}'", safe="',")
            kept = "&".join(
                f"{name}={quote(value, safe='$,/')}"
                for name, value in asked.items()
                if name in ("$select", "$filter", "$orderby")
            )
            link = f"{kind.set_2011}?{kept}&$skiptoken={token}"
            self.walks[link] = (logical, rest, asked)
            body["__next"] = f"{self.root}/{link}"
        return 200, {"d": body}

    def _row(self, logical: str, row: Row, asked: dict[str, str]) -> dict[str, Any]:
        kind = TABLES[logical]
        chosen = asked["$select"].split(",") if asked.get("$select") else [kind.key, *kind.columns]
        for name in chosen:
            if name not in kind.columns and name != kind.key:
                raise NotUnderstood(name)
        address = f"{self.root}/{kind.set_2011}(guid'{row[kind.key]}')"
        return {"__metadata": {"uri": address, "type": f"{TYPE}.{logical.title()}"}} | {
            name: self._value(kind.columns.get(name, "guid"), row.get(name)) for name in chosen
        }

    def _value(self, kind: str, value: Any) -> Any:
        match kind:
            case "lookup":
                ref = value or Ref(None, None, None)  # type: ignore[arg-type]
                said = {"Id": ref.id, "LogicalName": ref.logical, "Name": ref.name, "RowVersion": None}
                return {"__metadata": {"type": f"{TYPE}.EntityReference"}, **said}
            case "option":
                return {
                    "__metadata": {"type": f"{TYPE}.OptionSetValue"},
                    "Value": None if value is None else int(value),
                }
            case "money":
                return {
                    "__metadata": {"type": f"{TYPE}.Money"},
                    "Value": None if value is None else str(value),
                }
            case "day" if value is not None:
                assert isinstance(value, date)
                return self._date(datetime(value.year, value.month, value.day, tzinfo=self.zone))
            case "instant" if value is not None:
                return self._date(value)
        assert not isinstance(value, Decimal | Option)
        return value

    def _date(self, moment: datetime) -> str:
        return f"/Date({(moment - EPOCH) // timedelta(milliseconds=1)}{'+0120' if self.offsets else ''})/"


def _error(status: int, text: str) -> Said:
    return status, {"error": {"code": "", "message": {"lang": "en-US", "value": text}}}
