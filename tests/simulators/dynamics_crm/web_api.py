"""How Dataverse answers: OData v4, links that have to come back as they were sent, change tracking. [facts: section 2.3, 3.2, 3.3, 3.6]"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote

from tests.simulators.dynamics_crm.changes import change
from tests.simulators.dynamics_crm.conditions import NotUnderstood, fits
from tests.simulators.dynamics_crm.state import OPTIONS, TABLES, Crm, Option, Ref, Row

LOOKUP = "Microsoft.Dynamics.CRM.lookuplogicalname"
Said = tuple[int, dict[str, Any]]


@dataclass
class _Walk:
    """Rows that are left of an answer, and what was asked for."""

    logical: str
    query: dict[str, str]
    rows: list[dict[str, Any]]
    page: int
    prefer: str
    token: str | None


@dataclass
class WebApiService:
    """One organisation's Web API below `root`."""

    crm: Crm
    root: str = ""
    walks: dict[str, _Walk] = field(default_factory=dict)

    def get(self, path: str, query: str, prefer: str) -> Said:
        """Answers one request: `path` behind the service root, `query` exactly as it was sent."""
        link = f"{path}?{query}"
        if link in self.walks:
            if self.walks[link].prefer != prefer:
                return _error(400, "0x80060888", "The Prefer header differs from that of the first page")
            return self._page(self.walks[link])
        asked = dict(parse_qsl(query, keep_blank_values=True))
        if "$skiptoken" in asked:
            return _error(400, "0x80040203", "Invalid paging cookie")
        if path == "WhoAmI()":
            return 200, {
                "UserId": "11" * 4 + "-0000-0000-0000-" + "0" * 12,
                "OrganizationId": "an organisation",
                "BusinessUnitId": "x",
            }
        if path == "RetrieveVersion()":
            return 200, {"Version": "9.2.25114.180"}
        if path.startswith("EntityDefinitions"):
            return self._definitions(path)
        logical = next((name for name, kind in TABLES.items() if path.split("(")[0] == kind.set), None)
        if logical is None:
            return _error(404, "0x8006088a", f"Resource not found for the segment '{path}'.")
        try:
            return (
                self._one(logical, path, asked, prefer) if "(" in path else self._list(logical, asked, prefer)
            )
        except NotUnderstood as bad:
            return _error(400, "0x80060888", f"The query is not understood: {bad}")

    def patch(self, path: str, match: str, body: bytes) -> Said:
        """A change of one record. Without If-Match a record that is gone would be made again, which nobody here wants."""
        logical = next(name for name, kind in TABLES.items() if path.split("(")[0] == kind.set)
        key = path.split("(")[1].rstrip(")")
        row = self.crm.rows[logical].get(key)
        assert match, "a PATCH without If-Match makes records"
        if row is not None and match != f'W/"{row["version"]}"':
            text = "The version of the existing record doesn't match the RowVersion property provided."
            return _error(412, "0x80060882", text)
        names = {column.lower(): column for column in TABLES[logical].columns}
        given = {
            names.get(name, name): value for name, value in json.loads(body, parse_float=Decimal).items()
        }
        refused = change(self.crm, logical, key, given)
        return (204, {}) if refused is None else _error(*refused)

    def _definitions(self, path: str) -> Said:
        if path == "EntityDefinitions":
            rows = [{"LogicalName": n, "ChangeTrackingEnabled": n in self.crm.tracked} for n in TABLES]
            return 200, {"value": rows}
        column = re.findall(r"LogicalName='(\w+)'", path)[-1]
        if column not in OPTIONS:
            return _error(404, "0x80040217", f"Could not find an attribute {column}")
        options = [
            {
                "Value": value,
                "Label": {
                    "LocalizedLabels": [],
                    "UserLocalizedLabel": {"Label": label, "LanguageCode": 1033},
                },
            }
            for value, label in OPTIONS[column].items()
        ]
        return 200, {"LogicalName": column, "OptionSet": {"Options": options}, "GlobalOptionSet": None}

    def _one(self, logical: str, path: str, asked: dict[str, str], prefer: str) -> Said:
        key = path.split("(")[1].rstrip(")")
        row = self.crm.rows[logical].get(key)
        if row is None:
            return _error(404, "0x80040217", f"{logical} With Id = {key} Does Not Exist")
        return 200, {"@odata.context": f"{self.root}/$metadata", **written(logical, row, asked, prefer)}

    def _list(self, logical: str, asked: dict[str, str], prefer: str) -> Said:
        tracking = "odata.track-changes" in prefer
        if tracking and (
            logical not in self.crm.tracked or {"$filter", "$orderby", "$expand", "$top"} & set(asked)
        ):
            return _error(400, "0x80060888", "Change tracking is not possible with this query or entity")
        if "$deltatoken" in asked:
            return self._changes(logical, asked, prefer)
        names = {c.lower(): c for c in TABLES[logical].columns} | {
            f"_{c.lower()}_value": c for c, what in TABLES[logical].columns.items() if what == "lookup"
        }
        rows = [
            row
            for _, row in sorted(self.crm.rows[logical].items())
            if "$filter" not in asked or fits(row, asked["$filter"], names)
        ]
        shown = [written(logical, row, asked, prefer) for row in rows]
        return self._page(
            _Walk(logical, asked, shown, 1, prefer, self._token() if tracking else None), total=len(rows)
        )

    def _changes(self, logical: str, asked: dict[str, str], prefer: str) -> Said:
        version, _, stamp = asked["$deltatoken"].partition("!")
        if self.crm.at - datetime.strptime(stamp + " +0000", "%m/%d/%Y %H:%M:%S %z") > self.crm.keeps:
            return _error(
                400,
                "0x80044352",
                "Version stamp associated with the client has expired. Please perform a full sync.",
            )
        rows = [
            written(logical, row, asked, prefer)
            for _, row in sorted(self.crm.rows[logical].items()) if row["version"] > int(version)
        ]  # fmt: skip
        context = f"{self.root}/$metadata#{TABLES[logical].set}/$deletedEntity"
        rows += [
            {"@odata.context": context, "id": key, "reason": "deleted"}
            for at, table, key in self.crm.gone if table == logical and at > int(version)
        ]  # fmt: skip
        return self._page(_Walk(logical, asked, rows, 1, prefer, self._token()))

    def _token(self) -> str:
        return f"{self.crm.version}!{self.crm.at:%m/%d/%Y %H:%M:%S}"

    def _page(self, walk: _Walk, total: int | None = None) -> Said:
        sized = re.search(r"odata\.maxpagesize=(\d+)", walk.prefer)
        size = min(int(sized[1]) if sized else 5000, 5000)
        body: dict[str, Any] = {"@odata.context": f"{self.root}/$metadata#{TABLES[walk.logical].set}"}
        if "$count" in walk.query:
            body["@odata.count"] = min(total or 0, 5000)
        body["value"], rest = walk.rows[:size], walk.rows[size:]
        address = f"{TABLES[walk.logical].set}?$select={walk.query.get('$select', '')}"
        if rest:
            last = str(body["value"][-1].get(TABLES[walk.logical].key.lower(), "x"))
            cookie = quote(
                quote(f'<cookie page="{walk.page}"><id last="{{{last.upper()}}}" /></cookie>', safe=""),
                safe="",
            )
            token = (
                quote(f'<cookie pagenumber="{walk.page + 1}" pagingcookie="', safe="=")
                + cookie
                + quote('" istracking="False" />', safe="=")
            )
            link = f"{address}&$skiptoken={token}"
            self.walks[link] = _Walk(walk.logical, walk.query, rest, walk.page + 1, walk.prefer, walk.token)
            body["@odata.nextLink"] = f"{self.root}/{link}"
        elif walk.token is not None:
            body["@odata.deltaLink"] = (
                f"{self.root}/{address}&$deltatoken={_lower(quote(walk.token, safe=''))}"
            )
        return 200, body


