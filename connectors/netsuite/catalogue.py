"""Every stream that can be read of an account, parents first."""

from __future__ import annotations

from dataclasses import replace

from connectors.netsuite import parties, receivables
from connectors.netsuite.suiteql import Query
from connectors.netsuite.tables import Account, Source
from sync_engine.records import Stream


def sources(account: Account) -> dict[str, Source]:
    """Stream -> how it is read. Where deletions are told nothing has to be read again for them."""
    found = (
        _lists("company", "debtors", "company"),
        _lists("dimensions", "dimensions", "dimension"),
        _lists("dimension_values", "dimensions", "dimension_value"),
        _lists("references", "debtors", "reference"),
        *parties.sources(account),
        *receivables.sources(account),
    )
    tells = account.has("deletedrecord")
    return {
        source.stream.entity: replace(
            source, stream=replace(source.stream, reports_deletes=tells and bool(source.gone))
        )
        for source in found
    }


def _lists(entity: str, family: str, canonical: str) -> Source:
    """A stream of the small lists, which are read together and whole."""
    return Source(Stream(entity, family, canonical, has_cursor=False), Query((), "", ()), ())
