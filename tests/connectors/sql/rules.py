"""What holds on every database, as functions over one: they are played on PostgreSQL, SQLite and DuckDB here, on MariaDB in `make peers`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.sql.errors import translated
from sync_engine.errors import ConfigurationError, SourceError
from sync_engine.records import Cursor
from tests.connectors.sql.support import Noon, one, opened, rows
from tests.simulators.sql import Admin
from tests.simulators.sql.erp import TYPES

Rule = Callable[[Admin], None]


def table(admin: Admin, columns: str, *given: tuple[Any, ...], name: str = "t") -> None:
    """A table with these rows; `{text}`, `{amount}`, `{stamp}` and `{flag}` are this database's words."""
    admin.run(f'CREATE TABLE "{name}" ({columns.format_map(TYPES[admin.product])})')
    if given:
        put(admin, *given, name=name)


def put(admin: Admin, *given: tuple[Any, ...], name: str = "t") -> None:
    """More rows."""
    admin.many(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(given[0]))})', given)


def stamp(admin: Admin, text: str) -> Any:
    """An instant as this database's driver takes it."""
    return text if admin.product == "sqlite" else datetime.fromisoformat(text)


def keys_are_compared_as_text(admin: Admin) -> None:
    """10000 is neither 010000 nor 10000-2 nor 1e4, whatever the database makes of them; where they are numbers, 10000.00 is 10000."""
    alike = ("10000", "010000", "10000-2", "1e4", "10000 ")
    table(
        admin,
        "id {text}, customer {text}, worth {amount}",
        *((f"R{c}".replace(" ", "+"), c, "100.00") for c in alike),
    )
    table(admin, "id {amount}, name {text}", ("10000.00", "HANSEN"), ("10000.50", "SOEN"), name="n")
    connector = opened(
        admin,
        entities={
            "document": {"table": "t", "key": "id", "debtor": "customer"},
            "debtor": {"table": "n", "key": "id"},
        },
    )
    found = {b.entity: [r.key for r in b.records] for b in connector.pull_debtor("10000")}
    assert found == {"debtor": ["10000"], "document": ["R10000", "R10000+"]}
    assert [b.records for b in connector.pull_debtor("1e4x")] == [[], []]


def numbers_arrive_digit_by_digit(admin: Admin) -> None:
    """No float on the way: not for cents, not beyond 2**53, not in a sum."""
    table(
        admin,
        "id integer, a {amount}, b bigint",
        (1, "0.10", 9007199254740993),
        (2, "-0.05", 9007199254740992),
    )
    found = rows(one(admin, query="SELECT id, a, b FROM t"))
    assert [Decimal(found[k]["a"]) for k in "12"] == [Decimal("0.10"), Decimal("-0.05")]
    assert [found[k]["b"] for k in "12"] == ["9007199254740993", "9007199254740992"]
    assert all(len(found[k]["a"].rstrip("0")) <= 5 for k in "12"), found


def a_query_means_what_it_says(admin: Admin) -> None:
    """Colons, percent signs and quotation marks of a query are text; only what is declared is a parameter, and that is bound."""
    table(admin, "id integer, name {text}", (1, "a:1b"), (2, "50 %"), (3, "O'Neill; DROP TABLE t"))
    query = "SELECT id, name FROM t WHERE name LIKE '%:1b' OR name = '50 %' OR name = :name;"
    asked = one(admin, query=query, parameters={"name": "O'Neill; DROP TABLE t"})
    assert {k: v["name"] for k, v in rows(asked).items()} == {
        "1": "a:1b",
        "2": "50 %",
        "3": "O'Neill; DROP TABLE t",
    }
    assert sorted(rows(one(admin, query=query, parameters={"name": "' OR '1' = '1"}))) == ["1", "2"]


def names_are_quoted(admin: Admin) -> None:
    """Reserved words, capitals, blanks, marks: a name is a name."""
    odd = ("order", "Größe", "Kd Nr", 'a"b', "50 %", "a:b", "select")
    listed = ", ".join('"{}" {{text}}'.format(name.replace('"', '""')) for name in odd)
    table(admin, f'"id" integer, {listed}', (1, *odd), name="Group By")
    connector = one(
        admin,
        table="Group By",
        key=["id", "a:b"],
        debtor="order",
        deleted={"column": "50 %", "values": ["x"]},
    )
    assert rows(connector) == {"1|a:b": {"id": "1", **{name: name for name in odd}}}
    assert connector.count("debtor") == 1
    assert [k for page in connector.keys("debtor") for k in page] == ["1|a:b"]


