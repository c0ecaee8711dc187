"""The lake against its manifest: what is damaged, who needs it, what heals it, and files that no batch knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Engine

from sync_engine.errors import ConfigurationError
from sync_engine.lake import Lake
from sync_engine.store.db import transaction
from sync_engine.store.landing import damage
from sync_engine.store.landing.damage import LandedBatch
from sync_engine.store.queries import source_status

Progress = Callable[[str, str, int], None]


class Verified(NamedTuple):
    """What `verify` found. `damaged` is needed: living records lie there. `lost` only holds versions that were replaced or landed again.

    `orphans` are files no batch knows, left by runs that were cut short: harmless, and nobody reads them.
    """

    files: int
    damaged: list[LandedBatch]
    lost: list[LandedBatch]
    orphans: list[str]

    @property
    def told(self) -> list[str]:
        """A sentence for each batch that somebody needs."""
        return [str(one.failure(one.damage or "")) for one in self.damaged]


def verify(
    store: Engine, lake: Lake, source: str | None = None, progress: Progress | None = None
) -> Verified:
    """Reads every landed file and compares it with the manifest. What it finds is noted at the batch, and taken back where a file is back.

    Raises ConfigurationError for a source that never landed anything.
    """
    with transaction(store, "reading the sources") as connection:
        known = [s.source for s in source_status.sources(connection)]
    if source is not None and source not in known:
        raise ConfigurationError(
            "nothing of this source was landed yet",
            whose=source,
            todo=f"There are: {', '.join(known) or 'none'}.",
        )
    there = {path for name in known if source in (None, name) for path in lake.files(name)}
    with transaction(
        store, "reading what has landed"
    ) as connection:  # after the files: what is recorded meanwhile is no orphan
        landed, working = damage.batches(connection, source), damage.of_open_runs(connection)
    judged = []
    for place, one in enumerate(landed, 1):
        said = lake.damage_of(one.path, one.checksum, one.bytes)
        if said != one.damage:
            with transaction(store, "noting what is damaged") as connection:
                damage.note(connection, one.batch_id, said)
        judged.append(one._replace(damage=said))
        if progress is not None:
            progress("verify", one.source, place)
    orphans = there - {one.path for one in landed}
    return Verified(
        len(landed), [b for b in judged if b.damage and b.needed], [b for b in judged if b.damage and not b.needed],
        sorted(path for path in orphans if path.split("/")[2:3] and path.split("/")[2] not in working),
    )  # fmt: skip
