"""Rows changed by a declared statement: one or none, the version that was read or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import event
from sqlalchemy.engine import Engine

from connectors.sql import Sql
from connectors.sql.settings import WriteStatement
from sync_engine.records import Change, Receipt
from tests.connectors.sql.support import SECRET, one
from tests.simulators.sql import Admin

UPDATE = "UPDATE kunde SET name = :name, credit = :credit, changed = changed_now() WHERE id = :key AND changed = :version"
COLUMNS = {"name": "name", "credit": "credit"}


def furnished(admin: Admin) -> Admin:
    """Two customers; the second is locked by a rule of the database's own."""
    is_file = admin.product == "sqlite"
    stamp = "TEXT" if is_file else "timestamptz"
    admin.run(
        f"CREATE TABLE kunde (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, credit NUMERIC(12,2), changed {stamp}, CHECK (name <> 'LOCKED'))"
    )
    for key, name in ((1, "HANSEN & SØN"), (2, "O'Neill")):
        admin.run(
            "INSERT INTO kunde VALUES (?, ?, 100.50, ?)",
            key,
            name,
            "2026-03-02 08:00:00+00:00" if is_file else "2026-03-02 08:00:00.123456+00",
        )
    if not is_file:
        admin.run(f"GRANT UPDATE ON kunde TO reader_{admin.place.rpartition('/')[2].partition('?')[0]}")
    return admin


def writing(admin: Admin, statement: str = UPDATE, **more: Any) -> Sql:
    """A connector that may write."""
    now = "'2026-03-02 09:00:00+00:00'" if admin.product == "sqlite" else "clock_timestamp()"
    write = {"statement": statement.replace("changed_now()", now), "columns": COLUMNS}
    declared = {"table": "kunde", "changed": "changed", "write": write, **more}
    return one(admin, **{name: value for name, value in declared.items() if value is not None})


def push(connector: Sql, key: str = "1", version: str | None = None, **fields: Any) -> Receipt:
    """A write to the version that is there, or to another one."""
    found = connector.current("debtor", key)
    assert found is not None
    return connector.push(Change("debtor", key, fields, found.version if version is None else version, "k"))


def row(admin: Admin, key: int = 1) -> tuple[Any, ...]:
    """Name and credit as the database has them."""
    name, credit = admin.run("SELECT name, credit FROM kunde WHERE id = ?", key)[0]
    return name, f"{float(credit):.2f}"


@pytest.fixture(params=["sqlite", "pg"])
def admin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Admin:
    """A file and a server."""
    found: Admin = furnished(request.getfixturevalue(request.param))
    if found.password:
        monkeypatch.setenv(SECRET, found.password)
    return found


def test_a_row_is_changed_and_nothing_else(admin: Admin) -> None:
    """Quotes and percent signs are bound, what is not named stays, the version moves on."""
    connector = writing(admin)
    before = connector.current("debtor", "1")
    assert push(connector, name="50 % o'Brien: :x") == Receipt("delivered")
    assert (row(admin), row(admin, 2)) == (("50 % o'Brien: :x", "100.50"), ("O'Neill", "100.50"))
    after = connector.current("debtor", "1")
    assert before is not None
    assert after is not None
    assert before.version != after.version
    assert push(connector, credit="99999.99") == Receipt("delivered")
    assert row(admin) == ("50 % o'Brien: :x", "99999.99")


def test_another_version_is_a_conflict(admin: Admin) -> None:
    """Somebody saved the row since it was read; so is a row that is gone."""
    connector = writing(admin)
    assert push(connector, version="2020-01-01 00:00:00+00", name="X").outcome == "conflict"
    found = connector.current("debtor", "2")
    assert found is not None
    admin.run("DELETE FROM kunde WHERE id = 2")
    assert connector.push(Change("debtor", "2", {"name": "X"}, found.version, "k")).outcome == "conflict"
    assert connector.current("debtor", "2") is None
    assert row(admin) == ("HANSEN & SØN", "100.50")


def test_a_refusal_has_the_words_of_the_database(admin: Admin) -> None:
    """A rule of the database's own, and nothing was changed."""
    refused = push(writing(admin), name="LOCKED")
    assert refused.outcome == "refused"
    assert "constraint" in refused.words.casefold()
    assert row(admin) == ("HANSEN & SØN", "100.50")


def test_a_statement_that_changes_two_rows_is_taken_back(admin: Admin) -> None:
    """The key does not name one row there: nothing of it stays."""
    connector = writing(
        admin, "UPDATE kunde SET name = :name, credit = :credit WHERE id >= :key AND changed <= :version"
    )
    refused = push(connector, name="BOTH")
    assert (refused.outcome, "2 rows" in refused.words) == ("refused", True)
    assert (row(admin)[0], row(admin, 2)[0]) == ("HANSEN & SØN", "O'Neill")


def test_without_a_stamp_the_values_are_compared(admin: Admin) -> None:
    """The version is a hash of the row, and the statement compares what was read."""
    statement = "UPDATE kunde SET name = :name, credit = :credit WHERE id = :key AND name = :was_name AND credit = :was_credit"
    connector = writing(admin, statement, changed=None)
    found = connector.current("debtor", "1")
    assert found is not None
    assert push(connector, name="NEW") == Receipt("delivered")
    assert connector.push(Change("debtor", "1", {"name": "NEWER"}, found.version, "k")).outcome == "conflict"
    assert row(admin)[0] == "NEW"


def test_a_login_without_the_right_is_refused(pg: Admin) -> None:
    """The database keeps us from writing where nobody gave the right."""
    furnished(pg)
    pg.run(f"REVOKE UPDATE ON kunde FROM reader_{pg.place.rpartition('/')[2].partition('?')[0]}")
    refused = push(writing(pg), name="X")
    assert (refused.outcome, "permission denied" in refused.words) == ("refused", True)


def test_only_what_has_a_statement_opens_a_session_that_writes(admin: Admin) -> None:
    """Without `write` nothing is writable, and reading runs SELECT and settings of the session alone."""
    said: list[str] = []
    listen = lambda connection, cursor, statement, *more: said.append(statement)  # noqa: E731
    event.listen(Engine, "before_cursor_execute", listen)
    try:
        connector = writing(admin, write=None)
        assert connector.writable("debtor") == frozenset()
        list(connector.pull("debtor", None))
        list(connector.keys("debtor"))
        connector.current("debtor", "1")
        connector.probe()
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    words = {statement.split()[0].upper() for statement in said}
    assert words <= {"SELECT", "BEGIN", "SHOW", "PRAGMA", "WITH"}, words
    assert writing(admin).writable("debtor") == {"name", "credit"}


@pytest.mark.parametrize(
    ("statement", "columns", "why"),
    [
        ("UPDATE t SET a = :a WHERE x = :version", {"a": "a"}, "every row"),
        ("UPDATE t SET a = :a WHERE id = :key", {"a": "a"}, "write over"),
        ("UPDATE t SET b = 1 WHERE id = :key AND v = :version", {"a": "a"}, "binds no :a"),
        ("UPDATE t SET a = :a WHERE id = :key AND a = ':version'", {"a": "a", "key": "b"}, "cannot be bound"),
    ],
    ids=["no key", "no version", "a column that is not bound", "a name of ours"],
)
def test_a_statement_that_could_do_harm_is_not_taken(
    statement: str, columns: dict[str, str], why: str
) -> None:
    """When the YAML is read, not when the first row is lost."""
    with pytest.raises(ValidationError, match=why):
        WriteStatement.model_validate({"statement": statement, "columns": columns})
