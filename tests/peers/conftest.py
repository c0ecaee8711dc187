"""Servers that a test starts itself, on loopback and with a folder of their own. One that is not installed fails the test: nothing skips."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from tests.connectors.sql.support import SECRET
from tests.simulators.sql import Admin, mariadb

PLACES = (*os.environ["PATH"].split(os.pathsep), "/usr/sbin", "/usr/local/sbin", "/usr/local/bin")


def program(*names: str) -> str:
    """A program of a package that has to be installed."""
    for name in names:
        if found := shutil.which(name, path=os.pathsep.join(PLACES)):
            return found
    pytest.fail(
        f"{names[0]} is not on this machine; on Debian: apt-get install mariadb-server", pytrace=False
    )


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def mariadb_port() -> Iterator[int]:
    """The port of a MariaDB whose root has no password; it lives as long as the session."""
    folder, port = Path(tempfile.mkdtemp(prefix="se-mariadb-")), free_port()
    account = ["--user=root"] if os.geteuid() == 0 else []
    said = subprocess.run(
        [program("mariadb-install-db", "mysql_install_db"), "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db",
         "--auth-root-authentication-method=normal", *account],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [program("mariadbd", "mysqld"), "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={folder / 's'}",
             f"--pid-file={folder / 'pid'}", f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin", "--sql-mode=", *account],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(port, folder / "server.log", server)
        yield port
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, log: Path, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
            return
        except pymysql.OperationalError:
            assert server.poll() is None, log.read_text(encoding="utf-8", errors="replace")
            assert time.monotonic() < until, log.read_text(encoding="utf-8", errors="replace")
            time.sleep(0.2)


@pytest.fixture
def maria(mariadb_port: int, monkeypatch: pytest.MonkeyPatch) -> Admin:
    """A new database on it, and a login that may read and write."""
    admin = mariadb(mariadb_port, f"erp_{uuid.uuid4().hex[:10]}")
    monkeypatch.setenv(SECRET, admin.password)
    return admin
