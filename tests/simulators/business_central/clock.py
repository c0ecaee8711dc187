"""The simulator's time: real or frozen, and it can be moved forward."""

from datetime import UTC, datetime, timedelta


class SimulatorClock:
    """Gives UTC instants; frozen when it was given a start, otherwise real time plus what it was advanced."""

    def __init__(self, start: datetime | None = None) -> None:
        self._frozen_at = start
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        return (self._frozen_at or datetime.now(UTC)) + self._offset

    def advance(self, by: timedelta) -> None:
        """Move forward (or, for skew, back)."""
        self._offset += by

    def set(self, moment: datetime) -> None:
        """Freeze at this instant."""
        self._frozen_at, self._offset = moment, timedelta(0)
