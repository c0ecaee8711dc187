"""Where a stream was left: the latest stamp that the pulse saw, what else it saw, and how the stream was asked for.

While the pulse sees the same, nothing is asked. What it sees otherwise says how much must be read: what was touched since, or
everything, because it is asked for in another way, or because there are more rows than were made, which means that hidden ones show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import xxhash

from connectors.netsuite.pulse import Pulse
from connectors.netsuite.tables import Source
from sync_engine.errors import ProtocolViolation
from sync_engine.records import Cursor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LETTERS = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Position:
    """`moment`: the latest stamp. `shape`: how it was asked for. `arms`: of each arm of the pulse how many rows, and a mark of its sums.

    `settled`: the latest stamp is so old that nothing older is still on its way.
    """

    moment: datetime
    shape: str
    arms: Mapping[str, tuple[int, str]]
    settled: bool

    @classmethod
    def seen(cls, source: Source, pulse: Pulse, shape: str, now: datetime) -> Position:
        """Where reading from now on has to go on."""
        stamps = [
            pulse.zone.utc(arm.latest)
            for name in source.pulse
            if (arm := pulse.arms.get(name)) and arm.latest
        ]
        moment = min(max(stamps, default=EPOCH), now).replace(microsecond=0)
        arms = {name: (arm.n, _hash(repr(arm))) for name in source.pulse if (arm := pulse.arms.get(name))}
        settled = now - moment > source.stream.overlap + timedelta(minutes=5)
        return cls(moment, _hash(shape), arms, settled)

    @classmethod
    def read(cls, cursor: Cursor) -> Position:
        """Raises ProtocolViolation for a cursor that is none of ours."""
        try:
            moment, shape, settled, *told = cursor.split(" ")
            arms = {name: (int(n), mark) for name, n, mark in (arm.split(":") for arm in told)}
            return cls(datetime.fromisoformat(moment), shape, arms, settled == "settled")
        except ValueError:
            raise ProtocolViolation(
                "a cursor cannot be read", todo="Run it once with `sync-engine run SOURCE --full`."
            ) from None

    @property
    def cursor(self) -> Cursor:
        """As it is remembered."""
        arms = (f"{name}:{n}:{mark}" for name, (n, mark) in self.arms.items())
        settled = "settled" if self.settled else "moving"
        return Cursor(" ".join((self.moment.strftime(_LETTERS), self.shape, settled, *arms)))

    def is_still(self, now: Position) -> bool:
        """Whether nothing can have changed from here to there."""
        return self.settled and (self.shape, self.arms) == (now.shape, now.arms)

    def grown(self, now: Position) -> dict[str, int]:
        """Arms with more rows now, and how many more."""
        return {
            name: n - self.arms[name][0]
            for name, (n, _) in now.arms.items()
            if n > self.arms.get(name, (n, ""))[0]
        }

    def shrunk(self, now: Position) -> int:
        """How many rows fewer there are of the arm that the stream is counted by."""
        for name, (n, _) in now.arms.items():
            return max(0, self.arms.get(name, (n, ""))[0] - n)
        return 0

    def asks_otherwise(self, now: Position, whole_on: Sequence[str]) -> bool:
        """Whether all must be read: other columns are asked for, or something without a stamp of its own has moved."""
        return self.shape != now.shape or any(self.arms.get(name) != now.arms.get(name) for name in whole_on)


def _hash(text: str) -> str:
    return xxhash.xxh3_64_hexdigest(text.encode())[:10]
