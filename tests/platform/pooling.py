"""A pool of connections in front of a PostgreSQL, as PgBouncer is one: it hands its sessions of the server to whoever asks next."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.engine import make_url

from sync_engine.platform.urls import rendered

ENCRYPTION = (80877103, 80877104)
"""What a client asks first: whether to speak TLS or GSSAPI."""
Message = tuple[bytes, bytes]


@dataclass
class Wire:
    """One end of a connection, message by message."""

    socket: socket.socket

    def exactly(self, n: int) -> bytes:
        """The next n bytes. Raises ConnectionError at the end."""
        found = b""
        while len(found) < n:
            part = self.socket.recv(n - len(found))
            if not part:
                raise ConnectionError
            found += part
        return found

    def message(self) -> Message:
        """The next message: its kind and its body."""
        kind, length = self.exactly(1), struct.unpack("!I", self.exactly(4))[0]
        return kind, self.exactly(length - 4)

    def send(self, message: Message) -> None:
        """Says a message."""
        self.socket.sendall(message[0] + struct.pack("!I", len(message[1]) + 4) + message[1])

    def first(self) -> bytes:
        """The message a client begins with, which has no kind; encryption is declined."""
        while True:
            length = struct.unpack("!I", self.exactly(4))[0]
            body = self.exactly(length - 4)
            if struct.unpack("!I", body[:4])[0] not in ENCRYPTION:
                return struct.pack("!I", length) + body
            self.socket.sendall(b"N")


@dataclass
class Pool:
    """`mode` transaction: a session is given back after every transaction. `mode` session: when the client leaves."""

    target: str
    mode: Literal["transaction", "session"]
    idle: list[tuple[Wire, list[Message]]] = field(default_factory=list)
    opened: list[Wire] = field(default_factory=list)
    clients: int = 0

    def serve(self, client: Wire) -> None:
        """One client, until it leaves."""
        with client.socket, suppress(ConnectionError, OSError):
            self._serve(client)

    def _serve(self, client: Wire) -> None:
        opening = client.first()
        self.clients += 1
        wire, greeting = self._session(opening)
        for kind, body in greeting:
            client.send((kind, struct.pack("!II", self.clients, 1)) if kind == b"K" else (kind, body))
        held: Wire | None = wire if self.mode == "session" else None
        if held is None:
            self.idle.append((wire, greeting))
        try:
            while (asked := client.message())[0] != b"X":
                held = held or self._session(opening)[0]
                held.send(asked)
                if asked[0] in b"QSc" and self._answered(held, client) == b"I" and self.mode == "transaction":
                    self.idle.append((held, greeting))
                    held = None
        finally:
            if held is not None:
                held.socket.close()

    def _session(self, opening: bytes) -> tuple[Wire, list[Message]]:
        if self.idle:
            return self.idle.pop()
        wire = Wire(socket.socket(socket.AF_UNIX))
        self.opened.append(wire)
        wire.socket.connect(self.target)
        wire.socket.sendall(opening)
        greeting = [wire.message()]
        while greeting[-1][0] not in b"ZE":
            greeting.append(wire.message())
        return wire, greeting

    @staticmethod
    def _answered(server: Wire, client: Wire) -> bytes:
        """Hands an answer over; how the session stands after it, or nothing while the client copies rows in."""
        while True:
            said = server.message()
            client.send(said)
            if said[0] == b"Z":
                return said[1]
            if said[0] == b"G":
                return b""


@contextmanager
def pool_before(url: str, mode: Literal["transaction", "session"]) -> Iterator[str]:
    """A pool before the server of this URL; gives the URL that leads through it."""
    there = make_url(url)
    pool = Pool(f"{there.query['host']}/.s.PGSQL.{there.query.get('port', 5432)}", mode)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    one, _ = listening.accept()
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=pool.serve, args=(Wire(one),), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield rendered(there.set(host="127.0.0.1", port=listening.getsockname()[1], query={}))
        listening.shutdown(socket.SHUT_RDWR)
    for wire in pool.opened:
        wire.socket.close()
