"""What an installation offers: which wire entities are there, how they are fitted to it, and by which route its ledger is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.business_central.catalogue import (
    BASE,
    DETAILED_API,
    ENTRIES_ANALYTICS,
    ENTRIES_API,
    ENTRIES_FINANCE,
    ENTRIES_GROUPED,
    ENTRIES_PAGE,
    Entity,
)
from connectors.business_central.metadata import Metadata
from connectors.business_central.settings import Route, Settings
from sync_engine.errors import ConfigurationError, SourceError, TransientError

NOT_CONFIGURED = "not configured"
SWITCHED_OFF = "switched off in the settings"


@dataclass(frozen=True)
class Offer:
    """The wire entities there are, by name, parents first; why others are not; and which ledger route was taken.

    `doubtful` are entities of which nobody could tell now whether they are there: they are offered, and asked for again when
    they are pulled. Silence is not absence: a route taken because a better one was busy would read another ledger.
    """

    entities: dict[str, Entity]
    missing: dict[str, str]
    route: Route
    doubtful: dict[str, TransientError] = field(default_factory=dict)


_ROUTES: dict[Route, tuple[Entity, ...]] = {
    "custom_api": (ENTRIES_API, DETAILED_API),
    "odata_page": (ENTRIES_PAGE, ENTRIES_ANALYTICS),
    "analytics": (ENTRIES_GROUPED, ENTRIES_ANALYTICS),
    "reports_finance": (ENTRIES_FINANCE,),
    "invoices": (),
}


class Site(Protocol):
    """What is asked of an installation to find out what it offers; each answer is remembered there."""

    undescribed: TransientError | None

    @property
    def whose(self) -> str: ...

    @property
    def major(self) -> int | None: ...

    @property
    def metadata(self) -> Metadata | None: ...

    @property
    def signal(self) -> Entity | None: ...

    def enter(self) -> None: ...

    def describe_again(self) -> None: ...

    def refusal(self, entity: Entity) -> str: ...

    def fields_seen(self, entity: Entity) -> frozenset[str]: ...


class Discovery:
    """Finds out what one installation offers."""

    def __init__(self, site: Site, settings: Settings) -> None:
        self._site, self._settings = site, settings

    def look(self) -> Offer:
        """The wire entities of this installation; one that is silent does not hide the others.

        Raises ConfigurationError when nothing of Business Central answers, TransientError when nothing answers now.
        """
        self._come_in()
        entities: dict[str, Entity] = {}
        missing: dict[str, str] = {}
        doubtful: dict[str, TransientError] = {}
        for entity in (self._fitted(entity) for entity in BASE):
            why = self._unless_silent(entity, doubtful)
            if why:
                missing[entity.name] = why
            else:
                entities[entity.name] = self._degraded(entity)
        if not entities:
            raise ConfigurationError(
                "nothing of Business Central answers here",
                whose=self._site.whose,
                key="base_url",
                todo="Check base_url, environment and company.",
            )
        route = self._ledger(entities, missing, doubtful)
        return Offer(entities, missing, route, doubtful)

    def _come_in(self) -> None:
        """Enters the company. When its first page is silent, $metadata may still answer; when both are, the host is down."""
        try:
            self._site.enter()
        except TransientError:
            if self._site.metadata is None and self._site.undescribed is not None:
                raise

    def _unless_silent(self, entity: Entity, doubtful: dict[str, TransientError]) -> str:
        """Why an entity is not there; empty when it is, or when nobody could tell now, which `doubtful` then says."""
        try:
            return self._absent(entity)
        except TransientError as failure:
            doubtful[entity.name] = failure
            return ""

    def settled(self, offer: Offer, name: str) -> Entity:
        """An entity that is there, asked for again where it was in doubt. Raises TransientError, and SourceError when it is not there."""
        if name in offer.doubtful:
            self._site.describe_again()
            entity = offer.entities[name]
            why = self._absent(entity)
            del offer.doubtful[name]
            if why:
                offer.missing[name] = why
                del offer.entities[name]
            else:
                offer.entities[name] = self._versioned(self._degraded(entity))
        if name not in offer.entities:
            what = f"is not offered ({offer.missing.get(name, 'unknown entity')})"
            raise SourceError(what, whose=self._site.whose, key=name, todo="See `sources doctor`.")
        return offer.entities[name]

    def left_out(self, offer: Offer) -> frozenset[str]:
        """Wire entities that are not offered on purpose: the settings leave them out, or another route than theirs is read."""
        ledger, routes = self._settings.ledger, list(_ROUTES)
        found = {name for name, why in offer.missing.items() if why in (NOT_CONFIGURED, SWITCHED_OFF)}
        for route, entities in _ROUTES.items():
            if route != offer.route and (
                ledger.route != "auto"
                or routes.index(route) > routes.index(offer.route)
                or (route == "custom_api" and ledger.custom is None)
            ):
                found |= {entity.name for entity in entities}
        return frozenset(found - offer.entities.keys())

    def _fitted(self, entity: Entity) -> Entity:
        """The entity with the names this installation gives it."""
        ledger = self._settings.ledger
        if entity.name == "customerCard":
            return replace(entity, path=self._settings.customer_card)
        if entity.reader in ("grouped_entries", "applications", "open_invoices"):
            return replace(entity, stream=replace(entity.stream, has_cursor=self._site.signal is not None))
        if entity is ENTRIES_PAGE:
            return replace(entity, path=ledger.page)
        if ledger.custom is not None and entity is ENTRIES_API:
            fields = ledger.custom.fields
            return replace(
                entity,
                path=ledger.custom.entry_set,
                keys=(fields.get("id", "id"),),
                modified=fields.get("modified", "systemModifiedAt"),
            )
        if ledger.custom is not None and entity is DETAILED_API:
            fields = ledger.custom.fields
            path = ledger.custom.detailed_set or ""
            return replace(
                entity,
                path=path,
                keys=(fields.get("detailed_id", "id"),),
                modified=fields.get("detailed_modified", "systemModifiedAt"),
            )
        return entity

    def _absent(self, entity: Entity) -> str:
        if not entity.path:
            return NOT_CONFIGURED
        if entity.name == "contactsInformation":
            return self._no_contacts_information()
        known = (
            self._site.metadata if entity.api == "v2" and entity.name not in self._settings.pages else None
        )
        if known is not None and not known.has(entity.path):
            return "not in this version" if self._site.major else "not in $metadata"
        return self._site.refusal(entity) if known is None or entity.optional else ""

    def _no_contacts_information(self) -> str:
        if not self._settings.contacts_information:
            return SWITCHED_OFF
        if self._site.metadata is None and self._site.undescribed is not None:
            raise self._site.undescribed
        return (
            ""
            if self._site.metadata is not None and self._site.metadata.has("contactsInformation")
            else "not in this version"
        )

    def _degraded(self, entity: Entity) -> Entity:
        """Without a stamp of last change an entity has no cursor: `defaultDimensions` before v23."""
        known = self._site.metadata
        if (
            entity.modified is None
            or entity.api != "v2"
            or known is None
            or not known.sets.get(entity.path)
            or known.has(entity.path, entity.modified)
        ):
            return entity
        return replace(entity, modified=None, stream=replace(entity.stream, has_cursor=False))

    def _ledger(
        self, entities: dict[str, Entity], missing: dict[str, str], doubtful: dict[str, TransientError]
    ) -> Route:
        wanted = self._settings.ledger.route
        for route, offered in _ROUTES.items():
            if wanted not in ("auto", route) or (
                route == "custom_api" and self._settings.ledger.custom is None
            ):
                continue
            for number, plain in enumerate(offered):
                entity = self._fitted(plain)
                why = self._unless_silent(entity, doubtful)
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
                    f"the ledger route {route} does not answer ({missing[offered[0].name]})",
                    whose=self._site.whose,
                    key="ledger.route",
                    todo="Publish the page or install the app it needs, or set route: auto.",
                )
        return "invoices"

    def _versioned(self, entity: Entity) -> Entity:
        """With the field of the row version, where the page of one's own shows it; else stamps and an overlap must do."""
        custom = self._settings.ledger.custom
        if entity.api != "custom" or custom is None:
            return entity
        name = custom.fields.get(
            "row_version" if entity.name == ENTRIES_API.name else "detailed_row_version", "systemRowVersion"
        )
        return replace(entity, version=name) if name in self._site.fields_seen(entity) else entity
