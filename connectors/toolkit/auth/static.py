"""Logins that never change: a user with a key, and headers that hold tokens."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from connectors.toolkit.auth.login import Login
from connectors.toolkit.settings import SecretRef
from sync_engine.errors import ConfigurationError


@dataclass
class BasicLogin(Login):
    """A user with a key. ASCII only: servers do not agree on what other characters mean. [RFC 7617, 2.1]"""

    user: str
    key: SecretRef
    _header: str | None = field(default=None, init=False, repr=False)

    def headers(self, request: httpx.Request) -> Mapping[str, str]:
        """Raises ConfigurationError when the key is missing or not ASCII."""
        if self._header is None:
            pair = f"{self.user}:{self.key.resolve()}"
            if not pair.isascii():
                raise ConfigurationError(
                    "the user or its key has characters outside ASCII",
                    key="auth",
                    todo="Use a user and key in plain ASCII.",
                )
            self._header = "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")
        return {"Authorization": self._header}


@dataclass
class StaticHeaders(Login):
    """Headers whose values are secrets, such as the tokens of an app and of its customer."""

    values: Mapping[str, SecretRef]
    _resolved: Mapping[str, str] | None = field(default=None, init=False, repr=False)

    def headers(self, request: httpx.Request) -> Mapping[str, str]:
        """Raises ConfigurationError when one is missing, or holds what no header can."""
        if self._resolved is None:
            found = {name: secret.resolve() for name, secret in self.values.items()}
            for name, value in found.items():
                if not (value.isascii() and value.isprintable()):
                    raise ConfigurationError(
                        f"the secret for the header {name} has characters that no header holds",
                        key="auth",
                        todo=f"Put the token alone into {self.values[name]}.",
                    )
            self._resolved = found
        return self._resolved
