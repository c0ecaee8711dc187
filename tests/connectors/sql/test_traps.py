"""What PostgreSQL, SQLite and DuckDB do to values and instants that nobody expects; MariaDB's are in `make peers`."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from connectors.sql.session import AlchemySession
from sync_engine.errors import ConfigurationError, PermissionMissing, SourceError, TransientError
from sync_engine.records import Cursor
from tests.connectors.sql.rules import put, table
from tests.connectors.sql.support import SqlStage, normaliser, one, opened, records, rows
from tests.simulators.sql import Admin, Erp

DOCUMENT: dict[str, Any] = {
    "entities": {
        "document": {
            "fields": {
                "debtor_key": "customer",
                "total": "total",
                "open_amount": "open",
                "due_date": "due",
                "currency": {"value": "CHF"},
            }
        }
    }
}


def test_postgresql_says_values_that_python_has_none_for(pg: Admin) -> None:
    """Infinity, years beyond 9999 and before Christ, 24:00: the row arrives, and its neighbours, each as PostgreSQL writes it."""
    pg.run("CREATE TABLE t (id int, d date, ts timestamp, tz timestamptz, tm time)")
    for n, d in enumerate(("2026-03-01", "infinity", "-infinity", "20000-01-01", "0044-03-15 BC")):
        pg.run("INSERT INTO t VALUES (?, ?, ?, ?, '24:00')", n, d, d, d)
    found = rows(one(pg, table="t", changed="tz"))
    assert [found[k]["d"] for k in "01234"] == [
        "2026-03-01", "infinity", "-infinity", "20000-01-01", "0044-03-15 BC"]  # fmt: skip
    assert found["0"] == {
        "id": "0", "d": "2026-03-01", "ts": "2026-03-01 00:00:00", "tz": "2026-03-01 00:00:00+00", "tm": "24:00:00"}  # fmt: skip
    assert (
        list(one(pg, table="t", changed="tz").pull("debtor", None))[-1].resume_from
        == "2026-03-01T00:00:00+00:00"
    )


def test_what_is_no_number_is_no_amount(pg: Admin) -> None:
    """NaN differs from itself, so such a row would look changed for ever; it waits in quarantine, and its neighbour goes on."""
    pg.run("CREATE TABLE t (id int, customer text, total numeric, open numeric, due date)")
    for n, total in enumerate(("12.50", "NaN", "Infinity")):
        pg.run("INSERT INTO t VALUES (?, 'A', ?, '1', 'infinity')", n, total)
    pg.run("UPDATE t SET due = '2026-03-01' WHERE id < 2")
    landed = records(one(pg, "document", table="t"), "document")
    out = normaliser(**DOCUMENT).normalise("document", [(r.key, r.payload) for r in landed])
    assert [(d.key, d.values["total"]) for d in out.drafts] == [("0", "12.5")]
    assert sorted(key for key, _ in out.failed) == ["1", "2"]


def test_money_json_and_floats_keep_their_digits(pg: Admin) -> None:
    """`money` comes in the server's locale and JSON numbers through a float, unless PostgreSQL writes them itself."""
    pg.run("CREATE TABLE t (id int, m money, j jsonb, f float8, r real, b bytea, c char(6), u uuid, a int[])")
    pg.run(
        """INSERT INTO t VALUES (1, 1234567.10, '{"x": 1.10}', 0.1, 0.1, '\\x00ff', 'ab', '6f1ec8a0-0000-4000-8000-00000000000a', '{1,2}')"""
    )
    assert rows(one(pg, table="t"))["1"] == {
        "id": "1", "m": "1234567.10", "j": '{"x": 1.10}', "f": "0.1", "r": "0.1", "b": "\\x00ff", "c": "ab",
        "u": "6f1ec8a0-0000-4000-8000-00000000000a", "a": "{1,2}",
    }  # fmt: skip


def test_an_instant_is_written_in_utc_whatever_the_server_thinks(pg: Admin) -> None:
    """A server in New York and a login that prefers German dates change nothing."""
    role = pg.url.split("://")[1].split("@")[0].split(":")[0]
    pg.run(f"ALTER ROLE {role} SET timezone = 'America/New_York'")
    pg.run(f"ALTER ROLE {role} SET datestyle = 'German, DMY'")
    pg.run("CREATE TABLE t (id int, tz timestamptz, d date)")
    pg.run("INSERT INTO t VALUES (1, '2026-03-01 10:00:00+01', '2026-03-02')")
    assert rows(one(pg, table="t"))["1"] == {"id": "1", "tz": "2026-03-01 09:00:00+00", "d": "2026-03-02"}


