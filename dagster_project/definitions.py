"""Loads the defs folder and nothing else: SYNC_ENGINE_DEFS, or the one packaged here."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType

import dagster as dg

from sync_engine.config import load_sources
from sync_engine.errors import SyncError
from sync_engine.platform.home import defs_folder

FOLDER_AS_MODULE = "sync_engine_defs"


@dg.definitions
def definitions() -> dg.Definitions:
    """Every source of the configured folder."""
    return load(defs_folder())


def load(folder: Path) -> dg.Definitions:
    """The definitions of a folder, which may be anywhere. Raises ConfigurationError naming the file and key, or the name used twice."""
    load_sources(folder)
    tree = dg.ComponentTree.from_module(defs_module=_as_module(folder), project_root=folder.parent)
    try:
        with (
            warnings.catch_warnings()
        ):  # that components are new is decided and known; nobody needs it in every log
            warnings.simplefilter("ignore", dg.BetaWarning)
            warnings.simplefilter("ignore", dg.PreviewWarning)
            loaded = tree.build_defs()
    except Exception as error:
        if (ours := _ours(error)) is not None:
            raise ours from None
        raise
    return dg.Definitions.merge(loaded, dg.Definitions(executor=dg.in_process_executor))


def _as_module(folder: Path) -> ModuleType:
    """Dagster takes a defs folder as a module; ours need not be a package of anybody's."""
    module = ModuleType(FOLDER_AS_MODULE)
    module.__file__, module.__path__ = str(folder / "__init__.py"), [str(folder)]
    sys.modules[FOLDER_AS_MODULE] = module
    return module


def _ours(error: BaseException | None) -> SyncError | None:
    """Our own sentence inside what Dagster wraps around it."""
    while error is not None and not isinstance(error, SyncError):
        error = error.__cause__ or error.__context__
    return error
