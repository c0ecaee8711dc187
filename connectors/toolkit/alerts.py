"""Alerts on their way: a webhook over HTTP, everything else by the library apprise, which is an extra."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import msgspec

from connectors.toolkit.http.client import HttpClient
from connectors.toolkit.http.limits import Limits
from connectors.toolkit.settings import is_loopback
from sync_engine.errors import ConfigurationError, TransientError
from sync_engine.ports import Clock

WHOSE = "alerts"
_LIMITS = Limits(connect=10, read=20, concurrent=1)


class Sender:
    """`https://...` takes a JSON document by POST; any other address is one of apprise's, such as slack://, msteams:// or mailtos://.

    The document has `title`, `lines` and `text`, all of it in one, which is what incoming webhooks of Slack and its kin show.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    def send(self, address: str, title: str, lines: Sequence[str], clock: Clock) -> None:
        """Sends one message; see the port."""
        if address.startswith("https://") or (address.startswith("http://") and is_loopback(address)):
            self._post(address, title, lines, clock)
        elif address.startswith("http://"):
            raise ConfigurationError(
                "a webhook must be https: its address is a secret",
                whose=WHOSE,
                todo="Correct SYNC_ENGINE_ALERTS.",
            )
        else:
            _by_apprise(address, title, lines)

    def _post(self, address: str, title: str, lines: Sequence[str], clock: Clock) -> None:
        document = {"title": title, "lines": list(lines), "text": "\n".join([title, *lines])}
        with HttpClient(whose=WHOSE, clock=clock, transport=self._transport, limits=_LIMITS) as client:
            client.write("POST", address, msgspec.json.encode(document), key="webhook")


def _by_apprise(address: str, title: str, lines: Sequence[str]) -> None:
    scheme = address.partition("://")[0][:20]
    try:
        import apprise
    except ImportError:
        raise ConfigurationError(
            f"an address that begins with {scheme}:// is read through the package apprise, which is not installed",
            whose=WHOSE,
            todo="Install the engine with its extra: pip install 'sync-engine[alerts]'; a webhook (https://) needs no package.",
        ) from None
    messenger = apprise.Apprise()
    if not messenger.add(address):
        raise ConfigurationError(
            f"the address that begins with {scheme}:// is none of apprise's",
            whose=WHOSE,
            todo="Write it as https://appriseit.com lists it.",
        )
    try:
        is_sent = messenger.notify(title=title, body="\n".join(lines))
    except Exception as error:  # noqa: BLE001 - a library of a hundred services: its text may hold the address
        raise TransientError(f"{scheme}:// could not be sent ({type(error).__name__})", whose=WHOSE) from None
    if not is_sent:
        raise TransientError(f"{scheme}:// did not take the message", whose=WHOSE)


sender = Sender()
