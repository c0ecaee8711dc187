"""Death at a chosen moment: every commit that wrote something and every landed file is a numbered point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from sync_engine.lake import Lake


class Killed(BaseException):
    """The process is dead from here on: no handler of the engine may mend anything, so it is no Exception."""


def die() -> None:
    """Raises; the default way to go."""
    raise Killed


class Executioner:
    """Counts the points of a run on one store, and kills at the chosen one; afterwards nothing on that store commits or connects."""

    def __init__(
        self, store: Engine, lake: Lake, *, at: int | None = None, deed: Callable[[], None] = die
    ) -> None:
        self.points: list[str] = []
        self.dead = False
        self._at, self._deed, self._put = at, deed, lake._put
        dialect: Any = store.dialect
        self._commit = dialect.do_commit
        dialect.do_commit = self._committing
        lake._put = self._putting  # type: ignore[method-assign]
        event.listen(store, "do_connect", self._connecting)

    def _reached(self, point: str) -> None:
        self.points.append(point)
        if len(self.points) == self._at:
            self.dead = True
            self._deed()

    def _connecting(self, *_: Any) -> None:
        if self.dead:
            raise Killed

    def _committing(self, connection: Any) -> None:
        if self.dead:
            raise Killed
        with connection.cursor() as cursor:
            wrote = cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone()[0]
        if not wrote:
            self._commit(connection)
            return
        self._reached("before a commit")
        self._commit(connection)
        self._reached("after a commit")

    def _putting(self, path: str, data: bytes) -> None:
        if self.dead:
            raise Killed
        self._put(path, data)
        self._reached(f"after {path.split('/')[1]} landed")
