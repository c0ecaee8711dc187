"""Where things are: URLs of one company in the four families of API. [facts: section 1, URLs]"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from connectors.business_central.settings import ApiPage, Settings
from connectors.toolkit.odata.query import Query

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_guid(text: str) -> bool:
    """Whether a text is an id of Business Central."""
    return _GUID.fullmatch(text) is not None


@dataclass(frozen=True)
class Addresses:
    """URLs under the service root; every one carries `?tenant=` where the server has several."""

    root: str
    company: str = ""
    tenant: str | None = None

    @classmethod
    def of(cls, settings: Settings, company: str = "") -> Addresses:
        """The addresses of a company, or without one those of the installation."""
        return cls(settings.root, company, settings.tenant)

    def installation(self, path: str, query: Query | None = None) -> str:
        """A URL outside any company, such as `api/v2.0/companies`."""
        return self._with(f"{self.root}/{path}", query)

    def v2(self, path: str, query: Query | None = None) -> str:
        """An entity set of API v2.0."""
        return self._with(f"{self.root}/api/v2.0/companies({self.company})/{path}", query)

    def api(self, place: str, path: str, query: Query | None = None) -> str:
        """An entity set of another API; `place` is publisher/group/version."""
        return self._with(f"{self.root}/api/{place}/companies({self.company})/{path}", query)

    def page(self, given: ApiPage, query: Query | None = None) -> str:
        """A custom API page."""
        return self.api(
            f"{quote(given.publisher)}/{quote(given.group)}/{quote(given.version)}",
            quote(given.entity_set),
            query,
        )

    def odata(self, service: str, query: Query | None = None) -> str:
        """A published page or query; by id, because names are case-sensitive and change. [D:webservices/publish-web-service.md]"""
        company = (
            f"Id={self.company}"
            if is_guid(self.company)
            else quote("'" + self.company.replace("'", "''") + "'")
        )
        return self._with(f"{self.root}/ODataV4/Company({company})/{quote(service)}", query)

    def _with(self, address: str, query: Query | None) -> str:
        address = f"{address}?tenant={quote(self.tenant, safe='')}" if self.tenant else address
        return query.url(address) if query else address
