"""The session's time zone: SuiteQL writes and compares stamps as the clock of the user's zone showed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MOST_DAYS = 800


@dataclass(frozen=True)
class SessionZone:
    """One zone by its name. Raises ValueError or a KeyError for a name that none has."""

    name: str

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.name)

    def utc(self, shown: str) -> datetime:
        """The instant of a clock's `YYYY-MM-DD HH:MM:SS`; of an hour that is shown twice, the earlier one. Raises ValueError."""
        return datetime.fromisoformat(shown).replace(tzinfo=self._zone).astimezone(UTC)

    def not_after(self, moment: datetime, now: datetime) -> str:
        """What a clock shows at `moment` at the earliest, so that nothing from then until `now` showed less.

        Where clocks were set back in between, an hour was shown twice: the smallest distance to UTC of all that time counts.
        """
        days = min(max(0, (now - moment).days) + 2, _MOST_DAYS)
        offsets = [self._offset(moment + timedelta(days=day)) for day in range(days)]
        if days == _MOST_DAYS:
            offsets.append(self._offset(now))
        return (moment.astimezone(UTC) + min(offsets)).strftime("%Y-%m-%d %H:%M:%S")

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta(0)
