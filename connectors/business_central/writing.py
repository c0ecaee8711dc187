"""Writes of customers and contacts: PATCH with the etag of the record, which Business Central demands. [facts: section 5]"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from connectors.business_central.catalogue import Entity
from connectors.business_central.reading import Reading
from connectors.toolkit import receipts
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.rows import Fields
from sync_engine.records import Change, Current, Receipt, WriteRequest

WRITABLE: Mapping[str, frozenset[str]] = {
    "customers": frozenset((
        "displayName", "phoneNumber", "website", "addressLine1", "addressLine2", "city", "state", "postalCode", "country", "creditLimit",
        "taxRegistrationNumber",
    )),
    "contacts": frozenset(("displayName", "phoneNumber", "mobilePhoneNumber", "jobTitle")),
}  # fmt: skip
"""Fields that have one meaning. `number` is not among them: to write it renames the record everywhere."""
CHANGED = "Request_EntityChanged"


class _Tagged(msgspec.Struct):
    etag: str = msgspec.field(name="@odata.etag")


_TAGGED = Fields(_Tagged)


def current(reading: Reading, entity: Entity, key: str) -> Current | None:
    """One record with its etag, read as a page of one so that it looks like that of a pull."""
    records = [record for part in reading.where(entity, f"id eq {key}") for record in part.records]
    if not records:
        return None
    found = _TAGGED.read(records[0].payload)
    return Current(records[0], found.etag if found is not None else "")


def request(reading: Reading, entity: Entity, change: Change) -> WriteRequest:
    """What would be sent."""
    path = reading.site.url(entity).partition("?")[0]
    where = f"{path}({change.key})"
    return WriteRequest(
        "PATCH", where, receipts.shown(dict(change.fields)), {"If-Match": change.base_version}
    )


def push(reading: Reading, entity: Entity, change: Change) -> Receipt:
    """Only what differs is sent, since each field that is named is validated again. A stale etag is a 409 here, and a 412 by the book."""
    sent = request(reading, entity, change)
    content = receipts.body(dict(change.fields))
    return receipts.receipt(
        lambda: reading.client.write(
            sent.what, sent.where, content, key=entity.name, headers=sent.conditions
        ),
        _has_moved,
    )


def _has_moved(refusal: Refused) -> bool:
    return refusal.code == CHANGED or refusal.status in (404, 412)
