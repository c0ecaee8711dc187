"""The version of a mapping: another one makes the engine read the lake again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel

import mappings


def mapping_version(package: str, settings: BaseModel) -> str:
    """A hash of everything that decides what a payload becomes: the sources of the toolkit and of `mappings.<package>`, the settings.

    Line ends do not count. Returns 32 hexadecimal digits.
    """
    root, found = Path(mappings.__file__).parent, hashlib.sha256()
    for folder in ("toolkit", package):
        for source in sorted((root / folder).rglob("*.py")):
            found.update(
                f"{source.relative_to(root).as_posix()}\0".encode()
                + source.read_bytes().replace(b"\r\n", b"\n")
            )
    found.update(settings.model_dump_json().encode())
    return found.hexdigest()[:32]