def test_the_hour_that_comes_twice_is_read_twice(pg: Admin) -> None:
    """A wall clock in Zurich goes from 02:59 back to 02:00: what is stamped 02:10 then is after what was stamped 02:50 before."""
    pg.run("CREATE TABLE t (id int, seen timestamp)")
    put(pg, (1, "2025-10-26 01:10"), (2, "2025-10-26 02:50"))
    connector = one(pg, table="t", changed="seen", overlap_minutes=5, time_zone="Europe/Zurich")
    cursor = list(connector.pull("debtor", None))[-1].resume_from
    assert cursor == "2025-10-26T00:50:00+00:00"
    put(pg, (3, "2025-10-26 02:10"))
    assert set(rows(connector, since=cursor)) == {"2", "3"}
    put(pg, (4, "2025-10-26 03:05"))
    later = list(connector.pull("debtor", cursor))[-1].resume_from
    assert later == "2025-10-26T02:05:00+00:00"


def test_a_wall_clock_that_is_ahead_of_utc_carries_nothing_away(pg: Admin) -> None:
    """Nobody said that the stamps are Zurich's: they look like the future, and the cursor stays with the server's clock."""
    pg.run("CREATE TABLE t (id int, seen timestamp)")
    pg.run("INSERT INTO t VALUES (1, (now() AT TIME ZONE 'UTC') + interval '2 hours')")
    connector = one(pg, table="t", changed="seen")
    cursor = list(connector.pull("debtor", None))[-1].resume_from
    pg.run("INSERT INTO t VALUES (2, (now() AT TIME ZONE 'UTC') + interval '1 second')")
    assert set(rows(connector, since=cursor)) == {"1", "2"}


def held_together(admin: Admin) -> tuple[list[str], int]:
    """Documents of a debtor that are seen while somebody takes the first away and adds two; and how many there are afterwards."""
    table(admin, "id integer primary key, customer {text}", *((n, "A") for n in range(3)))
    table(admin, "id {text}, name {text}", ("A", "HANSEN"), name="c")
    connector = opened(
        admin,
        entities={
            "document": {"table": "t", "key": "id", "debtor": "customer"},
            "debtor": {"table": "c", "key": "id"},
        },
    )
    batches = connector.pull_debtor("A")
    assert [r.key for r in next(batches).records] == ["A"]
    admin.run("DELETE FROM t WHERE id = 0")
    put(admin, (7, "A"), (8, "A"))
    return [r.key for batch in batches for r in batch.records], connector.count("document") or 0


@pytest.mark.parametrize("database", ["pg", "sqlite"])
def test_a_debtor_is_read_at_one_snapshot(database: str, request: pytest.FixtureRequest) -> None:
    """What is committed while it is read is not in it: neither a row that goes nor one that comes."""
    admin: Admin = request.getfixturevalue(database)
    if database == "sqlite":
        admin.run("PRAGMA journal_mode = WAL")
    assert held_together(admin) == (["0", "1", "2"], 4)


def test_postgresql_streams(pg: Admin) -> None:
    """400,000 rows leave no trace in memory; without a cursor on the server they would all be here before the first is seen."""
    connector = one(
        pg,
        query="SELECT g AS id, repeat('x', 160) AS t FROM generate_series(1, 400000) g",
        key=["id"],
        version="id",
    )
    ours, start, most, read = psutil.Process(), 0, 0, 0
    for number, batch in enumerate(connector.pull("debtor", Cursor("1001"))):
        start = start or ours.memory_info().rss
        read += len(batch.records)
        if number % 5 == 0:
            most = max(most, ours.memory_info().rss)
    assert read == 400_000
    assert most - start < 40_000_000


def test_sqlite_finds_a_stamp_however_it_is_spelt(sqlite: Admin) -> None:
    """`T` or a blank, fractions, Z and offsets stand side by side in one column; what nobody can read is not passed over."""
    sqlite.run("CREATE TABLE t (id INTEGER, seen DATETIME)")
    spelt = (
        "2026-03-01 10:00:00", "2026-03-01T10:00:00", "2026-03-01 10:00:00.5", "2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00",
        "2026-03-01 09:00:00", "2026-03-01T11:00:00+02:00", "2026-03-01", "1st of March", None,
    )  # fmt: skip
    put(sqlite, *enumerate(spelt))
    connector = one(sqlite, table="t", changed="seen", overlap_minutes=0)
    found = set(rows(connector, since=Cursor("2026-03-01T11:00:00+00:00")))
    assert found == {"0", "1", "2", "3", "4", "7", "8"}


def test_sqlite_values_arrive_as_they_are_stored(sqlite: Admin) -> None:
    """A declared type would cut NUMERIC(15,2) to two digits and send whole numbers through a float; text in a number column is text."""
    sqlite.run("CREATE TABLE t (id INTEGER, n NUMERIC(15,2), d DATE, x BLOB)")
    put(
        sqlite,
        (1, "9007199254740993", "", b"\x00\xff"),
        (2, 0.1 + 0.2, "2026-03-01 00:00:00", None),
        (3, "12,50", None, None),
    )
    found = rows(one(sqlite, table="t"))
    assert [found[k]["n"] for k in "123"] == ["9007199254740993", "0.30000000000000004", "12,50"]
    assert [found[k]["d"] for k in "123"] == ["", "2026-03-01 00:00:00", None]
    assert found["1"]["x"] == "00ff"


