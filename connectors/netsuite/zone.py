"""The session's time zone: SuiteQL writes and compares stamps as the clock of the user's zone showed them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from sync_engine.errors import ProtocolViolation

_MOST_DAYS = 800


_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


@dataclass(frozen=True)
class SessionZone:
    """One zone by its name, or by its distance to UTC, such as -08:00. Raises ProtocolViolation for what is neither."""

    name: str

    def __post_init__(self) -> None:
        try:
            found = _OFFSET.fullmatch(self.name)
            zone: tzinfo = timezone(_distance(found)) if found else ZoneInfo(self.name)
        except (KeyError, ValueError, OSError):
            what = "the time zone of the session is not known"
            raise ProtocolViolation(
                what, key="SESSIONTIMEZONE", todo="Choose a zone by name in the user's preferences."
            ) from None
        object.__setattr__(self, "_zone", zone)

    _zone: tzinfo = field(init=False, repr=False, compare=False)

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


def _distance(found: re.Match[str]) -> timedelta:
    distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -distance if found[1] == "-" else distance
