"""Hinting: a small receiver for what sources tell by themselves, and the subscriptions that make them tell it.

A connector takes part by being one that `ReceivesWebhooks`. TLS ends at a proxy in front of us.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from sync_engine.config import SourceConfig
from sync_engine.errors import ConfigurationError, SyncError
from sync_engine.ops.runs.source_run import open_connector
from sync_engine.platform import notifications
from sync_engine.ports import Clock, ReceivesWebhooks, Wsgi

RENEW_EVERY = 12 * 3600.0
"""Seconds between two looks at the subscriptions, which live three days."""


class Subscription(NamedTuple):
    """What became of one subscription of a source: made, renewed, kept or refused, and why."""

    source: str
    resource: str
    outcome: str
    why: str = ""


def receivers(configs: Mapping[str, SourceConfig], clock: Clock) -> dict[str, Wsgi]:
    """The receivers of the sources whose YAML asks for notifications. Raises ConfigurationError when none does, or a secret is missing."""
    found: dict[str, Wsgi] = {}
    for source, config in configs.items():
        connector = open_connector(config, clock)
        receiver = (
            connector.receiver(partial(notifications.leave, source))
            if isinstance(connector, ReceivesWebhooks)
            else None
        )
        connector.close()
        if receiver is not None:
            found[source] = receiver
    if not found:
        raise ConfigurationError(
            "no source asks for notifications", todo="Write connection.hints (url and secret) into its YAML."
        )
    return found


def application(found: Mapping[str, Wsgi]) -> Wsgi:
    """One WSGI program for all of them: the last part of the path names the source."""

    def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        receiver = found.get(str(environ.get("PATH_INFO", "")).rstrip("/").rpartition("/")[2])
        if receiver is None:
            start("404 Not Found", [("Content-Length", "0")])
            return [b""]
        return receiver(environ, start)

    return answer


class _Quiet(WSGIRequestHandler):
    timeout = 20  # seconds for one request, or a silent caller would keep a thread

    def log_message(self, *_: object) -> None:
        """Says nothing: a request line holds a token."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def listening(program: Wsgi, host: str, port: int) -> Iterator[str]:
    """Answers in threads of its own until left; gives the local address. Raises ConfigurationError when the port cannot be had."""
    try:
        server = make_server(host, port, program, server_class=_Server, handler_class=_Quiet)
    except (OSError, OverflowError) as failure:
        raise ConfigurationError(
            f"cannot listen on {host} port {port} ({failure})", todo="Choose another --port."
        ) from None
    thread = threading.Thread(target=server.serve_forever, name="hints", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def subscribe(configs: Mapping[str, SourceConfig], clock: Clock) -> list[Subscription]:
    """Makes and renews the subscriptions of every source that asks for them; a source that fails is told and stops no other."""
    found: list[Subscription] = []
    for source, config in configs.items():
        connector = open_connector(config, clock)
        try:
            if isinstance(connector, ReceivesWebhooks):
                found += [Subscription(source, *one) for one in connector.subscribe()]
        except SyncError as error:
            found.append(Subscription(source, "(all)", "refused", str(error)))
        finally:
            connector.close()
    return found
