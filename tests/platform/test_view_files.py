"""Views and functions: the database has what the files say, and a later migration changes one without taking anything from a reader."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.runtime.migration import MigrationContext
from psycopg import sql

import migrations
from migrations import views
from sync_engine.errors import StoreError
from sync_engine.platform import migrate
from sync_engine.platform.urls import psycopg_url
from sync_engine.store.db import open_engine

Rows = list[tuple[object, ...]]
TEXTS = """
    SELECT n.nspname || '.' || c.relname, pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'v' AND n.nspname IN ('canonical', 'engine')
    UNION ALL SELECT n.nspname || '.' || p.proname, pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('canonical', 'engine')
    UNION ALL SELECT n.nspname || '.' || c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'c' AND n.nspname IN ('canonical', 'engine') GROUP BY 1
    """
COMMENTS = """
    SELECT pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description FROM pg_description d LEFT JOIN pg_class c ON c.oid = d.objoid
    WHERE c.relkind = 'v' AND c.relnamespace IN (to_regnamespace('canonical'), to_regnamespace('engine'))
       OR d.objoid IN (SELECT oid FROM pg_proc WHERE pronamespace IN (to_regnamespace('canonical'), to_regnamespace('engine'))) ORDER BY 1
    """
GRANTS = """
    SELECT table_name, grantee, privilege_type, is_grantable FROM information_schema.table_privileges WHERE table_schema IN ('canonical', 'engine')
    UNION ALL SELECT table_name || '.' || column_name, grantee, privilege_type, is_grantable FROM information_schema.column_privileges
    WHERE table_schema IN ('canonical', 'engine')
    UNION ALL SELECT routine_name, grantee, privilege_type, is_grantable FROM information_schema.routine_privileges
    WHERE routine_schema IN ('canonical', 'engine') ORDER BY 1, 2, 3
    """
STEP = """
revision, down_revision, branch_labels, depends_on = "9999", "{newest}", None, None

def upgrade():
    from alembic import op
    op.execute("ALTER TABLE canonical.cut ALTER COLUMN source TYPE varchar(200)")

def downgrade():
    from alembic import op
    op.execute("ALTER TABLE canonical.cut ALTER COLUMN source TYPE text")
"""


def asked(url: str, query: str) -> Rows:
    """The rows of a query."""
    with psycopg.connect(psycopg_url(url), autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def defined(url: str) -> dict[object, object]:
    """The text of each view, function and type."""
    return {row[0]: row[1] for row in asked(url, TEXTS)}


def made_again(url: str, name: str | None = None) -> None:
    """Views from their files, as a migration makes them."""
    engine = open_engine(url)
    with engine.begin() as connection:
        views.replace(MigrationContext.configure(connection), name)
    engine.dispose()


@pytest.fixture
def reader(database: str) -> Iterator[str]:
    """A role of somebody's own: it sees two views, one of them in part, and may pass one on; nobody else may ask a function."""
    name = "reader_" + database.rsplit("test_", 1)[1].split("?")[0]
    with psycopg.connect(psycopg_url(database), autocommit=True) as connection:
        for statement in (
            "CREATE ROLE {}",
            "GRANT SELECT ON canonical.open_items TO {} WITH GRANT OPTION",
            "GRANT SELECT (source, grade) ON canonical.grade TO {}",
            "REVOKE SELECT ON canonical.grade FROM sync_engine_reader",
            "REVOKE ALL ON FUNCTION canonical.open_items_at FROM PUBLIC",
            "GRANT EXECUTE ON FUNCTION canonical.open_items_at TO {}",
        ):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of the test's own, with the files of the views: the one there is and one step more."""
    copy = tmp_path / "migrations"
    shutil.copytree(Path(str(migrations.__file__)).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    newest = max(path.name.partition("_")[0] for path in (copy / "versions").glob("[0-9]*_*.py"))
    (copy / "versions" / "9999_source.py").write_text(STEP.replace("{newest}", newest))
    monkeypatch.setattr(migrate, "_scripts", lambda: copy)
    monkeypatch.setattr(views, "FILES", copy / "views")
    return copy


def test_the_database_has_what_the_files_say(database: str) -> None:
    """Every view, function and type has a file, and making them again from the files changes none, nor a comment or a grant."""
    texts, comments, grants = (
        defined(database),
        asked(database, COMMENTS),
        asked(database, GRANTS),
    )
    assert set(texts) == {definition.name for definition in views.definitions()}
    made_again(database)
    assert defined(database) == texts
    assert asked(database, COMMENTS) == comments
    assert asked(database, GRANTS) == grants


def test_one_is_made_again_with_what_stands_on_it(database: str, reader: str) -> None:
    """A view changed by hand is again as its file says, its comments too; what was granted on it and above it is kept."""
    texts, comments, grants = (
        defined(database),
        asked(database, COMMENTS),
        asked(database, GRANTS),
    )
    assert any(row[1] == reader for row in grants)
    with psycopg.connect(psycopg_url(database), autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE VIEW canonical.last_cut AS SELECT source, cut_id, as_of, ledger_date, published_at FROM canonical.cut WHERE false"
        )
        connection.execute("COMMENT ON VIEW canonical.open_items IS 'by hand'")
    assert defined(database) != texts
    made_again(database, "canonical.last_cut")
    assert defined(database) == texts
    assert asked(database, COMMENTS) == comments
    assert asked(database, GRANTS) == grants


def test_a_later_migration_changes_a_view_and_the_table_under_it(
    database: str, reader: str, history: Path
) -> None:
    """A column that views stand on gets another type, a view another column; comments and grants stay, new databases get the same."""
    comments, grants = asked(database, COMMENTS), asked(database, GRANTS)
    file = history / "views" / "canonical.grade.sql"
    said = file.read_text()
    assert "missing\nFROM" in said
    file.write_text(said.replace("missing\nFROM", "missing, 1 AS added\nFROM"))
    migrate.upgrade(database)
    assert migrate.current(database) == "9999"
    assert asked(database, "SELECT added FROM canonical.grade") == []
    assert asked(database, COMMENTS) == comments
    assert [row for row in asked(database, GRANTS) if not str(row[0]).endswith(".added")] == grants
    new = defined(database)
    migrate.downgrade(database, "0001")
    assert defined(database) == {}
    migrate.upgrade(database)
    assert defined(database) == new


def test_a_view_of_somebody_else_on_one_of_ours(database: str, history: Path) -> None:
    """The migration does not take it away: it names it, and leaves the database as it was."""
    texts, revision = defined(database), migrate.current(database)
    with psycopg.connect(psycopg_url(database), autocommit=True) as connection:
        connection.execute("CREATE VIEW public.theirs AS SELECT * FROM canonical.open_items")
    with pytest.raises(StoreError, match=r"view theirs depends on view canonical\.open_items"):
        migrate.upgrade(database)
    assert history.is_dir()
    assert defined(database) == texts
    assert migrate.current(database) == revision
