"""Rows that must be put in order before they can be used, kept in a file without a name: memory holds only where they are."""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sync_engine.errors import ConfigurationError

_ROOM = 1 << 32


class ExternalSort:
    """Rows by two numbers, given back grouped by the first and in the order of the second; 20 bytes of memory a row.

    The file vanishes with the object, also when nobody closes it.
    """

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="sync-engine-")
        Path(name).unlink()
        self._file, self._end = handle, 0
        self._marks, self._starts, self._sizes = array("q"), array("q"), array("i")
        weakref.finalize(self, os.close, handle)

    def add(self, group: int, place: int, row: bytes) -> None:
        """Keeps a row. Raises ConfigurationError when the disk is full."""
        try:
            written = os.pwrite(self._file, row, self._end)
        except OSError as failure:
            raise self._full(failure) from None
        if written < len(row):
            raise self._full(None)
        self._marks.append(group * _ROOM + place)
        self._starts.append(self._end)
        self._sizes.append(len(row))
        self._end += len(row)

    def groups(self) -> Iterator[tuple[int, list[bytes]]]:
        """Each group with its rows; of rows with the same two numbers the one that was added last."""
        marks = self._marks
        order = sorted(range(len(marks)), key=marks.__getitem__)
        for group, places in groupby(order, key=lambda place: marks[place] // _ROOM):
            last = {marks[place]: place for place in places}
            yield (
                group,
                [os.pread(self._file, self._sizes[place], self._starts[place]) for place in last.values()],
            )

    def _full(self, failure: OSError | None) -> ConfigurationError:
        why = failure.strerror if failure is not None else "no room left"
        return ConfigurationError(
            f"rows cannot be put in order in {tempfile.gettempdir()} ({why})",
            key="TMPDIR",
            todo="Make room there, or set TMPDIR.",
        )