def rows_of_one_key_are_judged(admin: Admin) -> None:
    """Identical rows are one; contradicting ones are one record that says so; also where only one of them changed."""
    at = [stamp(admin, f"2026-03-0{day}T10:00:00+00:00") for day in (1, 2, 3)]
    table(
        admin,
        "id {text}, name {text}, seen {stamp}",
        ("A", "same", at[0]),
        ("A", "same", at[0]),
        ("B", "one", at[0]),
        ("C", "c", at[1]),
    )
    connector = one(admin, table="t", changed="seen", overlap_minutes=0, fetch=2)
    batches = list(connector.pull("debtor", None))
    assert sorted(r.key for b in batches for r in b.records) == ["A", "B", "C"]
    assert batches[-1].complete
    assert connector.count("debtor") == 3
    put(admin, ("B ", "another", at[2]))
    found = rows(connector, since=batches[-1].resume_from)
    assert "several rows that say different things" in found["B"]
    assert "several rows" in rows(connector)["B"]


def a_key_that_names_no_row_is_refused(admin: Admin) -> None:
    """A column that is no key is a setting to correct, not a thousand records in quarantine."""
    table(admin, "id integer, city {text}", *((n // 2, "Bern") for n in range(2200)))
    with pytest.raises(SourceError, match="id name no row"):
        rows(one(admin, table="t"))


def a_row_without_a_key_withholds_complete(admin: Admin) -> None:
    """Nobody knows whom it stands for, so nobody may count as gone."""
    table(admin, "id {text}, name {text}", ("A", "a"), (None, "b"), ("  ", "c"))
    batches = list(one(admin, table="t").pull("debtor", None))
    assert not batches[-1].complete
    wrong = [r for b in batches for r in b.records if r.unreadable]
    assert len(wrong) == 2
    assert {r.unreadable for r in wrong} == {"has nothing in id, which names a row"}


def what_is_marked_is_deleted(admin: Admin) -> None:
    """By a flag, a code or an instant; told with the next pull of changes; not counted, not among the keys."""
    at = [stamp(admin, f"2026-03-0{day}T10:00:00+00:00") for day in (1, 2)]
    table(
        admin, "id integer, gone {flag}, code {text}, left_at {stamp}, seen {stamp}",
        (1, False, "A", None, at[0]), (2, True, "A", None, at[0]), (3, False, "D", None, at[0]), (4, False, "a", at[0], at[0]),
        (5, None, None, None, at[0]),
    )  # fmt: skip
    for deleted, left in (
        ("gone", "1345"),
        ({"column": "code", "values": ["d"]}, "1245"),
        ("left_at", "1235"),
    ):
        connector = one(admin, table="t", deleted=deleted, changed="seen", overlap_minutes=0)
        first = list(connector.pull("debtor", None))
        assert [r.key for b in first for r in b.records] == list(left), deleted
        assert [k for b in first for k in b.deleted] == sorted(set("12345") - set(left)), deleted
        assert connector.count("debtor") == len(left)
        assert [k for page in connector.keys("debtor") for k in page] == list(left)
    admin.run("UPDATE t SET left_at = ?, seen = ? WHERE id = 1", at[1], at[1])
    after = list(connector.pull("debtor", Cursor("2026-03-02T09:00:00+00:00")))
    assert [(len(b.records), b.deleted) for b in after] == [(0, ("1",))]


def a_stamp_is_found_at_itself(admin: Admin) -> None:
    """The row that the cursor was taken from comes again with it, to the last digit of its second; the one before does not."""
    early, late = stamp(admin, "2026-03-01T10:00:00+00:00"), stamp(admin, "2026-03-01T10:00:01+00:00")
    table(admin, "id integer, seen {stamp}", (1, early), (2, late))
    connector = one(admin, table="t", changed="seen", overlap_minutes=0)
    cursor = list(connector.pull("debtor", None))[-1].resume_from
    assert cursor is not None
    found = set(rows(connector, since=cursor))
    assert "2" in found
    assert found <= ({"2"} if admin.product != "sqlite" else {"1", "2"})


def a_cursor_is_never_beyond_the_clock(admin: Admin) -> None:
    """A stamp of the year 2037 is not believed: what changes until then would be passed over."""
    table(
        admin,
        "id integer, seen {stamp}",
        (1, stamp(admin, "2026-03-01T10:00:00+00:00")),
        (2, stamp(admin, "2037-01-01T00:00:00+00:00")),
    )
    connector = one(admin, table="t", changed="seen")
    cursor = list(connector.pull("debtor", None))[-1].resume_from
    assert cursor is not None
    clock = max(datetime.now(UTC), Noon().at)
    assert datetime.fromisoformat(cursor) <= clock + timedelta(minutes=1)
    assert set(rows(connector, since=cursor)) == {"2"}


def a_version_is_a_cursor(admin: Admin) -> None:
    """Numbers that grow with every change; the next read goes back by some, for what was not committed yet."""
    table(admin, "id integer, version bigint", *((n, n * 10) for n in range(1, 9)))
    connector = one(admin, table="t", version="version", overlap_versions=20)
    cursor = list(connector.pull("debtor", None))[-1].resume_from
    assert cursor == "80"
    admin.run("UPDATE t SET version = 81 WHERE id = 1")
    assert set(rows(connector, since=cursor)) == {"1", "6", "7", "8"}


def a_cursor_of_another_kind_reads_everything(admin: Admin) -> None:
    """Whoever names another column in the YAML does not lose what changed meanwhile, and deletes nobody."""
    table(
        admin, "id integer, version bigint, seen {stamp}", (1, 1, stamp(admin, "2026-03-01T10:00:00+00:00"))
    )
    for declared, cursor in (
        ({"version": "version"}, "2026-01-01T00:00:00+00:00"),
        ({"changed": "seen"}, "17x"),
    ):
        batches = list(one(admin, table="t", **declared).pull("debtor", Cursor(cursor)))
        assert [r.key for b in batches for r in b.records] == ["1"]
        assert batches[-1].resume_from not in (None, cursor)
        assert not batches[-1].complete


def a_day_is_read_again_until_it_is_over(admin: Admin) -> None:
    """Where only the day of the change is kept, everything of that day comes again."""
    day = (
        (lambda text: text)
        if admin.product == "sqlite"
        else (lambda text: datetime.fromisoformat(text).date())
    )
    table(admin, "id integer, seen DATE", (1, day("2026-02-01")), (2, day("2026-03-01")))
    connector = one(admin, table="t", changed="seen", overlap_minutes=0, time_zone="Europe/Zurich")
    cursor = list(connector.pull("debtor", None))[-1].resume_from
    put(admin, (3, day("2026-03-01")), (4, day("2026-03-02")))
    assert set(rows(connector, since=cursor)) == {"2", "3", "4"}


def an_epoch_is_an_instant_where_it_is_declared(admin: Admin) -> None:
    """Seconds since 1970 say nothing by themselves; declared they are instants in the row, and a cursor."""
    table(admin, "id integer, seen bigint", (1, 1772359200), (2, 1772362800))
    with (
        pytest.raises(ConfigurationError, match="holds no instants")
        if admin.product != "sqlite"
        else pytest.raises(AssertionError)
    ):
        assert list(one(admin, table="t", changed="seen").pull("debtor", None))[-1].resume_from is not None
    connector = one(admin, table="t", changed="seen", types={"seen": "unix seconds"}, overlap_minutes=0)
    batches = list(connector.pull("debtor", None))
    assert rows(connector)["1"]["seen"] == "2026-03-01 10:00:00+00:00"
    assert set(rows(connector, since=batches[-1].resume_from)) == {"2"}


def what_is_not_there_is_named(admin: Admin) -> None:
    """A column, a table, a query that is none: a sentence with what there is, from the pull and from the doctor."""
    table(admin, "id integer, name {text}", (1, "a"))
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"table": "t", "key": "nr"}, "there is no column 'nr'.*id, name"),
        ({"table": "t", "changed": "changed_at", "deleted": "gone"}, "no column 'changed_at', 'gone'"),
        ({"table": "nowhere"}, "no table nowhere"),
        ({"query": "SELECT nothing FROM t"}, "query|understand"),
        ({"query": "SELEKT id FROM t"}, "understand"),
        ({"query": "SELECT a.id, b.id FROM t a JOIN t b ON a.id = b.id"}, "two columns"),
    )
    for declared, said in cases:
        if said == "two columns" and admin.product in ("sqlite", "duckdb"):
            continue  # these tell them apart themselves: id and id:1, id and id_1
        connector = one(admin, **declared)
        with pytest.raises(ConfigurationError, match=said):
            rows(connector)
        assert not next(c for c in connector.probe().capabilities if c.name == "debtor").available
    assert one(admin, table="t").probe().capabilities[0].detail == "table t: id, name"


