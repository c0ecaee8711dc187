"""What an installation may declare about the mapping of NetSuite."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from mappings.toolkit.deep_links import WebAddress, deep_link
from mappings.toolkit.rules import Pattern, PositionRules
from mappings.toolkit.shapes import Finish


class NetSuiteMapping(BaseModel):
    """Rules of one installation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    positions: PositionRules = Field(
        default_factory=PositionRules, description="From a contact's title to its position."
    )
    custom: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="wire entity -> fields that go into `custom`."
    )
    web_address: WebAddress | None = Field(
        default=None,
        description="Where people open the account, for links: https://1234567.app.netsuite.com.",
    )
    intercompany: tuple[Pattern, ...] = Field(
        default=(),
        description="Patterns of the numbers (entityid) of customers that are companies of the group.",
    )


def web_link(settings: NetSuiteMapping, page: str, key: str) -> str | None:
    """The page of a record, by its internal id, which the key begins with; None where no address is set.

    Customers, leads and jobs share one page. [Salto's service URLs; Oracle's page names follow the types of transactions]
    """
    if settings.web_address is None:
        return None
    return deep_link(f"{settings.web_address.rstrip('/')}/app/{page}.nl?id={{}}", key.partition("|")[0])


def linked(settings: NetSuiteMapping, page: str, finish: Finish) -> Finish:
    """`finish`, with the page on which the record can be seen; as it is where no address is set."""
    if settings.web_address is None:
        return finish
    return lambda key, row, out: finish(key, {**row, "source_url": web_link(settings, page, key)}, out)