def _lower(escaped: str) -> str:
    """Escapes in lower case, as Dataverse writes them; whoever decodes and encodes again changes them."""
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), escaped)


def written(logical: str, row: Row, asked: dict[str, str], prefer: str) -> dict[str, Any]:
    """One row as JSON with the columns that are selected; annotations only where they are preferred."""
    kind, found = TABLES[logical], {"@odata.etag": f'W/"{row["version"]}"'}
    chosen = unquote(asked["$select"]).split(",") if asked.get("$select") else None
    for name in (kind.key, *kind.columns):
        value, said = row.get(name), name.lower()
        if kind.columns.get(name) == "lookup":
            said = f"_{said}_value"
        if chosen is not None and said not in chosen:
            continue
        found[said] = _value(value)
        if isinstance(value, Ref) and LOOKUP in prefer:
            found[f"{said}@{LOOKUP}"] = value.logical
    unknown = set(chosen or ()) - {k for k in found if "@" not in k}
    if unknown:
        raise NotUnderstood(f"Could not find a property named '{min(unknown)}'")
    return found


class _Literal(float):
    """A decimal that is written with its own digits."""

    def __new__(cls, value: Decimal) -> Self:
        made = super().__new__(cls, value)
        made.digits = str(value)  # type: ignore[attr-defined]
        return made

    def __repr__(self) -> str:
        return str(self.digits)  # type: ignore[attr-defined]


def _value(value: Any) -> Any:
    if isinstance(value, Ref):
        return value.id
    if isinstance(value, Option):
        return int(value)
    if isinstance(value, Decimal):
        return _Literal(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds").replace(
            "+00:00", "Z"
        )
    return value.isoformat() if isinstance(value, date) else value


def _error(status: int, code: str, message: str) -> Said:
    return status, {"error": {"code": code, "message": message}}


def encoded(body: dict[str, Any]) -> bytes:
    """The body as it is sent."""
    return json.dumps(body, ensure_ascii=False).encode()
