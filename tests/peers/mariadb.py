"""The SQL connector on a real MariaDB: the contract, what holds on every database, and what only MariaDB and MySQL do to values."""

from __future__ import annotations

from typing import Any

import psutil
import pymysql
import pytest

from sync_engine.errors import AuthenticationFailed, PermissionMissing
from sync_engine.records import Cursor
from tests.connectors import contract as c
from tests.connectors.sql.rules import RULES, Rule, put, table
from tests.connectors.sql.support import SECRET, SqlStage, normaliser, one, records, rows
from tests.connectors.sql.test_traps import DOCUMENT, held_together
from tests.simulators.sql import Admin, Erp


@pytest.mark.parametrize("rule", c.RULES, ids=lambda rule: rule.__name__)
def test_contract(rule: c.Rule, maria: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every promise of a connector."""
    rule(SqlStage(Erp(maria).furnish(), monkeypatch))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Rule, maria: Admin) -> None:
    """The rule holds."""
    rule(maria)


def test_keys_that_mariadb_takes_for_one_number_are_four(maria: Admin) -> None:
    """`varchar = 10000` finds 010000, 10000-2 and 1e4 too: an invoice of 100 would become 400."""
    alike = ("10000", "010000", "10000-2", "1e4")
    table(maria, "id {text}, customer {text}, worth {amount}", *((f"R{k}", k, "100.00") for k in alike))
    assert maria.run("SELECT sum(worth) FROM t WHERE customer = 10000")[0][0] == 400, (
        "MariaDB compares text now"
    )
    connector = one(maria, "document", table="t", debtor="customer")
    assert [r.key for b in connector.pull_debtor("10000") for r in b.records] == ["R10000"]


def test_zero_dates_are_nobodys_day(maria: Admin) -> None:
    """A zero date is null and not null at once; it says that nothing was paid, in a column that may be null and in one that may not."""
    maria.run(
        "CREATE TABLE t (id int, never_null date NOT NULL, may_be_null date NULL, at_hour datetime NOT NULL, partly date NOT NULL)"
    )
    put(
        maria,
        (1, "0000-00-00", "0000-00-00", "0000-00-00 00:00:00", "2026-02-00"),
        (2, "2026-03-01", None, "2026-03-01 10:00:00", "2026-03-01"),
    )
    is_null = maria.run("SELECT sum(never_null IS NULL), count(*) FROM t WHERE never_null IS NULL")[0]
    assert is_null == (0, 1), "MariaDB is of one mind now"
    found = rows(one(maria, table="t", deleted="may_be_null", changed="at_hour"))
    assert found == {
        "1": {"id": "1", "never_null": None, "may_be_null": None, "at_hour": None, "partly": "2026-02-00"},
        "2": {
            "id": "2",
            "never_null": "2026-03-01",
            "may_be_null": None,
            "at_hour": "2026-03-01 10:00:00",
            "partly": "2026-03-01",
        },
    }
    assert rows(one(maria, table="t", deleted="never_null")).keys() == {"1"}
    assert one(maria, table="t", deleted="never_null").count("debtor") == 1


def test_a_partial_date_waits_alone(maria: Admin) -> None:
    """The 0th of February is no due date: its document is quarantined with the shape of what it says."""
    maria.run("CREATE TABLE t (id int, customer text, total decimal(9,2), open decimal(9,2), due date)")
    put(maria, (1, "A", "10", "10", "2026-02-00"), (2, "A", "10", "10", "0000-00-00"))
    landed = [(r.key, r.payload) for r in records(one(maria, "document", table="t"), "document")]
    out = normaliser(**DOCUMENT).normalise("document", landed)
    assert [(d.key, d.values["due_date"]) for d in out.drafts] == [("2", None)]
    assert "9999-99-99" in str(out.failed[0][1])


def test_the_repeated_hour_is_behind_the_first_one(maria: Admin) -> None:
    """A TIMESTAMP of 02:10 in winter time is above a watermark of 02:50 in summer time, though the wall clock says otherwise."""
    maria.run("CREATE TABLE t (id int, seen timestamp(6) NULL)")
    put(maria, (1, "2025-10-26 00:50:00"), (2, "2025-10-26 01:10:00"))  # written in UTC
    maria.run("SET GLOBAL time_zone = '+02:00'")
    try:
        connector = one(maria, table="t", changed="seen", overlap_minutes=0)
        cursor = Cursor("2025-10-26T01:00:00+00:00")
        assert set(rows(connector, since=cursor)) == {"2"}
        assert rows(connector)["2"]["seen"] == "2025-10-26 01:10:00.000000+00:00"
        assert list(connector.pull("debtor", None))[-1].resume_from == "2025-10-26T01:10:00+00:00"
    finally:
        maria.run("SET GLOBAL time_zone = 'SYSTEM'")


def test_odd_types_say_what_they_hold(maria: Admin) -> None:
    """TIME beyond a day is no time of day; BIT is a number, an ENUM that was given an unknown word is blank, a BLOB is bytes."""
    maria.run(
        "CREATE TABLE t (id int, tm time, b bit(1), flag boolean, e enum('a','b'), s set('x','y'), j json, d decimal(65,30), x blob, "
        "tx longtext, f double, y year, v varbinary(4))"
    )
    maria.run(
        "INSERT INTO t VALUES (1, '838:59:59', b'1', 2, 'c', 'x,y', '{\"a\": 1.10}', 12345678901234567890123456789012345.1, x'00ff', 'Größe', 0.1, 2026, x'0a')"
    )
    maria.run("INSERT INTO t (id, tm) VALUES (2, '-01:30:00')")
    assert rows(one(maria, table="t"))["1"] == {
        "id": "1", "tm": "838:59:59", "b": "1", "flag": "2", "e": "", "s": "x,y", "j": '{"a": 1.10}',
        "d": "12345678901234567890123456789012345.100000000000000000000000000000", "x": "00FF", "tx": "Größe", "f": "0.1", "y": "2026", "v": "0A",
    }  # fmt: skip
    assert rows(one(maria, table="t"))["2"]["tm"] == "-01:30:00"


def test_text_of_another_character_set_arrives_whole(maria: Admin) -> None:
    """An old table in Latin-1 beside one in UTF-8 with four bytes a letter."""
    maria.run(
        "CREATE TABLE t (id int, a varchar(20) CHARACTER SET latin1, b varchar(20) CHARACTER SET utf8mb4)"
    )
    put(maria, (1, "Größe", "𝄞 Musik"))
    assert rows(one(maria, table="t"))["1"] == {"id": "1", "a": "Größe", "b": "𝄞 Musik"}


def test_keys_that_only_a_collation_takes_for_one_are_two(maria: Admin) -> None:
    """MariaDB groups ABC and abc together; they are two records."""
    table(maria, "id {text}, name {text}", ("ABC", "large"), ("abc", "small"), ("x", "y"))
    assert {k: v["name"] for k, v in rows(one(maria, table="t")).items()} == {
        "ABC": "large",
        "abc": "small",
        "x": "y",
    }


def test_a_debtor_is_read_at_one_snapshot(maria: Admin) -> None:
    """What is committed while it is read is not in it."""
    assert held_together(maria) == (["0", "1", "2"], 4)


def test_it_streams_and_can_be_left(maria: Admin) -> None:
    """300,000 rows leave no trace in memory, and whoever leaves after the first does not wait for the last."""
    connector = one(maria, query="SELECT seq AS id, repeat('x', 160) AS t FROM seq_1_to_300000", version="id")
    ours, start, most, read = psutil.Process(), 0, 0, 0
    for batch in connector.pull("debtor", Cursor("1001")):
        start = start or ours.memory_info().rss
        read, most = read + len(batch.records), max(most, ours.memory_info().rss)
    assert read == 300_000
    assert most - start < 40_000_000
    sent = int(maria.run("SHOW GLOBAL STATUS LIKE 'Bytes_sent'")[0][1])
    leaving: Any = connector.pull("debtor", Cursor("1001"))
    next(leaving)
    leaving.close()
    assert int(maria.run("SHOW GLOBAL STATUS LIKE 'Bytes_sent'")[0][1]) - sent < 20_000_000


def test_refusals_are_ours(maria: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password, a database that is not there, a table without a grant: each as what it is."""
    table(maria, "id integer", (1,))
    with pytest.raises(PermissionMissing, match="1044"):
        rows(one(Admin("mariadb", maria.url + "x", maria.password, None), table="t"))
    host = maria.place
    with pymysql.connect(**host) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER stranger@'%' IDENTIFIED BY 'postal-secret'")
        cursor.execute(f"GRANT CREATE ON {host['database']}.* TO stranger@'%'")
    stranger = maria.url.replace("erp_reader", "stranger")
    with pytest.raises(PermissionMissing, match="may not read table t"):
        rows(one(Admin("mariadb", stranger, maria.password, None), table="t"))
    monkeypatch.setenv(SECRET, "of yesterday")
    with pytest.raises(AuthenticationFailed) as caught:
        rows(one(maria, table="t"))
    assert "of yesterday" not in str(caught.value)
