"""defaultDimensions: the flat set of customers, or where that is refused, inside the customers themselves."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from connectors.business_central.catalogue import Entity
from connectors.business_central.reading import Reading
from connectors.toolkit.damaged_rows import DamagedRow
from connectors.toolkit.http.errors import Refused
from connectors.toolkit.odata.query import Query
from connectors.toolkit.pagination import PageSize
from connectors.toolkit.rows import Fields, Row
from sync_engine.records import Cursor, RawRecord, RecordBatch, made_up_key


class _Customer(msgspec.Struct):
    rows: list[msgspec.Raw] = msgspec.field(name="defaultDimensions", default_factory=list)


_FIELDS = Fields(_Customer)


class DefaultDimensions:
    """Reads which dimension values customers carry."""

    def __init__(self, reading: Reading, entity: Entity) -> None:
        self._reading, self._entity = reading, entity

    def pull(self, since: Cursor | None) -> Iterator[RecordBatch]:
        """The flat set with its cursor; where its filter is refused, everything through the customers."""
        begun = False
        try:
            for found in self._reading.pull(self._entity, since):
                begun = True
                yield found
        except Refused as refusal:
            if begun or refusal.status != 400:
                raise
            yield from self._nested()

    def of_customer(self, customer: str) -> list[RawRecord]:
        """The default dimensions of one customer."""
        url = self._reading.site.addresses.v2(f"customers({customer})/{self._entity.path}")
        return [record for portion in self._reading.rows(self._entity, url) for record in portion.records]

    def _nested(self) -> Iterator[RecordBatch]:
        reading, shape = self._reading, self._reading.shape(self._entity)
        url = reading.site.addresses.v2("customers", Query(select=("id",), expand=self._entity.path))
        for page in reading.pages.walk(
            url, key=self._entity.name, size=PageSize(reading.settings.document_page_size)
        ):
            records: list[RawRecord] = []
            for customer in page.rows:
                found = _FIELDS.strict(customer)
                records += [self._unread(customer)] if found is None else shape.read(found.rows).records
            yield RecordBatch(self._entity.name, records, complete=page.next is None)

    def _unread(self, customer: Row) -> RawRecord:
        row = (
            customer
            if isinstance(customer, DamagedRow)
            else DamagedRow(bytes(customer), "its default dimensions are no list")
        )
        return RawRecord(made_up_key(row.received), row.payload, None, row.why)
