"""Every place from where another system could be changed is known by name: a new one fails until somebody has said what it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VERBS = {
    "ask", "write", "push", "post", "put", "patch", "delete", "request", "send", "stream", "execute", "executemany", "exec_driver_sql", "commit", "change",
}  # fmt: skip
"""Methods by which requests are sent and statements are run, whoever has them."""
CHANGES = re.compile(
    r"\s*(insert\s+into|update\s+\S+\s+set|delete\s+from|merge\s+into|truncate|call\s+\w|(create|drop|alter)\s+(table|view|index|schema|role))\b",
    re.IGNORECASE,
)
WRITES = {
    "connectors/business_central/connector.py write .write": "subscriptions of notifications, asked for by `hints`",
    "connectors/business_central/connector.py push .push": "what is writable, through the module below",
    "connectors/business_central/webhooks.py subscribe .write": "the same subscriptions",
    "connectors/business_central/writing.py push .write": "PATCH with If-Match of what is writable",
    "connectors/dynamics_crm/connector.py push .write": "what is writable, through its service",
    "connectors/dynamics_crm/organization_data.py write .write": "MERGE of what is writable",
    "connectors/dynamics_crm/web_api.py write .write": "PATCH with If-Match of what is writable",
    "connectors/sql/connector.py push .push": "the declared statement, through the module below",
    "connectors/sql/session.py change .execute": "the declared statement",
    "connectors/sql/session.py commit .commit": "of the declared statement",
    "connectors/sql/writing.py push .change": "the declared statement",
    "connectors/sql/writing.py push .commit": "of the declared statement",
    "sync_engine/stages/deliver.py _push .push": "the only place of the engine that asks a connector to write",
    "connectors/toolkit/alerts.py _post .write": "a message for people, to the address that the alerts' settings name, which is no source",
    "connectors/toolkit/http/client.py _send .request": "where every request goes through: `ask` reads, `write` is named wherever it is called",
}
"""Where something outside can be changed."""
READS = {
    "connectors/business_central/analytics.py _pull .write": "a cursor as text",
    "connectors/business_central/connector.py request .request": "tells a request, sends none",
    "connectors/business_central/ledger.py cursor .write": "a cursor as text",
    "connectors/business_central/ledger.py pull .write": "a cursor as text",
    "connectors/business_central/reading.py _batches .write": "a cursor as text",
    "connectors/business_central/reading.py following .write": "a cursor as text",
    "connectors/dynamics_crm/connector.py request .request": "tells a request, sends none",
    "connectors/dynamics_crm/connector.py streams .stream": "describes a stream",
    "connectors/dynamics_crm/organization_data.py write .request": "tells a request, sends none",
    "connectors/dynamics_crm/web_api.py write .request": "tells a request, sends none",
    "connectors/files/parquet.py read_parquet .execute": "a database in memory that reads a file",
    "connectors/netsuite/asking.py _first .ask": "SuiteQL is asked by POST",
    "connectors/netsuite/asking.py short .ask": "SuiteQL is asked by POST",
    "connectors/sql/connector.py request .request": "tells a statement, runs none",
    "connectors/sql/session.py _begin .commit": "of the first statements of a connection",
    "connectors/sql/session.py _begin .execute": "settings of a connection",
    "connectors/sql/session.py _end .exec_driver_sql": "ends our own statement in MariaDB",
    "connectors/sql/session.py _made .exec_driver_sql": "BEGIN in SQLite",
    "connectors/sql/session.py _run .execute": "a SELECT in a file of DuckDB's that is opened read only",
    "connectors/sql/session.py described .execute": "a SELECT",
    "connectors/sql/session.py opened .execute": "settings of a connection of DuckDB's, opened read only",
    "connectors/sql/session.py parts .execute": "a SELECT",
    "connectors/sql/session.py rows .execute": "a SELECT",
    "connectors/toolkit/auth/assertion.py acquire .post": "asks for a token",
    "connectors/toolkit/auth/entra.py _ask .request": "asks for a token",
    "connectors/toolkit/http/client.py get .ask": "GET",
    "connectors/toolkit/lanes.py _put .put": "puts a page into a queue",
    "connectors/toolkit/pagination.py _reply .ask": "GET, or the POST of a connector whose reading is asked by it",
    "connectors/toolkit/pagination.py page .request": "tells the request of a page",
    "connectors/toolkit/soap/client.py _result .ask": "SOAP is asked by POST; e-conomic's operations that read are named in its catalogue",
    "connectors/toolkit/soap/session.py _opened .post": "a login of SOAP",
}
"""Calls of the same names that change nothing."""


def test_every_call_that_could_change_something_is_known() -> None:
    """Neither more nor fewer than these. A new one belongs under `WRITES`, guarded by `writable`, or under `READS` with what makes it a reading."""
    assert sorted(set(calls())) == sorted({*WRITES, *READS})


def test_no_connector_has_a_statement_that_writes() -> None:
    """Whoever wants a row changed brings the statement in his YAML."""
    assert [
        said
        for path in sorted(ROOT.glob("connectors/**/*.py"))
        for said in statements(path.read_text(encoding="utf-8"))
    ] == []


def test_a_statement_that_writes_would_be_seen() -> None:
    """In a constant, also of several lines, and not in a docstring."""
    assert statements(
        '"""UPDATE t SET a = 1"""\nx = """\n  update t SET a = 1"""\ny = f"DELETE FROM {x}"'
    ) == ["update t SET a = 1", "DELETE FROM"]


def test_a_new_call_would_be_seen() -> None:
    """The search finds a verb in a method and in a lambda, and knows in which."""
    text = "class A:\n    def tell(self):\n        return (lambda: self.client.patch('u'))()\n"
    assert [
        (inside, node.func.attr)
        for inside, node in _calls(ast.parse(text), "")
        if isinstance(node.func, ast.Attribute)
    ] == [("tell", "patch")]


def statements(text: str) -> list[str]:
    """Texts of a module that begin like a statement that changes something; no docstrings."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    said = [
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docstrings
    ]
    return [one.strip() for one in said if CHANGES.match(one)]


def calls() -> Iterator[str]:
    """`module function .verb` of every such call in a connector, and in the engine of a connector's `push`."""
    for path in sorted(
        [
            *ROOT.glob("connectors/**/*.py"),
            *ROOT.glob("sync_engine/stages/*.py"),
            *ROOT.glob("sync_engine/ops/**/*.py"),
        ]
    ):
        name = path.relative_to(ROOT).as_posix()
        verbs = VERBS if name.startswith("connectors/") else {"push"}
        for function, node in _calls(ast.parse(path.read_text(encoding="utf-8")), ""):
            if isinstance(node.func, ast.Attribute) and node.func.attr in verbs:
                yield f"{name} {function} .{node.func.attr}"


def _calls(tree: ast.AST, inside: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.iter_child_nodes(tree):
        name = node.name if isinstance(node, ast.FunctionDef) else inside
        if isinstance(node, ast.Call):
            yield inside, node
        yield from _calls(node, name)
