"""The audit's hash chain computed again: every seal over the one before it and the changes in between.

Of a change whose values were erased the digest it was sealed with stands in its place, and what is left of it must be what was left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import IO, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from sync_engine.platform.outside_text import FORMULA_BEGINS
from sync_engine.store.change_feed.changes import ROW_DIGEST
from sync_engine.store.db import driver, fetch


class Seal(NamedTuple):
    """One link of the chain and what is wrong with it; `wrong` is empty when it holds."""

    seal_id: int
    first_seq: int
    last_seq: int
    changes: int
    sealed_at: datetime
    wrong: str
    digest: str


PAGE = 200
_FORMULA = f"^[{re.escape(FORMULA_BEGINS)}]"


def seals(connection: Connection) -> Iterator[Seal]:
    """Every seal in order, verified."""
    before, previous = 0, None
    while True:
        rows = fetch(
            connection,
            f"""
            SELECT s.seal_id, s.first_seq, s.last_seq, s.changes, s.sealed_at, s.previous, s.digest, x.n, x.other,
                   sha256(coalesce(s.previous, CAST('' AS bytea)) || coalesce(x.whole, CAST('' AS bytea)))
            FROM (SELECT * FROM engine.audit_seal WHERE seal_id > :before ORDER BY seal_id LIMIT {PAGE}) s
            CROSS JOIN LATERAL (
                SELECT count(*) AS n, count(*) FILTER (WHERE e.remains <> {ROW_DIGEST}) AS other,
                       string_agg(coalesce(e.sealed, {ROW_DIGEST}), CAST('' AS bytea) ORDER BY c.seq) AS whole
                FROM canonical.change c LEFT JOIN engine.erased_change e USING (seq) WHERE c.seq BETWEEN s.first_seq AND s.last_seq) x
            ORDER BY s.seal_id
            """,
            before=before,
        )
        for seal_id, first, last, changes, at, claimed, digest, counted, other, computed in rows:
            wrong = ""
            if (None if claimed is None else bytes(claimed)) != previous:
                wrong = "it does not follow the seal before it: a seal was removed or replaced"
            elif counted != changes:
                wrong = f"it sealed {changes} changes and {counted} are there"
            elif other or bytes(computed) != bytes(digest):
                wrong = "a change was altered after it was sealed"
            yield Seal(seal_id, first, last, changes, at, wrong, bytes(digest).hex())
            before, previous = seal_id, bytes(digest)
        if len(rows) < PAGE:
            return


def outside_the_chain(connection: Connection) -> int:
    """Changes that no seal covers: written past the engine."""
    return int(
        fetch(
            connection,
            """
        SELECT count(*) FROM canonical.change c
        WHERE NOT EXISTS (SELECT FROM engine.audit_seal s WHERE c.seq BETWEEN s.first_seq AND s.last_seq)
        """,
        )[0][0]
    )


def copy_changes(
    connection: Connection, debtor: str | None, out: IO[bytes], *, for_spreadsheets: bool = False
) -> int:
    """Writes changes as CSV with a header, in order, each with the seal it lies under: all, or those of a debtor and what belongs to it.

    `for_spreadsheets` puts an apostrophe before what people wrote that would be taken for a formula; values are JSON and never are.
    """
    actor, field, reason = (
        f"CASE WHEN c.{name} ~ '{_FORMULA}' THEN '''' || c.{name} ELSE c.{name} END AS {name}"
        if for_spreadsheets
        else f"c.{name}"
        for name in ("actor", "field", "reason")
    )
    only = ""
    if debtor is not None:
        theirs = ("contact", "document", "payment", "debtor_dimension", "address", "activity")
        its = " UNION ALL ".join(
            f"SELECT id FROM canonical.{table} WHERE debtor_id = '{UUID(debtor)}'" for table in theirs
        )
        left = f"c.entity = 'link' AND c.old ->> 'canonical_id' = '{UUID(debtor)}'"  # a record that was moved away belongs to both histories
        only = f"WHERE c.record_id IN (SELECT CAST('{UUID(debtor)}' AS uuid) UNION ALL {its}) OR {left}"
    with driver(connection).cursor() as cursor:
        with cursor.copy(f"""
                COPY (SELECT c.seq, c.at, c.entity, c.record_id, c.op, {field}, c.old, c.new, c.actor_kind, {actor}, c.run_id, c.cut_id, {reason},
                        (SELECT s.seal_id FROM engine.audit_seal s WHERE s.last_seq >= c.seq AND s.first_seq <= c.seq ORDER BY s.last_seq LIMIT 1) AS seal_id
                    FROM canonical.change c {only} ORDER BY c.seq) TO STDOUT (FORMAT csv, HEADER)
                """) as copy:
            out.writelines(copy)
        return cursor.rowcount
