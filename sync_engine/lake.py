"""The lake: raw records as received, one zstd-compressed NDJSON file a batch, append-only.

A line is `{"key": ..., "record": <the record, byte for byte>}`, so that DuckDB reads it as it stands and a replay needs no
connector; a record that could not be read has a third member, `unreadable`, that says why. A file is written, synced and
renamed before its manifest row commits; an orphan file is harmless.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec
import xxhash
import zstandard

from sync_engine.errors import LandedFileDamaged, StoreError
from sync_engine.platform.home import private_file, private_folder
from sync_engine.platform.object_store import failures_of_files, file_system
from sync_engine.records import Landed, RawRecord

LEVEL = 1
"""zstd level: landing must not be slower than the network."""


ROOM = "Free or grow the disk behind SYNC_ENGINE_HOME"
REACH = "See whether SYNC_ENGINE_LAKE is reached and may be written with its credentials"
MISSING, EMPTY, ALTERED = "is missing", "is empty", "does not hold what was landed: its checksum is another"


class _Line(msgspec.Struct):
    key: str
    record: msgspec.Raw
    unreadable: str = ""


_lines, _line = msgspec.json.Decoder(_Line).decode_lines, msgspec.json.Decoder(_Line).decode
_quoted = msgspec.json.Encoder().encode


class LandedRecords(NamedTuple):
    """What a landed file holds: (key, payload) pairs in order, and of those that could not be read, by key, why."""

    records: list[tuple[str, bytes]]
    unreadable: dict[str, str]


class Lake:
    """Writes and reads landed files below a folder or any fsspec location. Raises StoreError when storage fails.

    Opening one raises ConfigurationError where the package of an object store is not installed.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._local = Path(self.root) if "://" not in self.root else None
        if self._local is None:
            file_system(self.root)

    def write(
        self, source: str, entity: str, run_id: UUID, number: int, records: Sequence[RawRecord]
    ) -> Landed:
        """Lands one batch; the file is on disk when this returns."""
        return self._written(f"{source}/{entity}/{run_id}/{number:06d}.ndjson.zst", records)

    def _written(self, path: str, records: Sequence[RawRecord]) -> Landed:
        body = b"".join(
            b'{"key":%b,"record":%b%b}\n' % (_quoted(r.key), _one_line(r.payload), _why(r.unreadable))
            for r in records
        )
        packed = zstandard.ZstdCompressor(level=LEVEL).compress(body)
        try:
            self._put(path, packed)
        except OSError as error:
            raise StoreError(
                f"the lake could not be written ({error.strerror or type(error).__name__})",
                whose=path.partition("/")[0],
                key=path,
                todo=f"{ROOM if self._local else REACH}; nothing was recorded, the next run reads it again.",
            ) from error
        return Landed(path, len(records), len(packed), xxhash.xxh3_128_hexdigest(packed))

    def read(self, path: str, checksum: str | None = None) -> list[tuple[str, bytes]]:
        """The (key, payload) pairs of one landed file. Raises what `landed` raises."""
        return self.landed(path, checksum).records

    def landed(self, path: str, checksum: str | None = None) -> LandedRecords:
        """The records of one landed file. Raises LandedFileDamaged when it is missing or not what was landed."""
        try:
            packed = self._get(path)
        except OSError as error:
            raise _damaged(path, _unread(error)) from error
        if checksum is not None and xxhash.xxh3_128_hexdigest(packed) != checksum:
            raise _damaged(path, ALTERED if packed else EMPTY)
        try:
            lines = _unpacked(packed)
        except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError):
            raise _damaged(path, ALTERED) from None  # the parser's words quote what it read
        return LandedRecords(
            [(line.key, bytes(line.record)) for line in lines],
            {line.key: line.unreadable for line in lines if line.unreadable},
        )

    def damage_of(self, path: str, checksum: str, size: int) -> str | None:
        """What is wrong with a landed file, as the end of a sentence that begins with it; None when it is what was landed."""
        try:
            packed = self._get(path)
        except OSError as error:
            return _unread(error)
        if xxhash.xxh3_128_hexdigest(packed) == checksum:
            return None
        if len(packed) < size:
            return f"is cut short: {len(packed):,} of {size:,} bytes are there" if packed else EMPTY
        return ALTERED

    def without(self, path: str, checksum: str, keys: Collection[str], place: str) -> Landed | None:
        """Writes a landed file again without the records of some keys, beside it; None where it holds none of them.

        `place` makes its name another one, so that the file it replaces is whole until nobody refers to it any more. Raises what `landed`
        and `write` raise.
        """
        found = self.landed(path, checksum)
        kept = [(key, record) for key, record in found.records if key not in keys]
        if len(kept) == len(found.records):
            return None
        new = path.replace(".ndjson.zst", f".{place}.ndjson.zst")
        return self._written(
            new, [RawRecord(key, record, None, found.unreadable.get(key, "")) for key, record in kept]
        )

    def remove(self, path: str) -> None:
        """Removes a file; one that is gone already is gone."""
        try:
            if self._local is not None:
                (self._local / path).unlink(missing_ok=True)
                return
            system, name = file_system(f"{self.root}/{path}")
            with failures_of_files():
                if system.exists(name):
                    system.rm(name)
        except OSError as error:
            raise StoreError(
                f"a file of the lake could not be removed ({error.strerror or type(error).__name__})",
                key=path,
            ) from error

    def files(self, source: str) -> Iterable[str]:
        """Every file of a source, committed or orphaned, relative to the lake."""
        system, base = file_system(f"{self.root}/{source}")
        try:
            with failures_of_files():
                return [f"{source}{name.removeprefix(base)}" for name in system.find(base)]
        except OSError as error:
            raise StoreError(
                f"the files of the lake could not be listed ({error.strerror})",
                whose=source,
                todo=f"{REACH}.",
            ) from error

    def _put(self, path: str, data: bytes) -> None:
        if self._local is None:
            system, name = file_system(f"{self.root}/{path}")
            with failures_of_files():
                system.makedirs(name.rpartition("/")[0], exist_ok=True)
                with system.open(name, "wb") as out:
                    out.write(data)
            return
        target = self._local / path
        private_folder(target.parent)
        draft = target.with_suffix(".part")
        try:
            with private_file(draft, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)  # on a full disk every run would leave another half
            raise
        _sync_folder(target.parent)

    def _get(self, path: str) -> bytes:
        if self._local is not None:
            return (self._local / path).read_bytes()
        system, name = file_system(f"{self.root}/{path}")
        with failures_of_files(), system.open(name, "rb") as source:
            return bytes(source.read())


