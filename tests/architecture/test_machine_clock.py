"""Whose clock it is: what the engine decides goes by the workshop's clock, which a test can set, and never by the machine's or the database's.

The database's clock stamps when a row was written. Comparing with it is a decision, but for what this very transaction has stamped.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("sync_engine", "connectors", "mappings")
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"), ("time", "time_ns"), ("func", "now"),
          ("time", "localtime"), ("time", "gmtime")}  # fmt: skip
"""Calls that ask the machine for the time of day. time.monotonic and perf_counter measure how long something takes."""
NOW = r"(?:now\(\)|clock_timestamp\(\)|statement_timestamp\(\)|transaction_timestamp\(\))"
COMPARED = re.compile(
    rf"\b(?:CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP)\b"
    rf"|(?:[<>]=?|<>|!=|BETWEEN|age\(|\(SELECT)\s*{NOW}|{NOW}\s*(?:[<>+-]|=[^>]|::\s*date)|CAST\(\s*{NOW}\s+AS\s+date"
    rf"|(?:WHERE|AND|OR|ON|WHEN|NOT)\s+[\w.]+\s*=\s*{NOW}|[\w.]+\s*=\s*{NOW}\s+(?:AS|ORDER|AND|OR|THEN)\b",
    re.IGNORECASE,
)
"""SQL that decides by the database's clock, rather than noting when it wrote."""
JUST_STAMPED = "now() is the start of the transaction: what is stamped with it was written by this very cut"
ALLOWED = {
    "sync_engine/platform/clock.py": "the one clock that is the machine's: a workshop is given it, or another",
    "sync_engine/store/publishing/parents.py": JUST_STAMPED,
    "sync_engine/store/publishing/contacts.py": JUST_STAMPED,
    "sync_engine/store/publishing/debtors.py": JUST_STAMPED,
    "sync_engine/store/decisions/plans.py": JUST_STAMPED,
    "sync_engine/store/queries/review_queue.py": JUST_STAMPED,
}


def asked(tree: ast.AST) -> Iterator[str]:
    """Where code, or a statement in it, asks for the time of day."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if (owner, node.attr) in CLOCKS:
                yield f"{node.lineno}: {owner}.{node.attr}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in COMPARED.finditer(node.value):
                yield f"{node.lineno}: {' '.join(found[0].split())}"


def test_nothing_is_decided_by_the_machines_clock() -> None:
    """Every module of engine, connectors and mappings, but those that say why; and each of those still has a reason."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if lines := list(asked(ast.parse(path.read_text(encoding="utf-8")))):
                found[path.relative_to(ROOT).as_posix()] = lines
    assert {path: lines for path, lines in found.items() if path not in ALLOWED} == {}
    assert set(ALLOWED) - set(found) == set(), "an excuse that nobody needs"


def test_a_decision_by_the_clock_is_recognised() -> None:
    """What must be found is, and what only notes a moment is not."""
    wrong = (
        "x = datetime.now(UTC)",
        "x = datetime.datetime.now()",
        "x = date.today()",
        "x = time.time()",
        "s = 'SELECT 1 FROM p WHERE until < CURRENT_DATE'",
        "s = 'SELECT 1 FROM p WHERE p.at >= now()'",
        "s = \"SELECT now() - interval '1 day'\"",
        "s = 'SELECT 1 FROM p WHERE p.at = now()'",
    )
    right = (
        "x = clock.now()",
        "x = self.clock.now()",
        "x = time.monotonic()",
        "s = 'UPDATE p SET ended_at = now() WHERE id = 1'",
        "s = 'INSERT INTO p VALUES (coalesce(at, now()))'",
    )
    assert [line for line in wrong if not list(asked(ast.parse(line)))] == []
    assert [line for line in right if list(asked(ast.parse(line)))] == []
