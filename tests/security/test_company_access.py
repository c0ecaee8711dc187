"""A login reads the companies it was granted: in every table, view and function of `canonical`, enumerated, for every kind of login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from migrations import row_security
from sync_engine.platform.urls import psycopg_url
from tests.cli.conftest import bare_desk, desk
from tests.cli.desk import Desk
from tests.simulators.business_central.seeds import generate
from tests.simulators.business_central.world import Company

__all__ = ["bare_desk", "desk"]
Rows = list[tuple[object, ...]]
PUBLIC = row_security.OF_EVERYBODY | {"field", "metric_definition", "ownership"}
"""Relations that name no company and nobody: the same for all."""
RELATIONS = """
    SELECT c.relname, 'canonical.' || quote_ident(c.relname) FROM pg_class c
    WHERE c.relnamespace = 'canonical'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
    UNION ALL SELECT p.proname, 'canonical.' || p.proname || '(current_date)' FROM pg_proc p
    WHERE p.pronamespace = 'canonical'::regnamespace AND p.proretset AND p.proargtypes[0] = 'date'::regtype
        AND p.pronargs - p.pronargdefaults = 1 ORDER BY 1
    """
OF_THE_STORE = (",policy,", ",link_rule,")
"""Entities of the change feed that are settings, and nobody's."""
PARTIES = """
    SELECT id::text FROM canonical.{0} d WHERE NOT EXISTS (SELECT FROM canonical.link l WHERE l.canonical_id = d.id AND l.source = 'bc')
    """
SOURCED = """
    SELECT a.table_name FROM information_schema.columns a JOIN information_schema.columns b USING (table_schema, table_name)
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE table_schema = 'canonical' AND t.table_type = 'BASE TABLE' AND a.column_name = 'id' AND b.column_name = 'source'
    """


@pytest.fixture
def logins(database: str) -> Iterator[dict[str, str]]:
    """What a role is for -> its name: readers of one company, of all, of nothing, a writer, and one that was granted tables by hand."""
    end = database.rsplit("test_", 1)[1].split("?")[0]
    names = {kind: f"{kind}_{end}" for kind in ("one", "every", "nothing", "writer", "by_hand")}
    with psycopg.connect(psycopg_url(database), autocommit=True) as connection:
        for kind, name in names.items():
            role = {"writer": "sync_engine_writer", "by_hand": None}.get(kind, "sync_engine_reader")
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
            if role:
                connection.execute(
                    sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(name))
                )
            else:
                connection.execute(
                    sql.SQL(
                        "GRANT USAGE ON SCHEMA canonical TO {0}; GRANT SELECT ON ALL TABLES IN SCHEMA canonical TO {0}"
                    ).format(sql.Identifier(name))
                )
        yield names
        for name in names.values():
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))  # fmt: skip


@pytest.fixture
def companies(desk: Desk) -> tuple[Company, Company]:
    """Two companies in one store, each with its books: `bc` and `other`."""
    other = generate(desk.simulator.world, customers=5, invoices=12, seed=11, name="ØRSTED & SØNNER")
    desk.json("run", "bc")
    desk.configure("other", company=other.name)
    desk.json("run", "other")
    return desk.company, other


@contextmanager
def asking(database: str, login: str | None) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A session of a login's own; None: of the owner."""
    url = psycopg_url(database.replace("postgres@", f"{login}@", 1) if login else database)
    with psycopg.connect(url) as connection:
        yield connection


def of_the_other(database: str) -> list[str]:
    """Ids of everything that only the other company has, and what begins a row of a certificate of its cuts."""
    with asking(database, None) as connection:
        asked = [PARTIES.format("debtor"), PARTIES.format("contact")]
        asked += [
            f"SELECT id::text FROM canonical.{r[0]} WHERE source = 'other'"
            for r in connection.execute(SOURCED).fetchall()
        ]
        words = [str(row[0]) for query in asked for row in connection.execute(query.encode()).fetchall()]
        cuts = connection.execute(
            "SELECT '(' || cut_id || ',C' FROM canonical.cut WHERE source = 'other'"
        ).fetchall()
    assert len(words) > 60
    return [*words, ",other,", "(other,", *(str(row[0]) for row in cuts)]


def seen(database: str, login: str | None) -> dict[str, list[str]]:
    """Every table, view and function of a date, and its rows as text."""
    found: dict[str, list[str]] = {}
    with asking(database, None) as connection:
        relations = connection.execute(RELATIONS).fetchall()
    assert len(relations) > 60
    with asking(database, login) as connection:
        for name, call in relations:
            rows = connection.execute(f"SELECT CAST(x AS text) FROM {call} x".encode()).fetchall()
            found[f"{name}()" if str(call).endswith(")") else str(name)] = sorted(str(row[0]) for row in rows)
    return found


