"""Hints: somebody said that something changed in a source, so its lane need not wait for the clock.

A hint is an empty file below the home folder, so who hears it and who starts lanes need not share a process. It says when to
look, never what is there: polling stays the truth, and a hint that is lost costs a quarter of an hour.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from sync_engine.platform.home import home

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


def _place(source: str) -> Path:
    return home() / "hints" / source


def leave(source: str, entity: str) -> None:
    """Records that a wire entity or family of a source was heard of. Raises OSError, and ValueError for what is no plain name."""
    if not (_NAME.fullmatch(source) and _NAME.fullmatch(entity)):
        raise ValueError("a hint names a source and one of its entities")
    place = _place(source)
    place.mkdir(parents=True, exist_ok=True)
    (place / entity).touch()


def waiting(source: str) -> dict[str, datetime]:
    """Wire entities or families of a source that were heard of, and when last."""
    place = _place(source)
    if not _NAME.fullmatch(source) or not place.is_dir():
        return {}
    return {hint.name: datetime.fromtimestamp(hint.stat().st_mtime, UTC) for hint in place.iterdir()}


def take(source: str, until: datetime) -> None:
    """Removes hints not younger than `until`, once a lane was started for them; what was heard of again since stays."""
    for name, at in waiting(source).items():
        if at <= until:
            (_place(source) / name).unlink(missing_ok=True)