class KeptInMemory(Lake):
    """A lake for a rehearsal: what is landed is kept in memory and gone with it; what was landed before is read from `below`."""

    def __init__(self, below: Lake) -> None:
        super().__init__(below.root)
        self._held: dict[str, bytes] = {}

    def _put(self, path: str, data: bytes) -> None:
        self._held[path] = data

    def _get(self, path: str) -> bytes:
        return self._held[path] if path in self._held else super()._get(path)


def _unpacked(packed: bytes) -> list[_Line]:
    body = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    try:
        return _lines(body)
    except RecursionError:
        return [_shallow(line) for line in body.splitlines()]


def _unread(error: OSError) -> str:
    return (
        MISSING
        if isinstance(error, FileNotFoundError)
        else f"cannot be read ({error.strerror or type(error).__name__})"
    )


def _damaged(path: str, damage: str) -> LandedFileDamaged:
    return LandedFileDamaged(
        f"the landed file {damage}",
        key=path,
        damage=damage,
        todo="`sync-engine lake verify` says which batch it is and what heals it.",
    )


def _why(unreadable: str) -> bytes:
    return b',"unreadable":' + _quoted(unreadable) if unreadable else b""


def _one_line(payload: bytes) -> bytes:
    return (
        payload
        if b"\n" not in payload and b"\r" not in payload
        else payload.replace(b"\r", b" ").replace(b"\n", b" ")
    )


def _shallow(line: bytes) -> _Line:
    """A line whose record may be nested deeper than the parser goes from where it stands."""
    try:
        return _line(line)
    except RecursionError:
        head, _, _ = line.partition(b',"record":')
        return _Line(_line(head + b',"record":null}').key, msgspec.Raw(b"null"), "is nested too deep")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
