"""Records that are never landed again because their person was erased: known by keyed hashes, so that this list tells nobody's keys."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_sql


class Suppressed:
    """What is suppressed of one canonical entity; `(source, key) in it` tells. Empty and free of cost where nobody was ever erased."""

    def __init__(self, entity: str, secret: bytes, digests: frozenset[bytes]) -> None:
        self._entity, self._secret, self._digests = entity, secret, digests

    def __bool__(self) -> bool:
        return bool(self._digests)

    def __contains__(self, record: tuple[str, str]) -> bool:
        return bool(self._digests) and digest(self._secret, self._entity, *record) in self._digests


def digest(secret: bytes, entity: str, source: str, key: str) -> bytes:
    """The keyed hash of a record's key, the same for every wire entity that speaks of it."""
    told = "\x1f".join((entity, source, key)).encode("utf-8", "surrogatepass")
    return hmac.new(secret, told, hashlib.sha256).digest()


def suppressed(connection: Connection, entity: str) -> Suppressed:
    """What is suppressed of a canonical entity."""
    rows = fetch(
        connection,
        "SELECT s.digest, k.secret FROM engine.suppression s CROSS JOIN engine.suppression_key k WHERE s.entity = :entity",
        entity=entity,
    )
    return Suppressed(entity, bytes(rows[0][1]) if rows else b"", frozenset(bytes(row[0]) for row in rows))


def suppress(connection: Connection, entity: str, records: Iterable[tuple[str, str]]) -> None:
    """Suppresses records, each a source and a key, from here on. The first time a secret is made."""
    run_sql(
        connection,
        "INSERT INTO engine.suppression_key (is_only, secret) VALUES (true, :secret) ON CONFLICT DO NOTHING",
        secret=secrets.token_bytes(32),
    )
    secret = bytes(fetch(connection, "SELECT secret FROM engine.suppression_key")[0][0])
    for source, key in records:
        run_sql(
            connection,
            "INSERT INTO engine.suppression (digest, entity) VALUES (:digest, :entity) ON CONFLICT DO NOTHING",
            digest=digest(secret, entity, source, key),
            entity=entity,
        )


def count_left_out(connection: Connection, stream_id: int, n: int) -> None:
    """How many records of a wire entity are those of erased people, as its last sweep saw them: the source counts them."""
    run_sql(connection, "UPDATE engine.stream SET erased_count = :n WHERE stream_id = :id", n=n, id=stream_id)
