"""Which certificate authorities an https host is checked by."""

from __future__ import annotations

import ssl

from sync_engine.errors import (
    ConfigurationError,
)


def tls(verify: bool | str) -> ssl.SSLContext | bool:
    """What httpx takes for `verify`: the system's authorities, or those of a file; raises ConfigurationError."""
    if isinstance(verify, bool):
        return verify
    try:
        return ssl.create_default_context(cafile=verify)
    except (OSError, ssl.SSLError) as failure:
        raise ConfigurationError(
            f"the file of authorities {verify} cannot be used ({type(failure).__name__})",
            key="verify",
            todo="Give a PEM file that exists.",
        ) from None
