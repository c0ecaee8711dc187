"""Keeps `canonical.overruled`: what linked sources said and were not believed, written with the fold that decided it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sync_engine.canonical.fields import Field
from sync_engine.ownership.resolve import PERSON, Claim, Resolved, Resolver
from sync_engine.store.db import copy_rows
from sync_engine.store.publishing.cut import Cut

COLUMNS = ("record_id", "field", "source", "external_id", "said", "believed", "believed_source")


class OverruledClaims:
    """Collects the overruled claims of the records in a dirty table while they are folded, then brings the table up to date.

    A record made of one source that is believed whole, and without a pin, has none: a store with one source pays one look at an empty table.
    """

    def __init__(self, cut: Cut, entity: str, fields: tuple[Field, ...], dirty: str) -> None:
        self._cut, self._entity, self._dirty = cut, entity, dirty
        self._column = {f.name: f.stored_as for f in fields}
        self._rows: list[Sequence[Any]] = []

    def note(self, folded: Iterable[tuple[UUID, Sequence[Claim], Resolved, Resolver]]) -> None:
        """Looks at some folded records."""
        for id_, claims, resolved, resolver in folded:
            if (
                len(claims) == 1
                and PERSON not in resolved.provenance.values()
                and not resolver.may_be_overruled(claims[0])
            ):
                continue
            self._rows += [
                (
                    str(id_),
                    self._column.get(o.field, o.field),
                    o.source,
                    o.key,
                    _json(o.said),
                    _json(resolved.value(o.field)),
                    o.by or None,
                )
                for o in resolver.overruled(claims, resolved)
            ]

    def settle(self) -> None:
        """Removes what is no longer so for the folded records, adds what is; what stayed keeps its date."""
        cut = self._cut
        if not self._rows and not cut.exists(
            "SELECT FROM canonical.overruled WHERE entity = :entity", entity=self._entity
        ):
            return
        cut.sql("DROP TABLE IF EXISTS new_overruled")
        cut.sql("""
            CREATE TEMP TABLE new_overruled (
                record_id uuid, field text, source text, external_id text, said jsonb, believed jsonb, believed_source text,
                PRIMARY KEY (record_id, field, source, external_id)) ON COMMIT DROP
            """)
        copy_rows(cut.connection, "new_overruled", COLUMNS, self._rows)
        cut.sql(
            f"""
            DELETE FROM canonical.overruled o USING {self._dirty} d WHERE o.entity = :entity AND o.record_id = d.id AND NOT EXISTS (
                SELECT FROM new_overruled n WHERE (n.record_id, n.field, n.source, n.external_id) = (o.record_id, o.field, o.source, o.external_id))
            """,
            entity=self._entity,
        )
        cut.sql(
            f"""
            INSERT INTO canonical.overruled AS o (entity, {", ".join(COLUMNS)}) SELECT :entity, {", ".join(COLUMNS)} FROM new_overruled
            ON CONFLICT (entity, record_id, field, source, external_id) DO UPDATE SET said = excluded.said, believed = excluded.believed,
                believed_source = excluded.believed_source, since = now()
            WHERE (o.said, o.believed, o.believed_source) IS DISTINCT FROM (excluded.said, excluded.believed, excluded.believed_source)
            """,
            entity=self._entity,
        )


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
