"""From a path below an API root to rows: companies, entity sets, records, navigation, counts."""

import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from tests.simulators.business_central.errors import ODataError, bad_request, not_found, permission_denied
from tests.simulators.business_central.http import Request, Response, Served, query_string
from tests.simulators.business_central.metadata import definitions, edmx
from tests.simulators.business_central.odata_filter import parse_filter
from tests.simulators.business_central.odata_query import Query, expand_row, read_options, run, split_outside
from tests.simulators.business_central.schema import Catalogue, EntitySet, guid, make, stamp, text
from tests.simulators.business_central.wire import Edm, JsonObject
from tests.simulators.business_central.world import Company, World

SEGMENT = re.compile(r"^(?P<name>[$\w.]+)(?:\((?P<key>.*)\))?$", re.DOTALL)
MAX_PAGE = 20000
PRESERVED = ("$filter", "$select", "$expand", "$orderby", "$count", "$schemaversion", "company", "tenant")

COMPANY_ROWS = EntitySet(
    "companies",
    "company",
    (
        guid("id", "id"),
        text("systemVersion", lambda c, row: ""),
        make("timestamp", Edm.LONG, lambda c, row: 47433),
        text("name", "name"),
        text("displayName", "display_name"),
        text("businessProfileId", lambda c, row: ""),
        stamp("systemCreatedAt", "created_at"),
        guid("systemCreatedBy", lambda c, row: "00000000-0000-0000-0000-000000000001"),
        stamp("systemModifiedAt", "created_at"),
        guid("systemModifiedBy", lambda c, row: "00000000-0000-0000-0000-000000000001"),
    ),
    tagged=False,
)
DEFINITION_ROWS = EntitySet(
    "entityDefinitions",
    "entityDefinition",
    (text("entityName", lambda c, row: row["entityName"]),),
    tagged=False,
)
WEBHOOK_RESOURCES = EntitySet(
    "webhookSupportedResources",
    "webhookSupportedResource",
    (text("resource", lambda c, row: row),),
    tagged=False,
)


@dataclass(frozen=True)
class Segment:
    """`customers(5de5...)` is a name and a key."""

    name: str
    key: str | None


@dataclass(frozen=True)
class Target:
    """Where a path leads: a set or one row, and what stands between the root and it."""

    entity: EntitySet
    path: str
    row: Any | None = None
    rows: list[Any] | None = None
    rest: tuple[Segment, ...] = ()


def parse_path(path: str) -> list[Segment]:
    """Segments with their keys; quotes may hide slashes and parentheses."""
    segments = []
    for part in split_outside(path, "/"):
        found = SEGMENT.match(part)
        if found is None:
            raise not_found(part)
        segments.append(Segment(found["name"], found["key"]))
    return segments


def plain_key(key: str) -> str:
    """A key without its name and quotes: `Entry_No=5`, `'a''b'`, a GUID in any case."""
    named = re.match(r"^\w+=(.*)$", key, re.DOTALL)
    value = named[1] if named else key
    if value.startswith("'"):
        return value[1:-1].replace("''", "'")
    return value


@dataclass(frozen=True)
class Root:
    """The URL of an API root, the catalogue behind it, and the path below."""

    url: str
    catalogue: Catalogue
    below: str