def a_write_is_refused_by_the_database(admin: Admin) -> None:
    """Also where the login could: a statement that writes fails, whoever declared it."""
    from sqlalchemy import text

    table(admin, "id integer", (1,))
    if admin.product == "postgresql":
        admin.run("GRANT ALL ON t TO public")
    connector = one(admin, table="t")
    for statement in ("INSERT INTO t VALUES (2)", "DELETE FROM t", "CREATE TABLE u (id integer)"):
        with (
            pytest.raises(ConfigurationError, match="wants to write"),
            translated("erp", "debtor", "query"),
            connector._sessions.opened() as session,
        ):
            session.rows(text(statement))
    assert admin.run("SELECT count(*) FROM t") == [(1,)]


RULES: tuple[Rule, ...] = (
    keys_are_compared_as_text,
    numbers_arrive_digit_by_digit,
    a_query_means_what_it_says,
    names_are_quoted,
    rows_of_one_key_are_judged,
    a_key_that_names_no_row_is_refused,
    a_row_without_a_key_withholds_complete,
    what_is_marked_is_deleted,
    a_stamp_is_found_at_itself,
    a_cursor_is_never_beyond_the_clock,
    a_version_is_a_cursor,
    a_cursor_of_another_kind_reads_everything,
    a_day_is_read_again_until_it_is_over,
    an_epoch_is_an_instant_where_it_is_declared,
    what_is_not_there_is_named,
    a_write_is_refused_by_the_database,
)
