"""docs/glossary.md: every word says what it is and where it lives, and what it names is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import psycopg
import pytest

from sync_engine.platform.urls import psycopg_url
from tests.architecture.test_named_commands import wrong

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"(?m)^\*\*(.+?)\*\* — (.+)$", TEXT))
PACKAGES = ("sync_engine", "connectors", "mappings", "dagster_project", "tests")


def relations(url: str) -> set[str]:
    """Tables and views of both schemas."""
    with psycopg.connect(psycopg_url(url)) as connection:
        found = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema IN ('canonical', 'engine')"
        ).fetchall()
    return {str(name) for (name,) in found}


def missing(text: str, there: set[str]) -> list[str]:
    """What an entry names and nobody has: a table, a module, a command."""
    found = []
    for name in re.findall(r"`([^`]+)`", text):
        if name.startswith(("canonical.", "engine.")):
            found += [name] if name not in there else []
        elif name.split(".")[0] in PACKAGES and re.fullmatch(r"[a-z_.]+", name):
            found += [name] if not has_module(name) else []
    return found + wrong(text)


def has_module(name: str) -> bool:
    """Whether a module or package can be found by name."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_what_is_named_is_there(database: str) -> None:
    """Tables, modules and commands, entry by entry."""
    there = relations(database)
    assert {word: gone for word, text in ENTRIES.items() if (gone := missing(text, there))} == {}


def test_every_word_lives_somewhere() -> None:
    """An entry ends with the places it is about."""
    assert len(ENTRIES) > 80
    assert [word for word, text in ENTRIES.items() if not text.endswith("`")] == []


def test_every_paragraph_is_an_entry() -> None:
    """None is lost by the way it is written."""
    written = [line for line in TEXT.splitlines() if line.startswith("**")]
    assert len(written) == len(ENTRIES)


def test_the_words_are_in_order() -> None:
    """By the alphabet, whatever their case."""
    assert list(ENTRIES) == sorted(ENTRIES, key=str.casefold)


@pytest.mark.parametrize("text", ["`canonical.debtors`", "`sync_engine.spool`", "`sync-engine sweep aprove`"])
def test_what_is_not_there_is_found(text: str, database: str) -> None:
    """The search can fail: a table, a module, a command."""
    assert missing(text, relations(database))
