"""A disk that is really full: a file system of a few megabytes where it may be mounted, else a limit of the kernel on what may be written."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NO_SPACE = r"No space left on device|File too large"
"""What the kernel calls it, mounted or limited."""


class Disk:
    """A folder whose disk can be filled and freed. Without a mount, this process and what it starts may write only the beginning of a file."""

    def __init__(self, folder: Path, megabytes: int, *, kind: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._ballast = folder, folder / "ballast"
        self.is_mounted = kind == "mount" and _mounted(folder, megabytes)

    def fill(self, *, room: int = 100) -> None:
        """No byte more; or, without a mount, no file beyond `room` bytes."""
        if not self.is_mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            return
        with self._ballast.open("ab", buffering=0) as out:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while out.write(b"\0" * size):
                        pass

    def free(self) -> None:
        """Room again."""
        self._ballast.unlink(missing_ok=True)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def disk_on(folder: Path, megabytes: int, *, kind: str) -> Iterator[Disk]:
    """A disk mounted on `folder` for kind `mount`, where that is allowed; else limits stand in for it."""
    disk = Disk(folder, megabytes, kind=kind)
    try:
        yield disk
    finally:
        disk.free()
        if disk.is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounted(folder: Path, megabytes: int) -> bool:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(folder)]
    with suppress(OSError):
        return subprocess.run(mount, capture_output=True, check=False).returncode == 0
    return False
