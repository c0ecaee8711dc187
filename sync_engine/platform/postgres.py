"""The database: the server that is configured, or a private PostgreSQL 18 under the home folder.

The private server listens on a unix socket in a folder that only its owner can enter. It is started by whoever needs it
first, goes on running when that process ends, and is stopped by `stop()`. Several processes may ask at once: a file lock
lets one of them start it, the others attach.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from sync_engine.errors import ConfigurationError
from sync_engine.platform import account, urls
from sync_engine.platform.home import home, made

DATABASE = "sync_engine"
_SUPERUSER = "postgres"
_LONGEST_SOCKET = 100  # bytes; Linux takes 107 for a socket's whole path, macOS 103
_PATIENCE = 60.0  # seconds a start or a recovery may take

_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "shared_buffers": "256MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "2GB",
        "wal_level": "minimal",  # one machine, no replicas: less log for bulk loads
        "max_wal_senders": "0",
        "checkpoint_timeout": "15min",
        "max_connections": "200",
        "random_page_cost": "1.1",
        "jit": "off",  # costs more than it gives at our sizes, and the wheel has no LLVM
        "dynamic_shared_memory_type": "sysv",  # posix needs /dev/shm, which containers keep at 64 MB: parallel joins would fail
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
        "log_error_verbosity": "terse",  # the detail of an error shows the values of a row: personal data has no place in a log
        "log_min_error_statement": "panic",
    }
)


def database_url() -> str:
    """The store's URL for SQLAlchemy: SYNC_ENGINE_DATABASE_URL, else the embedded server, started when it is not running.

    SYNC_ENGINE_POSTGRES_PORT makes the embedded server listen on that port of 127.0.0.1 too (roles need a password there).
    Raises ConfigurationError.
    """
    configured = os.environ.get("SYNC_ENGINE_DATABASE_URL", "").strip()
    if configured:
        return urls.sqlalchemy_url(configured)
    port = os.environ.get("SYNC_ENGINE_POSTGRES_PORT", "").strip()
    if port and not port.isdecimal():
        raise ConfigurationError(
            f"SYNC_ENGINE_POSTGRES_PORT is {port!r}", todo="It is a number, for example 5433."
        )
    return EmbeddedPostgres(home(), port=int(port) if port else None).start()


@dataclass(frozen=True)
class _Postmaster:
    """What the server's pid file says."""

    pid: int
    port: int
    socket_folder: str
    is_ready: bool


