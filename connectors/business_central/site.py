"""What an installation turned out to be: its company, version, entities and what is lost without the missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec

from connectors.business_central import metadata
from connectors.business_central.address import Addresses
from connectors.business_central.catalogue import (
    BASE,
    DETAILED_API,
    DETAILED_FINANCE,
    ENTRIES_ANALYTICS,
    ENTRIES_API,
    ENTRIES_FINANCE,
    ENTRIES_GROUPED,
    ENTRIES_PAGE,
    Entity,
)
from connectors.business_central.settings import Route, Settings
from connectors.business_central.wire import explained
from connectors.toolkit.failures import Refused
from connectors.toolkit.http import HttpClient
from connectors.toolkit.odata import Query, RowShape, cut
from sync_engine.errors import AuthenticationFailed, ConfigurationError, PermissionMissing, ProtocolViolation, SyncError


class Company(msgspec.Struct, frozen=True):
    """A row of `companies`: the only place that states the version."""

    id: str
    name: str = ""
    display_name: str = msgspec.field(name="displayName", default="")
    version: str = msgspec.field(name="systemVersion", default="")

    @property
    def label(self) -> str:
        """The name a person sees."""
        return self.display_name or self.name or self.id


@dataclass(frozen=True)
class Offer:
    """The wire entities there are, by name, parents first; why others are not; and which ledger route was taken."""

    entities: dict[str, Entity]
    missing: dict[str, str]
    route: Route


_ROUTES: dict[Route, tuple[Entity, ...]] = {
    "custom_api": (ENTRIES_API, DETAILED_API),
    "odata_page": (ENTRIES_PAGE, ENTRIES_ANALYTICS),
    "analytics": (ENTRIES_GROUPED, ENTRIES_ANALYTICS),
    "reports_finance": (ENTRIES_FINANCE,),
    "invoices": (),
}


class Site:
    """Looks at an installation once and remembers it; every question is asked when its answer is first needed."""

    def __init__(self, client: HttpClient, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._fields_seen: dict[str, frozenset[str]] = {}

    def companies(self) -> Sequence[Company] | None:
        """The companies of the environment; None where the host keeps no list. Raises ConfigurationError, PermissionMissing."""
        try:
            body = self._client.get(Addresses.of(self._settings).installation("api/v2.0/companies"), key="companies").body
        except AuthenticationFailed as refusal:
            if refusal.key == "token":
                raise
            raise AuthenticationFailed(
                refusal.what, whose=self._client.whose, key="companies",
                todo="See that the app is on the page 'Microsoft Entra applications' of Business Central, enabled and with permission sets.",
            ) from None
        except Refused as refusal:
            said = explained(refusal, self._settings, self._client.whose)
            if refusal.status == 404 and said is refusal:
                return None
            raise said from None
        rows = cut(body, whose=self._client.whose, key="companies").rows
        try:
            return [msgspec.json.decode(row, type=Company) for row in rows]
        except msgspec.MsgspecError:
            raise ProtocolViolation("a company without an id", whose=self._client.whose, key="companies") from None

    @cached_property
    def company(self) -> Company:
        """The configured company, by id or name; raises ConfigurationError that lists the ones there are."""
        wanted, found = self._settings.company, self.companies()
        if found is None:
            if not wanted:
                raise ConfigurationError("no company is set and the host lists none", whose=self._client.whose, key="company")
            return Company(wanted, wanted)
        if wanted is None:
            if len(found) == 1:
                return found[0]
            raise self._unknown("no company is set", found)
        fold = wanted.casefold()
        for fits in (
            lambda c: c.id.casefold() == fold, lambda c: c.name == wanted, lambda c: c.display_name == wanted,
            lambda c: fold in (c.name.casefold(), c.display_name.casefold()),
        ):
            hits = [company for company in found if fits(company)]
            if len(hits) == 1:
                return hits[0]
            if hits:
                raise self._unknown(f"{len(hits)} companies are called {wanted!r}; use the id", hits)
        raise self._unknown(f"there is no company {wanted!r}", found)

    def _unknown(self, what: str, found: Sequence[Company]) -> ConfigurationError:
        names = ", ".join(f"{company.name} ({company.id})" for company in found[:20]) or "none"
        return ConfigurationError(what, whose=self._client.whose, key="company", todo=f"Companies here: {names}.")

    @cached_property
    def addresses(self) -> Addresses:
        """URLs of the company."""
        return Addresses.of(self._settings, self.company.id)

    @property
    def major(self) -> int | None:
        """The major version, 25 of 25.4.29661.29727; None where the host does not say."""
        head = self.company.version.partition(".")[0]
        return int(head) if head.isdigit() else None

    @cached_property
    def metadata(self) -> metadata.Metadata | None:
        """$metadata of API v2.0; None where there is none, and then sets are asked one by one."""
        try:
            body = self._client.get(
                self.addresses.installation("api/v2.0/$metadata"), key="$metadata", headers={"Accept": "application/xml"},
            ).body
        except (Refused, PermissionMissing):
            return None
        return metadata.read(body)

    def url(self, entity: Entity, query: Query | None = None) -> str:
        """Where the rows of a wire entity are."""
        stand_in = self._settings.pages.get(entity.name)
        if stand_in is not None:
            return self.addresses.page(stand_in, query)
        ledger = self._settings.ledger
        match entity.api:
            case "finance":
                return self.addresses.api(ledger.finance, entity.path, query)
            case "analytics":
                return self.addresses.api(ledger.analytics, entity.path, query)
            case "custom":
                custom = ledger.custom
                assert custom is not None
                return self.addresses.api(f"{custom.publisher}/{custom.group}/{custom.version}", entity.path, query)
            case "odata":
                return self.addresses.odata(entity.path, query)
            case "v2":
                return self.addresses.v2(entity.path, query)

    def refusal(self, entity: Entity) -> str:
        """Asks for one row: empty when it may be read, else why not. Raises only what will pass or stops everything."""
        return self._refusal(self.url(entity, Query(filter=entity.filter, top=1)), entity)

    def refused(self, url: str, key: str) -> str:
        """The same for an address that is no wire entity."""
        return self._refusal(url, replace(BASE[0], stream=replace(BASE[0].stream, entity=key), keys=()))

    def fields_seen(self, entity: Entity) -> frozenset[str]:
        """The fields of the row that was asked for; empty where there was none."""
        return self._fields_seen.get(entity.name, frozenset())

    def _refusal(self, url: str, entity: Entity) -> str:
        try:
            body = self._client.get(url, key=entity.name).body
            rows = cut(body, whose=self._client.whose, key=entity.name).rows
            self._fields_seen[entity.name] = frozenset(name for row in rows for name in msgspec.json.decode(row, type=dict[str, msgspec.Raw]))
            if entity.keys and RowShape(entity.keys).read(rows).keyless:
                return f"its rows have no {' and '.join(entity.keys)}"
        except PermissionMissing:
            return "the login may not read it"
        except Refused as refusal:
            said = explained(refusal, self._settings, self._client.whose)
            if isinstance(said, ConfigurationError):
                raise said from None
            return "not there" if refusal.status == 404 else f"refused: {refusal.message or refusal.code or refusal.status}"
        except (ProtocolViolation, AuthenticationFailed) as failure:
            return failure.what
        return ""

    def enter(self) -> None:
        """Makes sure the company can be entered: a listed company may be closed to the app. [LIVE hg e0575f9]"""
        address = self.addresses.v2("companyInformation", Query(top=1))
        try:
            self._client.get(address, key="companyInformation")
        except (PermissionMissing, AuthenticationFailed) as failure:
            raise self._closed(failure) from None
        except Refused as refusal:
            said = explained(refusal, self._settings, self._client.whose)
            if said is not refusal:
                raise said from None
            if refusal.status == 400:
                raise self._closed(refusal) from None

    def _closed(self, failure: SyncError) -> PermissionMissing:
        return PermissionMissing(
            f"the company {self.company.label!r} cannot be entered ({failure.what})", whose=self._client.whose, key="company",
            todo="Give the app's user permission sets in that company.",
        )

    @cached_property
    def offer(self) -> Offer:
        """The wire entities of this installation. Raises ConfigurationError when nothing of Business Central answers."""
        self.enter()
        entities: dict[str, Entity] = {}
        missing: dict[str, str] = {}
        for entity in (self._fitted(entity) for entity in BASE):
            why = self._absent(entity)
            if why:
                missing[entity.name] = why
            else:
                entities[entity.name] = self._degraded(entity)
        if not entities:
            raise ConfigurationError(
                "nothing of Business Central answers here", whose=self._client.whose, key="base_url", todo="Check base_url, environment and company.",
            )
        route = self._ledger(entities, missing)
        return Offer(entities, missing, route)

    @cached_property
    def signal(self) -> Entity | None:
        """The detailed entries of reportsFinance, where both they and the entries they belong to can be read."""
        return None if self.refusal(DETAILED_FINANCE) or self.refusal(ENTRIES_FINANCE) else DETAILED_FINANCE

    def _fitted(self, entity: Entity) -> Entity:
        """The entity with the names this installation gives it."""
        ledger = self._settings.ledger
        if entity.name == "customerCard":
            return replace(entity, path=self._settings.customer_card)
        if entity.reader in ("grouped_entries", "applications", "open_invoices"):
            return replace(entity, stream=replace(entity.stream, has_cursor=self.signal is not None))
        if entity is ENTRIES_PAGE:
            return replace(entity, path=ledger.page)
        if ledger.custom is not None and entity is ENTRIES_API:
            fields = ledger.custom.fields
            return replace(entity, path=ledger.custom.entry_set, keys=(fields.get("id", "id"),), modified=fields.get("modified", "systemModifiedAt"))
        if ledger.custom is not None and entity is DETAILED_API:
            fields = ledger.custom.fields
            path = ledger.custom.detailed_set or ""
            return replace(entity, path=path, keys=(fields.get("detailed_id", "id"),), modified=fields.get("detailed_modified", "systemModifiedAt"))
        return entity

    def _absent(self, entity: Entity) -> str:
        if entity.name == "contactsInformation":
            return self._no_contacts_information()
        known = self.metadata if entity.api == "v2" and entity.name not in self._settings.pages else None
        if known is not None and not known.has(entity.path):
            return "not in this version" if self.major else "not in $metadata"
        return self.refusal(entity) if known is None or entity.optional else ""

    def _no_contacts_information(self) -> str:
        if not self._settings.contacts_information:
            return "switched off in the settings"
        return "" if self.metadata is not None and self.metadata.has("contactsInformation") else "not in this version"

    def _degraded(self, entity: Entity) -> Entity:
        """Without a stamp of last change an entity has no cursor: `defaultDimensions` before v23."""
        known = self.metadata
        if entity.modified is None or entity.api != "v2" or known is None or not known.sets.get(entity.path) or known.has(entity.path, entity.modified):
            return entity
        return replace(entity, modified=None, stream=replace(entity.stream, has_cursor=False))

    def _ledger(self, entities: dict[str, Entity], missing: dict[str, str]) -> Route:
        wanted = self._settings.ledger.route
        for route, offered in _ROUTES.items():
            if wanted not in ("auto", route) or (route == "custom_api" and self._settings.ledger.custom is None):
                continue
            for number, plain in enumerate(offered):
                entity = self._fitted(plain)
                why = self.refusal(entity) if entity.path else "not configured"
                if why:
                    missing[entity.name] = why
                    if number == 0:
                        break
                else:
                    entities[entity.name] = self._versioned(entity)
                    missing.pop(entity.name, None)
            else:
                return route
            if wanted == route:
                raise ConfigurationError(
                    f"the ledger route {route} does not answer ({missing[offered[0].name]})", whose=self._client.whose, key="ledger.route",
                    todo="Publish the page or install the app it needs, or set route: auto.",
                )
        return "invoices"

    def _versioned(self, entity: Entity) -> Entity:
        """With the field of the row version, where the page of one's own shows it; else stamps and an overlap must do."""
        custom = self._settings.ledger.custom
        if entity.api != "custom" or custom is None:
            return entity
        name = custom.fields.get("row_version" if entity.name == ENTRIES_API.name else "detailed_row_version", "systemRowVersion")
        return replace(entity, version=name) if name in self._fields_seen.get(entity.name, ()) else entity
