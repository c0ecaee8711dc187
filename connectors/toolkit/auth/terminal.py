"""A secret that the settings refer to, or that a person at a terminal is asked for."""

from __future__ import annotations

import getpass
import sys

from connectors.toolkit.settings import SecretRef
from sync_engine.errors import ConfigurationError


def secret_or_asked(secret: SecretRef | None, *, what: str, setting: str) -> str:
    """The secret. What is asked for is stored nowhere. Raises ConfigurationError where nothing refers to it and nobody can be asked."""
    if secret is not None:
        return secret.resolve()
    if sys.stdin is not None and sys.stdin.isatty():
        return getpass.getpass(f"{what}: ")
    todo = f"Set {setting}, or run at a terminal, which asks for it."
    raise ConfigurationError(f"{what} is not set", key=setting, todo=todo)
