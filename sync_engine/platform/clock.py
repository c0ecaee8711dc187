"""The clock of the machine, where tests inject one of their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """`ports.Clock` by the operating system."""

    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Waits; a negative pause is none."""
        time.sleep(max(0.0, seconds))
