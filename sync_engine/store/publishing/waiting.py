"""Whether a cut has anything to do: a run in which nothing moved makes a cut that is empty, and certifies it.

Whatever publishing does without a record that changed has its look here. One look too many costs a cut that finds nothing; one too few
leaves something unpublished until something else moves.
"""

from __future__ import annotations

from sync_engine.store.publishing.cut import Cut
from sync_engine.store.publishing.keyed_payments import RESTS_WAIT
from sync_engine.store.publishing.new_links import may_link_more
from sync_engine.store.staging import BULK, staged

_OF_STREAMS = "EXISTS (SELECT FROM engine.stream s WHERE s.source = :source AND EXISTS (SELECT FROM {}))"
LOOKS = {
    "records": _OF_STREAMS.format("engine.source_record r WHERE r.stream_id = s.stream_id AND r.dirty"),
    "batches": _OF_STREAMS.format(
        "engine.lake_manifest m WHERE m.stream_id = s.stream_id AND m.normalised_as IS NOT NULL AND m.published_at IS NULL"
    ),
    "staged": "{staged}",
    "entries": "EXISTS (SELECT FROM engine.ledger_entry WHERE source = :source AND record_id IS NULL)",
    "rests": RESTS_WAIT,
    "circles": "EXISTS (SELECT FROM engine.parent_circle)",
    "pins": "EXISTS (SELECT FROM engine.pin WHERE ended_at IS NULL AND CAST(until AS date) < '{today}')",
    "told": "EXISTS (SELECT FROM change_new)",
}
"""What to look for: records that changed, came or went; normalised batches of which no cut told; what an earlier cut left staged for what it
misses; ledger entries that speak of no record yet; amounts that can be derived only now; debtors whose parents closed a circle; pinned
values whose last day is over; and what this cut told the audit before it looked."""
_STAGED = (*BULK, "document_line", "document_instalment")


def anything_waits(cut: Cut) -> bool:
    """Whether anything is to be published, or to be looked at again, in the state that pulling and normalising left."""
    held = " OR ".join(f"EXISTS (SELECT FROM {staged(cut.source, table)})" for table in _STAGED)
    looks = " OR ".join(f"({look.format(staged=held, today=cut.ledger_date)})" for look in LOOKS.values())
    return bool(cut.rows(f"SELECT {looks}")[0][0]) or may_link_more(cut)
