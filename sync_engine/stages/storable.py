"""Records on their way into the lake: with a key that can be stored, hashed, and without those who were erased."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import xxhash

from sync_engine.records import RawRecord, RecordBatch, made_up_key
from sync_engine.store.landing import records
from sync_engine.store.runs import Counts
from sync_engine.store.suppression import Suppressed

LONGEST_KEY = 500
"""Characters of a key: an index entry of PostgreSQL holds 2,704 bytes, and a character up to four."""
_UNSTORABLE = re.compile(f"[\x00{records.SEPARATOR}\ud800-\udfff]")


def but_erased(
    source: str,
    erased: Suppressed,
    batch: RecordBatch,
    hashes: dict[str, tuple[str, RawRecord]],
    counts: Counts,
) -> tuple[RecordBatch, dict[str, tuple[str, RawRecord]]]:
    """A batch without the records of erased people, which are counted as excluded; nothing of them is kept."""
    gone = {key for key in hashes if (source, key) in erased}
    if not gone:
        return batch, hashes
    counts.read += len(gone)
    counts.excluded += len(gone)
    kept = [record for record in batch.records if record.key not in gone]
    return replace(batch, records=kept), {key: one for key, one in hashes.items() if key not in gone}


def hashed(batches: Iterable[RecordBatch]) -> Iterator[tuple[RecordBatch, dict[str, tuple[str, RawRecord]]]]:
    """Each batch with key -> (hash, record), the last occurrence of a key winning."""
    digest = xxhash.xxh3_128_hexdigest
    for batch in batches:
        read = _storable(batch.records)
        yield (
            batch,
            {
                r.key: (digest(r.payload + r.unreadable.encode() if r.unreadable else r.payload), r)
                for r in read
            },
        )


def _storable(read: Sequence[RawRecord]) -> Sequence[RawRecord]:
    """The records, those whose key no database keeps under a made-up one and unreadable; looked at one by one only where there are such."""
    keys = [r.key for r in read]
    if not keys or (
        "" not in keys and max(map(len, keys)) <= LONGEST_KEY and not _UNSTORABLE.search("".join(keys))
    ):
        return read
    return [
        r
        if not (why := _refused_key(r.key))
        else r._replace(key=storable_key(r.key, r.payload), unreadable=r.unreadable or why)
        for r in read
    ]


def _refused_key(key: str) -> str:
    """Why a key cannot be stored; empty when it can."""
    if not key:
        return "its key is blank"
    if len(key) > LONGEST_KEY:
        return f"its key has {len(key):,} characters, more than {LONGEST_KEY}"
    return "its key holds a character that no database stores" if _UNSTORABLE.search(key) else ""


def storable_key(key: str, payload: bytes = b"") -> str:
    """A key as it stands in the database: its own, or a made-up one where no database would keep it."""
    return made_up_key(key.encode("utf-8", "surrogatepass") or payload) if _refused_key(key) else key
