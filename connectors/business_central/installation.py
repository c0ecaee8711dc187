"""What an installation turned out to be: its company, version, entities and what is lost without the missing ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import msgspec

from connectors.business_central import metadata
from connectors.business_central.catalogue import BASE, DETAILED_FINANCE, ENTRIES_FINANCE, Entity
from connectors.business_central.client import explained
from connectors.business_central.discovery import Discovery, Offer
from connectors.business_central.metadata import Metadata
from connectors.business_central.settings import Settings
from connectors.business_central.urls import Addresses, is_guid
from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.errors import NotFound, Refused
from connectors.toolkit.odata.pages import Pages, cut
from connectors.toolkit.odata.query import Query
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import Fields, Row, names
from sync_engine.errors import (
    AuthenticationFailed,
    ConfigurationError,
    PermissionMissing,
    ProtocolViolation,
    SyncError,
    TransientError,
)
from sync_engine.records import Offered

NOT_PERMITTED = "the login may not read it"
_KEYLESS = "its rows have no"
_SEVERAL = 20
_ALL = 20_000
_DIGITS_OF_A_VERSION = 6


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


def _lasts(failure: SyncError) -> bool:
    """Whether an answer says something about the installation: nothing is at the address, or the server does not know what is asked of it.

    Every other refusal may be gone when it is asked again. [facts: section 6, error bodies]
    """
    return isinstance(failure, NotFound) or (
        isinstance(failure, Refused)
        and failure.status in (400, 501)
        and failure.code.startswith("BadRequest")
    )


class Installation:
    """Looks at an installation once and remembers it; every question is asked when its answer is first needed."""

    def __init__(self, client: HttpClient, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._offering = Discovery(self, settings)
        self._fields_seen: dict[str, frozenset[str]] = {}
        self.undescribed: TransientError | None = None
        """Why $metadata could not be had now; None when it was, or when there is none."""

    @property
    def whose(self) -> str:
        """The source."""
        return self._client.whose

    def companies(self) -> Sequence[Company] | None:
        """The companies of the environment; None where the host keeps no list. Raises ConfigurationError, PermissionMissing."""
        try:
            rows = self.rows("companies")
        except AuthenticationFailed as refusal:
            if refusal.key == "token":
                raise
            raise AuthenticationFailed(
                refusal.what,
                whose=self._client.whose,
                key="companies",
                todo="See that the app is on the page 'Microsoft Entra applications' of Business Central, enabled and with permission sets.",
            ) from None
        except Refused as refusal:
            said = explained(refusal, self._settings, self._client.whose)
            if refusal.status == 404 and said is refusal:
                return None
            raise said from None
        found = [company for company in Fields(Company).all(rows) if company.id]
        if rows and not found:
            raise ProtocolViolation("a company without an id", whose=self._client.whose, key="companies")
        return found

    def rows(self, path: str) -> list[Row]:
        """All rows of a set outside any company."""
        url = Addresses.of(self._settings).installation(f"api/v2.0/{path}")
        walk = Pages(self._client, self._settings.root).walk(url, key=path, size=PageSize(_ALL))
        return [row for page in walk for row in page.rows]

    @cached_property
    def company(self) -> Company:
        """The configured company, by id or name; raises ConfigurationError that lists the ones there are."""
        wanted = self._settings.company
        try:
            found = self.companies()
        except TransientError:
            if wanted is None or not is_guid(wanted):
                raise
            found = None  # its id is all that addresses need
        if found is None:
            if not wanted:
                raise ConfigurationError(
                    "no company is set and the host lists none", whose=self._client.whose, key="company"
                )
            return Company(wanted, wanted)
        if wanted is None:
            if len(found) == 1:
                return found[0]
            raise self._unknown("no company is set", found)
        fold = wanted.casefold()
        for fits in (
            lambda c: c.id.casefold() == fold,
            lambda c: c.name == wanted,
            lambda c: c.display_name == wanted,
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
        return ConfigurationError(
            what, whose=self._client.whose, key="company", todo=f"Companies here: {names}."
        )

    @cached_property
    def addresses(self) -> Addresses:
        """URLs of the company."""
        return Addresses.of(self._settings, self.company.id)

    @property
    def major(self) -> int | None:
        """The major version, 25 of 25.4.29661.29727; None where the host does not say."""
        head = self.company.version.partition(".")[0]
        return int(head) if head.isdecimal() and len(head) < _DIGITS_OF_A_VERSION else None

    @cached_property
    def metadata(self) -> Metadata | None:
        """What describes API v2.0: $metadata, else entityDefinitions; None where there is neither, or none now, and then sets are asked one by one."""
        self.undescribed = None
        try:
            found = self._described("$metadata", self._edmx) or self._described(
                "entityDefinitions", lambda path: metadata.defined(self.rows(path))
            )
        except TransientError as failure:
            self.undescribed = failure
            return None
        if found is not None:
            self.undescribed = None
        return found

    def _edmx(self, path: str) -> Metadata | None:
        url = self.addresses.installation(f"api/v2.0/{path}")
        found = metadata.read(self._client.get(url, key=path, headers={"Accept": "application/xml"}).body)
        if found is None:
            told = ProtocolViolation("the answer describes no sets", whose=self._client.whose, key=path)
            self.undescribed = self._doubt(told, path)
        return found

    def _described(self, path: str, how: Callable[[str], Metadata | None]) -> Metadata | None:
        try:
            return how(path)
        except PermissionMissing:
            return None
        except (Refused, ProtocolViolation, AuthenticationFailed) as failure:
            if failure.key == "token":
                raise
            if _lasts(failure):
                return None
            raise self._doubt(failure, path) from None

    def describe_again(self) -> None:
        """Lets $metadata be asked for once more where it could not be had."""
        if self.undescribed is not None:
            self.__dict__.pop("metadata", None)

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
                return self.addresses.api(
                    f"{custom.publisher}/{custom.group}/{custom.version}", entity.path, query
                )
            case "odata":
                return self.addresses.odata(entity.path, query)
            case "v2":
                return self.addresses.v2(entity.path, query)

    def refusal(self, entity: Entity) -> str:
        """Asks for one row: empty when it may be read, else why not. Raises only what will pass or stops everything."""
        why = self._refusal(self.url(entity, Query(filter=entity.filter, top=1)), entity)
        if not why.startswith(_KEYLESS):
            return why
        return self._refusal(
            self.url(entity, Query(filter=entity.filter, top=_SEVERAL)), entity
        )  # one row without a key is a record's trouble

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
            self._fields_seen[entity.name] = frozenset(name for row in rows for name in names(row))
            told = [fields for row in rows if (fields := names(row))]
            if told and entity.keys and not any(fields.issuperset(entity.keys) for fields in told):
                return f"{_KEYLESS} {' and '.join(entity.keys)}"
        except PermissionMissing:
            return NOT_PERMITTED
        except Refused as refusal:
            said = explained(refusal, self._settings, self._client.whose)
            if isinstance(said, ConfigurationError):
                raise said from None
            if not _lasts(refusal):
                raise self._doubt(refusal, entity.name) from None
            return (
                "not there"
                if isinstance(refusal, NotFound)
                else f"refused: {refusal.message or refusal.code or refusal.status}"
            )
        except (ProtocolViolation, AuthenticationFailed) as failure:
            if failure.key == "token":
                raise
            raise self._doubt(failure, entity.name) from None
        return ""

    def _doubt(self, failure: SyncError, key: str) -> TransientError:
        """What was answered says neither that a set is there nor that it is not: nobody can tell now."""
        return TransientError(
            failure.what,
            whose=self._client.whose,
            key=key,
            todo=failure.todo or "It is asked for again with the next run.",
        )

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
            f"the company {self.company.label!r} cannot be entered ({failure.what})",
            whose=self._client.whose,
            key="company",
            todo="Give the app's user permission sets in that company.",
        )

    @cached_property
    def offer(self) -> Offer:
        """The wire entities of this installation. Raises what `Offering.look` raises."""
        return self._offering.look()

    @cached_property
    def signal(self) -> Entity | None:
        """The detailed entries of reportsFinance, where both they and the entries they belong to can be read now; else more is re-read."""
        try:
            return (
                None if self.refusal(DETAILED_FINANCE) or self.refusal(ENTRIES_FINANCE) else DETAILED_FINANCE
            )
        except TransientError:
            return None

    @property
    def remembered(self) -> Offered:
        """What is to be compared with the next time somebody looks."""
        offer, company = self.offer, self.company.id
        fields = {name: self._fields_of(entity) for name, entity in offer.entities.items()}
        return Offered(
            company if is_guid(company) else "",
            offer.route,
            fields,
            dict(offer.missing),
            self._offering.left_out(offer),
            frozenset(offer.doubtful),
        )

    def _fields_of(self, entity: Entity) -> frozenset[str]:
        """The fields of an entity's rows as far as the look at the installation told them."""
        if entity.api != "v2" or entity.name in self._settings.pages:
            return self.fields_seen(entity)
        return self.metadata.sets.get(entity.path, frozenset()) if self.metadata is not None else frozenset()

    def offered(self, name: str) -> Entity:
        """An entity that is there, asked for again where it was in doubt. Raises TransientError, and SourceError when it is not there."""
        return self._offering.settled(self.offer, name)