class Resources:
    """Answers GET below one API root."""

    def __init__(self, world: World, root: Root, request: Request) -> None:
        self.world, self.root, self.request = world, root, request
        self.installation = world.installation
        self.options = request.options

    def get(self) -> Response:
        if self.root.below == "$metadata":
            return Response(body=edmx(self.root.catalogue), headers={"Content-Type": "application/xml"})
        segments = parse_path(self.root.below)
        if not segments:
            return self.service_document()
        if segments[0].name == "entityDefinitions":
            return self.entity_definitions()
        if segments[0].name in ("companies", "Company") and len(segments) == 1:
            return self.companies(segments[0])
        company, rest = self.company_of(segments)
        if rest[0].name == "webhookSupportedResources":
            return self.webhook_resources(company)
        counted = rest[-1].name == "$count"
        target = self.locate(company, rest[:-1] if counted else rest)
        if target.rest:
            raise not_found(target.rest[0].name)
        if counted:
            return self.plain_count(company, target)
        return self.record(company, target) if target.row is not None else self.page(company, target)

    # Companies ------------------------------------------------------------------------------------

    def service_document(self) -> Response:
        names = list(self.root.catalogue.sets)
        return Response(
            payload={
                "@odata.context": f"{self.root.url}/$metadata",
                "value": [{"name": name, "kind": "EntitySet", "url": name} for name in names],
            }
        )

    def companies(self, segment: Segment) -> Response:
        """The list shows companies the login may not be able to enter."""
        rows = list(self.world.companies.values())
        first = rows[0] if rows else None
        if first is None:
            return Response(payload={"@odata.context": f"{self.root.url}/$metadata#companies", "value": []})
        query = read_options(
            {k: v for k, v in self.options.items() if k != "company"}, COMPANY_ROWS, _NOTHING
        )
        if segment.key is not None:
            return Response(
                payload={**self.context("companies/$entity"), **self._company_row(self._named(segment))}
            )
        page = run(query, first, MAX_PAGE, sorted(rows, key=lambda x: x.id))
        return Response(
            payload={**self.context("companies"), "value": [self._company_row(row) for row in page.rows]}
        )

    def _company_row(self, company: Company) -> JsonObject:
        row = COMPANY_ROWS.render(company, company, None)
        row["systemVersion"] = f"{self.installation.version}.4.29661.29727"
        return row

    def company_of(self, segments: list[Segment]) -> tuple[Company, list[Segment]]:
        """The company from the path or from `?company=`, refused if the login cannot enter it."""
        first = segments[0]
        if first.name in ("companies", "Company"):
            company, rest = self._named(first), segments[1:]
        elif "company" in self.options:
            company, rest = self._named(Segment("companies", self.options["company"])), segments
        else:
            raise bad_request("You must specify a company.", "BadRequest_RequiredParamNotProvided")
        if not company.accessible:
            raise ODataError(
                403, "Internal_ServerError", f"You do not have access to the company {company.name}."
            )
        return company, rest

    def _named(self, segment: Segment) -> Company:
        key = plain_key(segment.key or "")
        for company in self.world.companies.values():
            if key.lower() == company.id or key == company.name:
                return company
        raise not_found(segment.name)

    # Rows -----------------------------------------------------------------------------------------

    def locate(self, company: Company, segments: list[Segment]) -> Target:
        """Follow the segments; `rest` is what was not understood (an action)."""
        entity = self.set_named(segments[0].name)
        path = entity.name
        rows: list[Any] | None = None
        row: Any | None = None
        for place, segment in enumerate(segments):
            if place > 0:
                nav = entity.nav(segment.name) if row is not None else None
                if nav is None:
                    return Target(entity, path, row, rows, tuple(segments[place:]))
                entity, path = self.set_named(nav.target), f"{path}/{segment.name}"
                rows, row = list(nav.rows(company, row)), None
                if not nav.many:
                    row = rows[0] if rows else None
                    if row is None:
                        raise not_found(segment.name)
            if segment.key is not None:
                row = self.keyed(company, entity, rows, segment)
                path = f"{path}({segment.key})"
        return Target(entity, path, row, rows)

    def set_named(self, name: str) -> EntitySet:
        entity = self.root.catalogue.sets.get(name)
        if entity is None:
            raise not_found(name)
        if entity.name in self.installation.denied_entities:
            raise permission_denied(entity.permission)
        return entity

    def keyed(self, company: Company, entity: EntitySet, rows: list[Any] | None, segment: Segment) -> Any:
        key = plain_key(segment.key or "")
        own = entity.field(entity.key)
        if own is not None and own.edm is Edm.GUID:
            try:
                key = str(UUID(key))
            except ValueError:
                raise bad_request(f"Bad Request - Error in query syntax. Value: {key}") from None
        if rows is None:
            found = entity.one(company, key, {})
        else:
            found = next((x for x in rows if str(entity.key_of(company, x)) == key), None)
        if found is None:
            raise not_found(segment.name)
        return found

    def context(self, path: str) -> JsonObject:
        return {"@odata.context": f"{self.root.url}/$metadata#{path}"}

    def query(self, entity: EntitySet) -> Query:
        return read_options(self.options, entity, self.root.catalogue)

    def record(self, company: Company, target: Target) -> Response:
        query = self.query(target.entity)
        body = expand_row(query, company, target.row)
        self._tag(company, target.entity, target.row, body)
        key = str(target.entity.key_of(company, target.row))
        served = Served(target.entity.name, (key,), tuple(x.nav.name for x in query.expands))
        path = target.path.rpartition("(")[0] if target.path.endswith(")") else target.path
        payload = {**self.context(f"companies({company.id})/{path}/$entity"), **body}
        return Response(payload=payload, served=served)

    def plain_count(self, company: Company, target: Target) -> Response:
        query = replace(self.query(target.entity), count=True, top=0)
        page = run(query, company, MAX_PAGE, target.rows)
        return Response(body=str(page.count).encode(), headers={"Content-Type": "text/plain"})

    def page(self, company: Company, target: Target) -> Response:
        """One page of a set with its next link."""
        query = self.query(target.entity)
        if target.entity.is_query and query.order:
            raise ODataError(501, "BadRequest_MethodNotImplemented", "Order by is not supported on queries.")
        preferred = _preferred_size(self.request.header("prefer"))
        size = preferred or self.installation.default_page_size
        page = run(query, company, size, target.rows)
        payload = self.context(f"companies({company.id})/{target.path}{_selected(query)}")
        if page.count is not None:
            payload["@odata.count"] = page.count
        rows = []
        for row in page.rows:
            body = expand_row(query, company, row)
            self._tag(company, target.entity, row, body)
            rows.append(body)
        payload["value"] = list(rows)
        token = page.next_token
        if token is None and self.installation.always_empty_last_page and page.rows and query.top is None:
            token = run(replace(query, skip=0), company, len(page.rows), target.rows).next_token
        if token is not None:
            payload["@odata.nextLink"] = self.next_link(token)
        headers = {"Preference-Applied": f"odata.maxpagesize={preferred}"} if preferred else {}
        keys = tuple(str(target.entity.key_of(company, row)) for row in page.rows)
        served = Served(
            target.entity.name, keys, tuple(x.nav.name for x in query.expands), preferred is not None
        )
        return Response(payload=payload, headers=headers, served=served)

    def _tag(self, company: Company, entity: EntitySet, row: Any, body: JsonObject) -> None:
        """With the switch on, a customer's etag also moves with its balance."""
        if self.installation.etag_includes_balance and entity.name == "customers":
            posted = len(company.entries_of.get(row.id, [])) + sum(
                len(company.details_of.get(x.entry_no, [])) for x in company.entries_of.get(row.id, [])
            )
            body["@odata.etag"] = str(body["@odata.etag"]).replace('="', f'{posted}="', 1)

    def next_link(self, token: str) -> str:
        """`aid=FIN` comes from the gateway; the token is the key of the last row."""
        kept = [(k, v) for k, v in self.options.items() if k in PRESERVED]
        url, installed = self.request.origin + self.request.path, self.installation
        plain = f"/v2.0/{installed.environment}/"
        if installed.next_link_carries_tenant and plain in url:
            url = url.replace(plain, f"/v2.0/{installed.tenant_id}/{installed.environment}/", 1)
        options = query_string([("aid", "FIN"), *kept])
        return f"{url.replace(' ', '%20')}?{options}&$skiptoken={token}"

    # Lists that are no tables ---------------------------------------------------------------------

    def entity_definitions(self) -> Response:
        rows: list[Any] = list(definitions(self.root.catalogue))
        if "$filter" in self.options:
            wanted = parse_filter(self.options["$filter"], DEFINITION_ROWS)
            company = self.world.company()
            rows = [row for row in rows if wanted.matches(company, row)]
        return Response(payload={**self.context("entityDefinitions"), "value": rows})

    def webhook_resources(self, company: Company) -> Response:
        names = [f"v2.0/companies/{name}" for name in WEBHOOK_SETS]
        return Response(
            payload={**self.context("webhookSupportedResources"), "value": [{"resource": n} for n in names]}
        )


WEBHOOK_SETS = (
    "customers", "currencies", "dimensions", "salesInvoices", "salesCreditMemos", "customerPaymentJournals",
    "paymentTerms", "paymentMethods", "generalLedgerEntries", "accounts", "companyInformation",
)  # fmt: skip
_NOTHING = Catalogue("", {})


def _preferred_size(prefer: str) -> int | None:
    """The page size asked for; more than 20,000 is too large an answer."""
    found = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", prefer)
    if found is None:
        return None
    if int(found[1]) > MAX_PAGE:
        raise ODataError(413, "RequestEntityTooLarge", f"The requested page size exceeds {MAX_PAGE}.")
    return max(int(found[1]), 1)


def _selected(query: Query) -> str:
    return f"({','.join(query.select)})" if query.select else ""