def test_every_relation_shows_each_login_what_it_was_granted(
    desk: Desk, companies: tuple[Company, Company], logins: dict[str, str], database: str
) -> None:
    """Open at first; after the first grant one sees its company and not a word of the other, another all, the others nothing."""
    everything = seen(database, None)
    for login in logins.values():
        assert seen(database, login) == everything
    now = desk.json("access", "grant", logins["one"], "--company", companies[0].name.upper())
    assert set(now["see_nothing"]) >= {
        logins["every"],
        logins["nothing"],
        logins["writer"],
        logins["by_hand"],
    }
    desk.json("access", "grant", logins["every"], "--all")
    assert seen(database, None) == everything
    assert seen(database, logins["every"]) == everything
    words = of_the_other(database)
    for name, rows in seen(database, logins["one"]).items():
        assert not [row for row in rows if any(w in row for w in words)], name
    for kind in ("nothing", "writer", "by_hand"):
        found = seen(database, logins[kind])
        assert {name for name, rows in found.items() if rows} <= PUBLIC | {"metrics()", "metrics"}, kind


def test_what_is_ones_own_is_whole(
    desk: Desk, companies: tuple[Company, Company], logins: dict[str, str], database: str
) -> None:
    """A reader of one company sees all rows of every table that are not the other's, but for those of the change feed that tell settings."""
    desk.json("access", "grant", logins["one"], "--company", companies[0].name)
    found = seen(database, logins["one"])
    words = of_the_other(database)
    for name, rows in seen(database, None).items():
        if name in row_security.RULES:
            own = [
                r for r in rows if not any(w in r for w in words) and not any(x in r for x in OF_THE_STORE)
            ]
            assert found[name] == own, name


def test_every_table_has_a_rule_or_says_nothing_of_anybody(database: str) -> None:
    """A new table is seen by nobody until somebody has thought of it, and this fails until then."""
    with asking(database, None) as connection:
        tables = connection.execute(
            "SELECT relname, relrowsecurity FROM pg_class WHERE relkind = 'r' AND relnamespace = 'canonical'::regnamespace"
        ).fetchall()
    assert {str(name) for name, _ in tables} == set(row_security.RULES) | row_security.OF_EVERYBODY
    assert {str(name) for name, is_on in tables if is_on} == set(row_security.RULES)


def test_a_dump_by_a_reader_is_refused_and_not_shortened(logins: dict[str, str], database: str) -> None:
    """`pg_dump` asks with row security off: the owner gets every row, anybody else an error, also while nothing is restricted."""
    with asking(database, None) as connection:
        connection.execute("SET row_security = off")
        connection.execute("SELECT FROM canonical.debtor")
    with asking(database, logins["nothing"]) as connection:
        connection.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM canonical.debtor")


def test_what_was_revoked_is_gone_and_the_store_stays_closed(
    desk: Desk, companies: tuple[Company, Company], logins: dict[str, str], database: str
) -> None:
    """The last grant is taken back: nobody sees anything. Granted to the role of all readers, everybody does. Wrong names are refused."""
    count = "SELECT count(*) FROM canonical.debtor"
    desk.json("access", "grant", logins["one"], "--company", companies[1].name)
    with asking(database, logins["one"]) as connection:
        assert connection.execute(count).fetchone() == (5,)
    assert desk.run("access", "revoke", logins["one"], "--company", companies[0].name).code == 2
    now = desk.json("access", "revoke", logins["one"])
    assert (now["restricted"], now["grants"]) == (True, [])
    assert logins["one"] in now["see_nothing"]
    with asking(database, logins["one"]) as connection:
        assert connection.execute(count).fetchone() == (0,)
    now = desk.json("access", "grant", "sync_engine_reader", "--all")
    assert set(now["see_nothing"]) == {logins["writer"], logins["by_hand"]} | (
        set(now["see_nothing"]) - set(logins.values())
    )
    with asking(database, logins["one"]) as connection:
        assert connection.execute(count).fetchone() == (19,)
    assert "there are" in desk.run("access", "grant", logins["one"], "--company", "Nobody Ltd.").err.lower()
    assert desk.run("access", "grant", "no_such_login", "--all").code == 2
    assert desk.run("access", "grant", logins["one"]).code == 2
    assert logins["one"] not in desk.run("access", "list").err


def test_a_writer_is_known_by_its_login(
    desk: Desk, companies: tuple[Company, Company], logins: dict[str, str], database: str
) -> None:
    """Whatever it writes as said_by: the inbox and the audit keep the login, which it cannot set. It writes about its company alone."""
    desk.json("access", "grant", logins["writer"], "--company", companies[0].name)
    say = "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) VALUES ('debtor', %s, 'chasing_paused', 'true', 'the director')"
    with asking(database, None) as connection:
        ours, theirs = (
            connection.execute(
                "SELECT canonical_id FROM canonical.link WHERE entity = 'debtor' AND source = %s ORDER BY 1",
                [name],
            ).fetchone()
            for name in ("bc", "other")
        )
    with asking(database, logins["writer"]) as connection:
        connection.execute(say, ours)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(say, theirs)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(
                say.replace("said_by)", "said_by, login)")
                .replace("director')", "director', 'postgres')")
                .encode(),
                ours,
            )
    desk.json("run", "bc")
    told = desk.json(
        "sql",
        "SELECT c.actor, c.login, i.login FROM canonical.change c CROSS JOIN canonical.claim_inbox i WHERE c.reason LIKE 'claim inbox%'",
    )
    assert told["rows"] == [["the director", logins["writer"], logins["writer"]]]
    desk.json("audit", "verify")
    with asking(database, None) as connection:
        connection.execute(
            "UPDATE canonical.change SET login = 'somebody_else' WHERE login = %s", [logins["writer"]]
        )
    assert desk.run("audit", "verify").code == 1
