"""Serves a simulator on 127.0.0.1 over HTTP/1.1 with keep-alive, in the clear or with a fresh TLS authority."""

import ipaddress
import shutil
import ssl
import tempfile
import threading
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.simulators.business_central.app import BusinessCentralSimulator
from tests.simulators.business_central.http import ConnectionDropped, Request


@dataclass
class ServerHandle:
    """A running server; `ca_file` is what a client must trust when it speaks TLS. Usable with `with`."""

    url: str
    ca_file: str | None
    _server: ThreadingHTTPServer
    _folder: str | None = None
    _thread: threading.Thread | None = field(default=None, repr=False)

    def close(self) -> None:
        """Stop listening and remove the certificates."""
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def serve(simulator: BusinessCentralSimulator, port: int = 0, tls: bool = True) -> ServerHandle:
    """Listen on 127.0.0.1 (any free port by default) in threads of their own."""
    server = _Server(("127.0.0.1", port), _handler_for(simulator, "https" if tls else "http"))
    folder = ca_file = None
    if tls:
        folder = tempfile.mkdtemp(prefix="bc-simulator-")
        ca_file = _certificates(Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="bc-simulator")
    thread.start()
    scheme = "https" if tls else "http"
    if simulator.webhooks.notify is None:
        simulator.webhooks.notify = post_to_loopback
    return ServerHandle(f"{scheme}://127.0.0.1:{server.server_address[1]}", ca_file, server, folder, thread)


def _handler_for(simulator: BusinessCentralSimulator, scheme: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {k.lower(): v for k, v in self.headers.items()}
            host = headers.get("host", "127.0.0.1")
            request = Request(self.command, unquote(parts.path), parts.query, headers, body, scheme, host)
            try:
                status, fields, content = simulator.handle(request).finished()
            except ConnectionDropped as dropped:
                self._hang_up(dropped)
                return
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in fields:
                if name != "Date":  # the server says its own
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def _hang_up(self, dropped: ConnectionDropped) -> None:
            self.close_connection = True
            if dropped.sent:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(2 * len(dropped.sent) + 1))
                self.end_headers()
                self.wfile.write(dropped.sent)
                self.wfile.flush()

        def log_message(self, *args: object) -> None:
            """The simulator keeps its own log."""

    for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    return Handler


def post_to_loopback(url: str, body: bytes) -> tuple[int, bytes]:
    """Post a webhook notification, to this machine only."""
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return 0, b""
    request = urllib.request.Request(
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status), answer.read()
    except HTTPError as refused:
        return refused.code, b""
    except OSError:
        return 503, b""


def _certificates(folder: Path) -> str:
    """An authority and a certificate for 127.0.0.1 and localhost, good for two days; gives the authority's file."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    authority = (
        _builder(issuer, issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    )
    own = (
        _builder(subject, issuer, key)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    server = folder / "server.pem"
    server.touch(mode=0o600)
    server.write_bytes(private + own.public_bytes(pem))
    return str(folder / "ca.pem")


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
    )


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, signs, signs, False, False)