def test_sqlite_bytes_that_are_no_text_cost_one_record(sqlite: Admin) -> None:
    """Another code page in one cell stops neither the list nor its neighbours."""
    sqlite.run("CREATE TABLE t (id INTEGER, name TEXT)")
    put(sqlite, (1, "Größe"))
    sqlite.run("INSERT INTO t SELECT 2, CAST(x'4772f6df65' AS TEXT)")
    found = rows(one(sqlite, table="t"))
    assert found["1"] == {"id": "1", "name": "Größe"}
    assert found["2"] == "holds bytes that are no UTF-8 text in name"


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, sqlite: Admin, duck: Admin) -> None:
    """SQLite makes an empty database of a name that is spelt wrongly, which would say that everything is gone."""
    for url in (f"sqlite:///{tmp_path}/erp2.db", f"duckdb:///{tmp_path}/erp2.duckdb"):
        connector = one(Admin("", url, "", None), table="t")
        with pytest.raises((SourceError, TransientError)):
            rows(connector)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["erp.db", "erp.duckdb"]
    (tmp_path / "erp.db").write_bytes(b"this was a database" * 100)
    with pytest.raises(SourceError, match="cannot be opened"):
        rows(one(sqlite, table="t"))


def test_a_locked_file_is_asked_again(sqlite: Admin) -> None:
    """Somebody writes: that passes."""
    sqlite.run("CREATE TABLE t (id INTEGER)")
    writer = sqlite3.connect(sqlite.place, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(TransientError):
            rows(opened(sqlite, entities={"debtor": {"table": "t", "key": "id"}}, timeouts={"read": 0.2}))
    finally:
        writer.close()


def test_duckdb_says_infinity_and_instants_in_utc(duck: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's last day is no due date: the text says infinity. A machine in Tokyo changes no instant."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    duck.run(
        "CREATE TABLE t (id INTEGER, d DATE, ts TIMESTAMP, n TIMESTAMP_NS, a DECIMAL(38, 10), tz TIMESTAMPTZ)"
    )
    duck.run(
        "INSERT INTO t VALUES (1, 'infinity', 'infinity', '2026-03-01 10:00:00.123456789', 0.1234567891, '2026-03-01 10:00:00+01')"
    )
    assert rows(one(duck, table="t"))["1"] == {
        "id": "1", "d": "infinity", "ts": "infinity", "n": "2026-03-01 10:00:00.123456789", "a": "0.1234567891", "tz": "2026-03-01 09:00:00+00",
    }  # fmt: skip


def test_a_table_that_may_not_be_read_is_named(pg: Admin, second_database: str) -> None:
    """A grant that is missing is said as such, with the table."""
    with psycopg.connect(second_database.replace("+psycopg", ""), autocommit=True) as connection:
        role = pg.url.split("://")[1].split("@")[0]
        connection.execute(f"REVOKE pg_read_all_data FROM {role}")
    pg.run("CREATE TABLE t (id int)")
    with pytest.raises(PermissionMissing, match="may not read table t"):
        rows(one(pg, table="t"))


def test_a_deadline_ends_a_statement(pg: Admin) -> None:
    """A query that never ends is asked again another time."""
    connector = opened(
        pg,
        entities={"debtor": {"query": "SELECT 1 AS id, pg_sleep(20)", "key": "id"}},
        timeouts={"read": 0.3},
    )
    with pytest.raises(TransientError, match="57014"):
        rows(connector)


def test_the_servers_clock_is_told(pg: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """How far our clock is ahead shows after the first question."""
    connector = SqlStage(Erp(pg).furnish(1), monkeypatch).open()
    heard = [connector.ahead, connector.streams and connector.ahead]
    assert heard[0] is None
    assert isinstance(heard[1], timedelta)
    assert abs((heard[1] + datetime.now(UTC)) - connector._clock.now()).total_seconds() < 60


def test_no_rows_are_kept_by_the_driver(pg: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long answer is read through a cursor on the server."""
    pg.run("CREATE TABLE t (id int)")
    put(pg, (1,), (2,))
    seen: list[str] = []
    usual = AlchemySession.parts

    def watched(self: AlchemySession, statement: Any, size: int) -> Any:
        for part in usual(self, statement, size):
            with psycopg.connect(pg.place.replace("+psycopg", "")) as other:
                row = other.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD%'"
                ).fetchone()
            seen.append(str(row))
            yield part

    monkeypatch.setattr(AlchemySession, "parts", watched)
    assert len(rows(one(pg, table="t", fetch=1))) == 2
    assert seen
    assert set(seen) != {"(0,)"}


@pytest.mark.parametrize("changed", ["name", "amount"])
def test_a_column_without_instants_is_no_cursor(pg: Admin, changed: str) -> None:
    """Comparing text or amounts as instants would find rows by chance."""
    table(pg, "id integer, name {text}, amount {amount}", (1, "2026-03-01", "1"))
    with pytest.raises(ConfigurationError, match="holds no instants"):
        rows(one(pg, table="t", changed=changed))
    if changed == "name":
        with pytest.raises(ConfigurationError, match="holds no numbers"):
            rows(one(pg, table="t", version=changed))
