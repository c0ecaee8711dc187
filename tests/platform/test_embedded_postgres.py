"""The private PostgreSQL: started once, found again, healed after every kind of death, and nobody's folder opened for it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest

from sync_engine.errors import ConfigurationError
from sync_engine.lake import Lake
from sync_engine.ops.inspect.sql import query
from sync_engine.ops.runs.environment import open_store
from sync_engine.platform import migrate
from sync_engine.platform.home import lake_url
from sync_engine.platform.postgres import EmbeddedPostgres, database_url
from sync_engine.platform.urls import psycopg_url
from sync_engine.records import RawRecord, Stream
from sync_engine.store.landing.records import record_batch
from sync_engine.store.landing.sources import register_source, register_streams

START = """
import sys
from pathlib import Path
from sync_engine.platform.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.started_here, server.pid, flush=True)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A short folder outside pytest's own, which is closed to other accounts, with every server in it stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="se-"))
    folder.chmod(0o711)
    yield folder
    for found in sorted(folder.rglob("postgres.lock"), reverse=True):
        EmbeddedPostgres(found.parent).remove()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def postgres(place: Path) -> EmbeddedPostgres:
    """A server that runs, with one committed row."""
    server = EmbeddedPostgres(place)
    with psycopg.connect(psycopg_url(server.start())) as connection:
        connection.execute("CREATE TABLE kept (name text)")
        connection.execute("INSERT INTO kept VALUES ('HANSEN & SOEN')")
    return server


def kept(url: str) -> list[str]:
    """The rows that must still be there."""
    with psycopg.connect(psycopg_url(url)) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM kept").fetchall()]


def wait_for_end(pid: int) -> None:
    """Waits until a process is gone."""
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=20)


def test_it_starts_with_what_the_store_needs(postgres: EmbeddedPostgres) -> None:
    """PostgreSQL 18, durable, in UTC, letters beyond ASCII folded, on a socket and no port."""
    with psycopg.connect(psycopg_url(postgres.url())) as connection:
        said = connection.execute(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('timezone'), lower('ÆØÅ'), current_setting('listen_addresses'), current_database()"
        ).fetchone()
    assert said == (18, "on", "on", "UTC", "æøå", "", "sync_engine")
    assert postgres.started_here


def test_a_second_one_attaches(postgres: EmbeddedPostgres, place: Path) -> None:
    """Another object on the same home finds the running server and says that it did not start it."""
    other = EmbeddedPostgres(place)
    assert kept(other.start()) == ["HANSEN & SOEN"]
    assert not other.started_here
    assert other.pid == postgres.pid


def test_rows_survive_stop_and_start(postgres: EmbeddedPostgres) -> None:
    """Stopping twice is stopping once, and what was committed is there again."""
    postgres.stop()
    postgres.stop()
    assert postgres.pid is None
    with pytest.raises(ConfigurationError, match="not running"):
        postgres.url()
    assert kept(postgres.start()) == ["HANSEN & SOEN"]


