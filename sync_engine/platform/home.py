"""Where the engine keeps its things: the home folder, the lake in it, and the folder of source definitions."""

from __future__ import annotations

import importlib.util
import os
import stat
from pathlib import Path
from typing import IO, Any

from sync_engine.errors import ConfigurationError


def project_root() -> Path | None:
    """The clone the engine runs from; None where it was installed as a package."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def home() -> Path:
    """The folder for lake and data: SYNC_ENGINE_HOME, else `.home` in the clone, else `~/.sync-engine`. It is made when missing.

    Raises ConfigurationError when it cannot be made or belongs to somebody else.
    """
    root = project_root()
    folder = _from_environment("SYNC_ENGINE_HOME") or (
        root / ".home" if root else Path.home() / ".sync-engine"
    )
    return made(folder)


def made(folder: Path, *, walked_through: bool = True) -> Path:
    """Makes a private folder of the engine and its missing parents; a folder that exists keeps its permissions.

    As root it can be walked through, though not listed, by others where the database server, an account of its own, has to.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o711 if walked_through and os.geteuid() == 0 else 0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {folder} cannot be made ({error.strerror})",
            todo="Set SYNC_ENGINE_HOME to a folder you may write to.",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"the folder {folder} belongs to another user",
            todo="Set SYNC_ENGINE_HOME to a folder you may write to.",
        )
    return folder


def private_folder(folder: Path) -> None:
    """Makes a folder and its missing parents, each for its owner alone, whatever the umask; those that exist keep their permissions."""
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def private_file(file: Path, mode: str, *, newline: str | None = None) -> IO[Any]:
    """Opens a file for writing (`w`, `wb` or `x`), readable by its owner alone, whatever the umask and whoever could read it before.

    Texts are UTF-8. Raises OSError.
    """

    def opened(path: str, flags: int) -> int:
        handle = os.open(path, flags, 0o600)
        if stat.S_ISREG(os.fstat(handle).st_mode):  # not /dev/stdout
            os.fchmod(handle, 0o600)
        return handle

    return open(file, mode, encoding=None if "b" in mode else "utf-8", newline=newline, opener=opened)


def lake_url() -> str:
    """Where landed files go: SYNC_ENGINE_LAKE (a path or any fsspec URL), else `lake` in the home folder."""
    configured = os.environ.get("SYNC_ENGINE_LAKE", "").strip()
    if "://" in configured:
        return configured
    return str(_from_environment("SYNC_ENGINE_LAKE") or home() / "lake")


def engine_environment() -> str:
    """Whether this engine is the real one or one to try things with: SYNC_ENGINE_ENVIRONMENT, `production` when it says nothing.

    Raises ConfigurationError for another word.
    """
    said = os.environ.get("SYNC_ENGINE_ENVIRONMENT", "").strip() or "production"
    if said not in ("production", "test"):
        raise ConfigurationError(
            f"SYNC_ENGINE_ENVIRONMENT says {said!r}", todo="Say production or test, or leave it out."
        )
    return said


def defs_folder() -> Path:
    """The folder of source YAMLs: SYNC_ENGINE_DEFS, else `defs` of the package `dagster_project`.

    Raises ConfigurationError when it is not there.
    """
    folder = _from_environment("SYNC_ENGINE_DEFS") or _packaged_defs()
    if not folder.is_dir():
        raise ConfigurationError(
            f"the folder of source definitions {folder} does not exist",
            todo="Make it, or set SYNC_ENGINE_DEFS to the folder that has them.",
        )
    return folder


def _packaged_defs() -> Path:
    spec = importlib.util.find_spec("dagster_project")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "the package dagster_project is not installed",
            todo="Set SYNC_ENGINE_DEFS to the folder of source definitions.",
        )
    return Path(spec.submodule_search_locations[0]) / "defs"


def _from_environment(name: str) -> Path | None:
    value = os.environ.get(name, "").strip()
    return Path(value).expanduser().absolute() if value else None
