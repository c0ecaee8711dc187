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
    "sync_engine/store/outbox/reading.py": "ages are shown by the clock that wrote when: our own may be the one that is wrong",
    "sync_engine/store/queries/source_status.py": "ages are shown by the clock that wrote when: our own may be the one that is wrong",
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


def defaults(tree: ast.AST) -> Iterator[str]:
    """Where code makes a clock while it is imported, or lets a caller leave one out: who forgets it decides by the machine's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            plain = [*node.args.posonlyargs, *node.args.args]
            given = [
                *zip(reversed(plain), reversed(node.args.defaults), strict=False),
                *((x, d) for x, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d),
            ]
            yield from (f"{x.lineno}: {x.arg}" for x, _ in given if x.annotation and _is_clock(x.annotation))
        if isinstance(node, ast.AnnAssign) and node.value and _is_clock(node.annotation):
            yield f"{node.lineno}: {ast.unparse(node.target)}"
    yield from _made_at_import(tree)


def _made_at_import(node: ast.AST) -> Iterator[str]:
    """Clocks that are made before any function is called: in modules, classes and defaults."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _made_at_import(child.args)
            continue
        if isinstance(child, ast.Call) and _is_clock(child.func):
            yield f"{child.lineno}: {ast.unparse(child)}"
        yield from _made_at_import(child)


def _is_clock(node: ast.expr) -> bool:
    return re.search(r"\b(?:[A-Z]\w*)?Clock\b", ast.unparse(node)) is not None


def test_nobody_gets_the_machines_clock_by_leaving_it_out() -> None:
    """Every module, Dagster's too: a clock is given, by whoever opens the workshop."""
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for package in (*PACKAGES, "dagster_project")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (lines := list(defaults(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == {}


def test_a_default_clock_is_recognised() -> None:
    """However it is written, and a clock that is given or made inside a function is none."""
    wrong = (
        "def f(x, clock: Clock = MACHINE): ...",
        "def f(*, clock: ports.Clock | None = None): ...",
        "def f(clock=SystemClock()): ...",
        "f = lambda clock=SystemClock(): clock",
        "MACHINE = SystemClock()",
        "class A:\n    clock: Clock = MACHINE",
        "class A:\n    clock = field(default=clock.SystemClock())",
    )
    right = (
        "def f(*, clock: Clock, x: int = 1): ...",
        "def f():\n    return SystemClock()",
        "class A:\n    clock: Clock",
        "def f(clock: Clock):\n    g(clock)",
    )
    assert [line for line in wrong if not list(defaults(ast.parse(line)))] == []
    assert [line for line in right if list(defaults(ast.parse(line)))] == []


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