def test_four_processes_at_once_start_one_server(place: Path) -> None:
    """The first of them makes the data folder, the others wait and attach to the same process."""
    home = str(place / "home")
    racers = [
        subprocess.Popen([sys.executable, "-c", START, home], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [racer.communicate(timeout=120)[0].split() for racer in racers]
    assert sorted(words[0] for words in said) == ["False", "False", "False", "True"]
    assert len({words[1] for words in said}) == 1


def test_an_owner_killed_without_warning_leaves_a_server_to_attach_to(place: Path) -> None:
    """The server outlives who started it, and whoever comes next can stop it."""
    owner = subprocess.Popen(
        [sys.executable, "-c", f"{START}\nimport time; time.sleep(60)", str(place)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    words = owner.stdout.readline().split()
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    heir = EmbeddedPostgres(place)
    heir.start()
    assert words == ["True", str(heir.pid)]
    assert not heir.started_here
    heir.stop()
    assert heir.pid is None


def test_a_server_killed_without_warning_comes_back_with_its_rows(postgres: EmbeddedPostgres) -> None:
    """The pid file it left is stale, its children may live a moment longer, its committed rows are recovered."""
    killed = postgres.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert kept(postgres.start()) == ["HANSEN & SOEN"]
    assert postgres.pid != killed


def test_a_stale_pid_file_with_the_number_of_a_living_program(postgres: EmbeddedPostgres) -> None:
    """After a restart of a container the old number belongs to somebody else; PostgreSQL alone would refuse to start."""
    postgres.stop()
    note = postgres.folder / "data" / "postmaster.pid"
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    note.write_text(
        f"{sleeper.pid}\n{postgres.folder / 'data'}\n1\n5432\n{postgres.folder}\n\n 1 1\nready   \n",
        encoding="utf-8",
    )
    assert kept(postgres.start()) == ["HANSEN & SOEN"]
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()


def test_a_data_folder_that_was_cut_short_is_made_again(place: Path) -> None:
    """Killed in the middle of making it: the unfinished folder is never taken for a database."""
    server = EmbeddedPostgres(place)
    server.start()
    server.stop()
    (server.folder / "data").rename(server.folder / "data.unfinished")
    (server.folder / "data.unfinished" / "PG_VERSION").unlink()
    server.start()
    assert server.pid is not None
    assert not (server.folder / "data.unfinished").exists()


def test_a_socket_that_was_swept_away(postgres: EmbeddedPostgres) -> None:
    """Cleaners of temporary folders remove sockets: a server nobody can reach is started anew."""
    lost = postgres.pid
    (postgres.folder / ".s.PGSQL.5432").unlink()
    assert kept(postgres.start()) == ["HANSEN & SOEN"]
    assert postgres.pid != lost


def test_a_path_too_long_for_a_socket(place: Path) -> None:
    """The socket moves to a short private folder, the same one at every start, and `remove` takes it along."""
    home = place / ("a-long-name-" * 9)
    home.mkdir()
    home.chmod(0o711)  # whatever the umask: a closed one would send the whole server elsewhere
    server = EmbeddedPostgres(home)
    server.start()
    note = home / "postgres.socket"
    folder = Path(note.read_text(encoding="utf-8"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    server.stop()
    server.start()
    assert Path(note.read_text(encoding="utf-8")) == folder
    server.remove()
    assert not folder.exists()
    assert list(home.iterdir()) == []


def test_no_folder_is_opened_for_it(place: Path) -> None:
    """In a closed home the server runs, closed everything stays, and its own folder only its account can enter."""
    closed = place / "closed"
    (closed / "project").mkdir(parents=True)
    closed.chmod(0o700)
    before = {
        path: path.stat().st_mode
        for path in (place, closed, closed / "project", *Path(sys.prefix).parents, Path(sys.prefix))
    }
    server = EmbeddedPostgres(closed / "project" / ".home")
    server.start()
    assert {path: path.stat().st_mode for path in before} == before
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.folder / "data").stat().st_mode) == 0o700
    assert server.folder.stat().st_uid == psutil.Process(server.pid).uids().effective
    assert psutil.Process(server.pid).uids().effective != 0
    where = server.folder
    server.remove()
    assert not where.exists()


def test_it_does_not_end_with_the_terminal(postgres: EmbeddedPostgres) -> None:
    """Ctrl-C goes to a process group; the server is in a session of its own."""
    assert postgres.pid is not None
    assert os.getsid(postgres.pid) != os.getsid(0)


def test_a_port_asks_for_a_password(place: Path) -> None:
    """On request it listens on 127.0.0.1 as well, where being on the machine is not enough."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = EmbeddedPostgres(place, port=port)
    with psycopg.connect(psycopg_url(server.start()), autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'a-password'")
    with psycopg.connect(f"postgresql://reader:a-password@127.0.0.1:{port}/sync_engine") as reader:
        assert reader.execute("SELECT current_user").fetchone() == ("reader",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/sync_engine", connect_timeout=5)


def test_the_database_of_somebody_else_is_refused(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people in one clone: the second is told to take a home of their own."""
    postgres.stop()
    monkeypatch.setattr("sync_engine.platform.account.os.geteuid", lambda: postgres.folder.stat().st_uid + 1)
    with pytest.raises(ConfigurationError, match=r"belongs to another user.*SYNC_ENGINE_HOME"):
        postgres.start()


def test_a_server_that_cannot_start_shows_its_log(postgres: EmbeddedPostgres) -> None:
    """The end of the log is in the message, and so is where to read the rest."""
    postgres.stop()
    (postgres.folder / "data" / "global" / "pg_control").rename(postgres.folder / "data" / "global" / "lost")
    with pytest.raises(ConfigurationError, match=r"did not start: .*(pg_control|cluster).*server\.log"):
        postgres.start()


def test_the_log_keeps_no_values_of_rows(postgres: EmbeddedPostgres) -> None:
    """A violated key is logged without the key: personal data has no place in a log."""
    with psycopg.connect(psycopg_url(postgres.url()), autocommit=True) as connection:
        connection.execute("CREATE UNIQUE INDEX ON kept (name)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO kept VALUES ('HANSEN & SOEN')")
    log = (postgres.folder / "server.log").read_text(encoding="utf-8")
    assert "duplicate key value" in log
    assert "HANSEN" not in log


def test_the_url_comes_from_the_environment_first(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """A configured server is used and nothing is started; without one the home folder's server is."""
    monkeypatch.setenv("SYNC_ENGINE_HOME", str(place))
    monkeypatch.setenv("SYNC_ENGINE_DATABASE_URL", "postgres://ada:s3cret@db.example/ledger")
    assert database_url() == "postgresql+psycopg://ada:s3cret@db.example/ledger"
    assert list(place.iterdir()) == []
    monkeypatch.delenv("SYNC_ENGINE_DATABASE_URL")
    first = database_url()
    assert first.startswith("postgresql+psycopg://postgres@/sync_engine?host=")
    assert database_url() == first


def test_a_port_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped port is named before anything starts."""
    monkeypatch.setenv("SYNC_ENGINE_POSTGRES_PORT", "54x")
    with pytest.raises(ConfigurationError, match="'54x'"):
        database_url()


@pytest.mark.parametrize("name", ["my checkout+1", "René's [50 %]"])
def test_a_home_in_a_folder_as_people_name_them(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spaces, a plus, quotes, brackets: the server starts there, is migrated, found again by another process, and asked over the lake."""
    home = place / name
    monkeypatch.setenv("SYNC_ENGINE_HOME", str(home))
    monkeypatch.delenv("SYNC_ENGINE_DATABASE_URL", raising=False)
    store = open_store()
    with store.begin() as connection:
        register_source(
            connection,
            source="bc",
            connector="files",
            role="erp",
            environment="test",
            config={},
            config_hash="",
        )
        register_streams(connection, "bc", [Stream("customers", "debtors", "debtor")])
    lake, run = Lake(lake_url()), uuid4()
    landed = lake.write("bc", "customers", run, 0, [RawRecord("10000", b'{"name": "HANSEN & SOEN"}', None)])
    with store.begin() as connection:
        record_batch(connection, 1, run, landed, [("10000", str(uuid4()))], [])
    assert query(store, lake, "SELECT key, name FROM bc.customers WHERE is_latest").rows == [
        ("10000", "HANSEN & SOEN")
    ]
    assert list(lake.files("bc")) == [landed.path]
    assert migrate.check() == []
    store.dispose()
    again = subprocess.run(
        [sys.executable, "-c", START, str(home)], capture_output=True, text=True, check=True
    )
    assert again.stdout.split()[0] == "False"
