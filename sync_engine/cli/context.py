"""The store, lake and clock as a command opens them: whatever was opened is closed when the command line ends."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from sync_engine.ops.runs.source_run import Runtime

AT_THE_END = ExitStack()


def open_store() -> Engine:
    """The migrated store. Raises ConfigurationError, StoreError, TransientError."""
    from sync_engine.ops.runs import environment

    _started()
    store = environment.open_store()
    AT_THE_END.callback(store.dispose)
    return store


def open_runtime() -> Runtime:
    """Store, lake and clock. Raises ConfigurationError, StoreError, TransientError."""
    from sync_engine.ops.runs import environment

    _started()
    runtime = environment.open_runtime()
    AT_THE_END.callback(runtime.store.dispose)
    return runtime


def _started() -> None:
    """From here on garbage is collected again, but not looked for among the modules that are loaded."""
    gc.freeze()
    gc.enable()
