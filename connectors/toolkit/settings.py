"""What the settings of connectors share: unknown keys are refused, secrets are references, time-outs have the same names."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from sync_engine.errors import ConfigurationError


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this very machine, the only place where plain http carries a login."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Strict(BaseModel):
    """Refuses keys nobody reads, so that a typo is not silence; says of a wrong value which one, never what stood there."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


def _safe_address(url: str) -> str:
    if not url.startswith("https://") and not (url.startswith("http://") and is_loopback(url)):
        raise ValueError("must be https: a token is never sent in the clear")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_safe_address)]
"""The address of a service that a login goes to, without a slash at its end."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone name such as Europe/Copenhagen") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
"""A name such as Europe/Copenhagen."""


class Timeouts(Strict):
    """Seconds."""

    connect: float = Field(default=15.0, gt=0, description="Seconds to wait for a connection.")
    read: float = Field(default=180.0, gt=0, description="Seconds to wait for the next part of an answer.")


class SecretRef:
    """Where a secret is kept: `env:NAME` or `file:/path`.

    As a pydantic type it refuses anything else with a ConfigurationError that names the setting and hides what stood there.
    Its text is the reference, so it may be printed; the secret itself is only in what `resolve` returns.
    """

    __slots__ = ("_kind", "_where")

    def __init__(self, reference: str, *, setting: str = "secret") -> None:
        kind, colon, where = reference.partition(":")
        if kind not in ("env", "file") or not colon or not where.strip():
            raise ConfigurationError(
                "the secret itself stands in the settings",
                key=setting,
                todo="Write env:NAME (a variable) or file:/path (a file with nothing else in it), and replace the secret: it was exposed.",
            )
        self._kind, self._where = kind, where.strip()

    def resolve(self) -> str:
        """The secret, stripped; raises ConfigurationError when the variable or file is missing or empty."""
        return self._from_env() if self._kind == "env" else self._from_file()

    def _from_env(self) -> str:
        secret = os.environ.get(self._where, "").strip()
        if not secret:
            raise ConfigurationError(
                f"the environment variable {self._where} is not set",
                todo=f"Set {self._where} where the engine runs, then start again.",
            )
        return secret

    def _from_file(self) -> str:
        try:
            secret = Path(self._where).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as failure:
            raise ConfigurationError(
                f"the secret file {self._where} cannot be read ({type(failure).__name__})",
                todo="Create it, readable by the engine's user only.",
            ) from None
        if not secret:
            raise ConfigurationError(
                f"the secret file {self._where} is empty", todo="Put the secret into it."
            )
        return secret

    def __repr__(self) -> str:
        return f"SecretRef({str(self)!r})"

    def __str__(self) -> str:
        return f"{self._kind}:{self._where}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretRef) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any, info: core_schema.ValidationInfo) -> SecretRef:
            if isinstance(value, SecretRef):
                return value
            return cls(value if isinstance(value, str) else "", setting=info.field_name or "secret")

        return core_schema.with_info_plain_validator_function(
            read, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": "^(env|file):.+",
            "examples": ["env:ERP_CLIENT_SECRET", "file:/run/secrets/erp"],
        }