class EmbeddedPostgres:
    """The private server of one home folder."""

    def __init__(
        self, home: Path, *, port: int | None = None, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """`port` opens 127.0.0.1 beside the socket; `settings` are server settings over our own. Both count when it starts."""
        self._link = home.absolute() / "postgres"
        self._lock_file = home.absolute() / "postgres.lock"
        self._socket_note = home.absolute() / "postgres.socket"
        self._port = port
        self._settings = {**_SETTINGS, **settings}
        self.started_here = False
        """Whether this object started the server, and did not find it running."""

    @property
    def folder(self) -> Path:
        """Where data, log and socket lie."""
        return self._link.resolve()

    @property
    def pid(self) -> int | None:
        """The server's process, None when it is not running."""
        found = self._postmaster()
        return found.pid if found else None

    def url(self, database: str = DATABASE) -> str:
        """The URL for SQLAlchemy of a database of the running server. Raises ConfigurationError when it is not running."""
        found = self._postmaster()
        if found is None:
            raise ConfigurationError(
                f"the embedded PostgreSQL in {self._link} is not running", todo="Start it first."
            )
        return _url(found, database)

    def start(self) -> str:
        """Attaches to the server, or starts it, and makes the database when it is missing; returns its URL.

        Raises ConfigurationError with the end of the server's log when it does not come up.
        """
        found = self._postmaster()
        if found and found.is_ready and _answers(found):
            return _url(found, DATABASE)
        made(self._link.parent)
        with self._locked():
            self._bring_up()
            _make_database(self.url("postgres"))
            return self.url()

    def stop(self) -> None:
        """Stops the server, whoever started it; open transactions are rolled back. Nothing happens when it is not running."""
        if not self._link.exists():
            return
        with self._locked():
            if self._postmaster() is not None:
                self._control("stop", "-m", "fast")

    def remove(self) -> None:
        """Stops the server and deletes its database, for good."""
        self.stop()
        note = self._socket_note
        for folder in [self.folder, *([Path(note.read_text(encoding="utf-8"))] if note.exists() else [])]:
            shutil.rmtree(folder, ignore_errors=True)
        for leftover in (note, self._lock_file, self._link):
            leftover.unlink(missing_ok=True)

    def _bring_up(self) -> None:
        cluster = account.cluster_folder(self._link)
        found = self._until_settled()
        if found is not None and not _socket_of(found).exists():
            self._control(
                "stop", "-m", "fast"
            )  # something swept the socket away: nobody could reach it any more
            found = None
        if found is None:
            if not (cluster / "data").exists():
                self._initialise(cluster)
            socket_folder = self._socket_folder(cluster)
            self._forget_the_dead(cluster, socket_folder)
            self._launch(cluster, socket_folder)
            self.started_here = True

    def _initialise(self, cluster: Path) -> None:
        """Makes the data folder under another name first: one that was cut short is never taken for a whole one."""
        owner = account.server_account(cluster)
        unfinished = cluster / "data.unfinished"
        owner.run(["/bin/rm", "-rf", unfinished], cwd=cluster)
        said = owner.run(
            [
                account.server_programs(owner) / "initdb", "-D", unfinished, "-U", _SUPERUSER, "--encoding=UTF8", "--no-locale",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
            ],
            cwd=cluster,
        )  # fmt: skip
        if said.returncode != 0:
            raise ConfigurationError(
                f"the database folder could not be made: {_last_lines(said.stderr)}",
                todo="See whether the disk is full, or set SYNC_ENGINE_DATABASE_URL to a PostgreSQL server.",
            )
        unfinished.rename(cluster / "data")

    def _launch(self, cluster: Path, socket_folder: Path) -> None:
        deadline = time.monotonic() + _PATIENCE
        log = cluster / "server.log"
        options = {
            **self._settings,
            "listen_addresses": "127.0.0.1" if self._port else "",
            "port": str(self._port or 5432),
            "unix_socket_directories": f'"{socket_folder}"',
            "unix_socket_permissions": "0700",
        }
        flags = shlex.join(part for name, value in options.items() for part in ("-c", f"{name}={value}"))
        while True:
            before = log.stat().st_size if log.exists() else 0
            refused = self._control("start", "-l", log, "-o", flags, is_required=False)
            if refused is None:
                return
            said = log.read_bytes()[before:].decode("utf-8", "replace") if log.exists() else ""
            # Children of a server that was killed hold its memory for a moment longer.
            if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
                raise ConfigurationError(
                    f"the embedded PostgreSQL did not start: {_last_lines(said or refused)}",
                    todo=f"Its log is {log}. Free disk or memory, or set SYNC_ENGINE_DATABASE_URL to a PostgreSQL server.",
                )
            time.sleep(0.5)

    def _control(self, verb: str, *arguments: str | Path, is_required: bool = True) -> str | None:
        """Runs pg_ctl; what it said when it did not succeed, None when it did."""
        cluster = self.folder
        owner = account.server_account(cluster)
        command = [
            account.server_programs(owner) / "pg_ctl",
            verb,
            "-w",
            "-t",
            f"{_PATIENCE:.0f}",
            "-D",
            cluster / "data",
            *arguments,
        ]
        said = owner.run(command, cwd=cluster, timeout=_PATIENCE + 30)
        if said.returncode != 0 and is_required:
            raise ConfigurationError(
                f"pg_ctl {verb} failed: {_last_lines(said.stderr)}",
                todo=f"The server's log is {cluster / 'server.log'}.",
            )
        return None if said.returncode == 0 else said.stderr

    def _socket_folder(self, cluster: Path) -> Path:
        """The server's own folder, or a short private one where that path is too long for a socket; its name is kept in the home."""
        name = f".s.PGSQL.{self._port or 5432}"
        if len(os.fsencode(cluster / name)) <= _LONGEST_SOCKET:
            return cluster
        owner = account.server_account(cluster)
        note = self._socket_note
        kept = Path(note.read_text(encoding="utf-8")) if note.exists() else None
        if kept is not None and _is_private(kept, os.geteuid() if owner.uid is None else owner.uid):
            return kept
        parent = next(
            p
            for p in (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - mkdtemp makes it private
            if len(os.fsencode(p)) <= _LONGEST_SOCKET - 30
        )
        made = Path(tempfile.mkdtemp(prefix="se-", dir=parent))
        owner.owns(made)
        note.write_text(str(made), encoding="utf-8")
        return made

    def _until_settled(self) -> _Postmaster | None:
        """The running server once it takes connections, None once there is none: it may be starting, recovering or stopping."""
        deadline = time.monotonic() + _PATIENCE
        while (found := self._postmaster()) is not None and not found.is_ready:
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"the embedded PostgreSQL (process {found.pid}) has not become ready in {_PATIENCE:.0f} s",
                    todo=f"It may be recovering; its log is {self.folder / 'server.log'}.",
                )
            time.sleep(0.05)
        return found

    def _postmaster(self) -> _Postmaster | None:
        """What runs on our data folder now."""
        data = self.folder / "data"
        try:
            lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ConfigurationError(
                f"the database in {self._link} belongs to another user",
                todo="Set SYNC_ENGINE_HOME to a folder of your own.",
            ) from error
        if not lines or not lines[0].strip().isdecimal() or not _is_server_of(int(lines[0]), data):
            return None
        whole = [*lines, *[""] * 8]
        is_ready = whole[7].strip() == "ready"
        return _Postmaster(int(whole[0]), int(whole[3] or 0), whole[4].strip(), is_ready)

    def _forget_the_dead(self, cluster: Path, socket_folder: Path) -> None:
        """Removes the notes of a server that is gone: PostgreSQL refuses to start when another program has its number now.

        That is the rule rather than the exception in containers: the same low numbers come back after a restart, and the
        first process often leaves the dead in the process table. Both folders are ours alone, and no server runs here now.
        """
        for note in (cluster / "data" / "postmaster.pid", *socket_folder.glob(".s.PGSQL.*")):
            note.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            handle = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"{self._lock_file} cannot be opened ({error.strerror})",
                todo="Set SYNC_ENGINE_HOME to a folder of your own.",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _url(postmaster: _Postmaster, database: str) -> str:
    query = {"host": postmaster.socket_folder}
    if postmaster.port != 5432:
        query["port"] = str(postmaster.port)
    return urls.rendered(
        URL.create("postgresql+psycopg", username=_SUPERUSER, database=database, query=query)
    )


def _socket_of(postmaster: _Postmaster) -> Path:
    return Path(postmaster.socket_folder) / f".s.PGSQL.{postmaster.port}"


def _answers(postmaster: _Postmaster) -> bool:
    try:
        psycopg.connect(urls.psycopg_url(_url(postmaster, DATABASE)), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database(maintenance_url: str) -> None:
    with psycopg.connect(urls.psycopg_url(maintenance_url), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _is_server_of(pid: int, data: Path) -> bool:
    """Whether that process is a PostgreSQL whose working folder is `data`: a postmaster's always is."""
    import psutil  # a database on a server needs no look at processes

    try:
        process = psutil.Process(pid)
        return (
            process.name() == "postgres"
            and process.status() != psutil.STATUS_ZOMBIE
            and Path(process.cwd()) == data
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
        return False


def _is_private(folder: Path, uid: int) -> bool:
    """A folder that only `uid` can enter; a link is not one."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and stat.S_IMODE(found.st_mode) == 0o700


def _last_lines(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:]) or "it said nothing"
