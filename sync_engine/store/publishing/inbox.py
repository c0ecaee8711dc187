"""The claims inbox: what applications said becomes claims of the engine's own source in the next cut, and every row gets an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sync_engine.canonical.inbox import Refusal, Sayable, understood
from sync_engine.ownership.resolve import INBOX, PERSON
from sync_engine.store.db import copy_rows, fetch, run_sql
from sync_engine.store.publishing.cut import Cut, count
from sync_engine.store.publishing.document_overrides import say_about_documents

INBOX_DEBTORS, INBOX_PERSONS = "debtor", "person"
LAST = 1000
"""The place of the engine's own source among the others: behind all."""
AT_ONCE = 20_000
"""Rows taken up by one cut; what is behind them is taken by the next."""


class Word(NamedTuple):
    """One row of the inbox that was understood. `is_withdrawn`: the application takes back what it said before.

    `about` is the record it names, `record_id` the one that became after merges. `said_by` is what the application wrote, `login` who it was
    to the database.
    """

    inbox_id: int
    entity: str
    about: str
    record_id: str
    sayable: Sayable
    value: Any
    is_withdrawn: bool
    said_by: str
    login: str | None


def ensure_inbox(connection: Connection) -> None:
    """The engine's own source exists: role collections, behind all others, without a connector to run."""
    run_sql(
        connection,
        """
        INSERT INTO engine.source (source, connector, role, environment, config, config_hash, position)
        VALUES (:inbox, 'inbox', 'collections', 'production', '{}', '', :last) ON CONFLICT (source) DO NOTHING
        """,
        inbox=INBOX,
        last=LAST,
    )
    run_sql(
        connection,
        """
        INSERT INTO engine.stream (source, entity, family, canonical, facet, rank)
        VALUES (:inbox, :debtors, 'debtors', 'debtor', true, 0), (:inbox, :persons, 'contacts', 'contact', false, 1) ON CONFLICT (source, entity) DO NOTHING
        """,
        inbox=INBOX,
        debtors=INBOX_DEBTORS,
        persons=INBOX_PERSONS,
    )


def take(cut: Cut) -> list[Word]:
    """Takes up what waits: refuses what cannot be understood, makes claims of the rest. One look at an empty index where nothing waits."""
    rows = cut.rows(
        """
        SELECT inbox_id, entity, record_id, field, CAST(value AS text), value IS NULL, said_by, login FROM canonical.claim_inbox WHERE answered_at IS NULL
        ORDER BY inbox_id LIMIT :most
        """,
        most=AT_ONCE,
    )
    if not rows:
        return []
    ensure_inbox(cut.connection)
    words, refused = _understand(rows)
    words, unknown = _find(cut, words)
    words, replaced = _last_words(words)
    words, no_owner = _find_owners(cut, words)
    _answer(cut, ((i, "refused", why) for i, why in (*refused, *unknown, *no_owner)))
    _answer(cut, ((i, "overruled", why) for i, why in replaced))
    _claim(cut, [w for w in words if w.entity == "debtor"])
    say_about_documents(
        cut,
        {(w.record_id, w.sayable.column): (w.value, w.is_withdrawn) for w in words if w.entity == "document"},
    )
    return words


def mark_dirty(cut: Cut, words: list[Word]) -> None:
    """The debtors something was said about are folded in this cut."""
    debtors = {w.record_id for w in words if w.entity == "debtor"}
    if debtors:
        cut.sql(
            "INSERT INTO dirty_debtor (id) SELECT unnest(CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING",
            ids=sorted(debtors),
        )


def answer(cut: Cut, words: list[Word]) -> None:
    """Tells every taken row what became of it, and the audit who said it."""
    if not words:
        return
    now = {**_state(cut, "debtor", words), **_state(cut, "document", words)}
    _answer(cut, ((w.inbox_id, *_judged(w, now.get((w.entity, w.record_id)))) for w in words))
    _copy(
        cut,
        "inbox_word",
        ("inbox_id", "entity", "record_id", "field", "said_by", "login"),
        "inbox_id bigint, entity text, record_id uuid, field text, said_by text, login text",
        [(w.inbox_id, w.entity, w.record_id, w.sayable.column, w.said_by, w.login) for w in words],
    )
    cut.sql("""
        UPDATE change_new c SET actor_kind = 'user', actor = w.said_by, login = w.login, reason = 'claim inbox ' || w.inbox_id FROM inbox_word w
        WHERE c.entity = w.entity AND c.record_id = w.record_id AND (c.field = w.field OR (c.entity = 'document' AND c.field = 'collection_status'))
        """)


def listed(connection: Connection, *, waiting_only: bool, limit: int) -> list[tuple[Any, ...]]:
    """Rows of the inbox, the newest first, with their answers."""
    return [
        tuple(r)
        for r in fetch(
            connection,
            """
        SELECT i.inbox_id, i.entity, coalesce(
            nullif(concat_ws(' ', d.number, d.name), ''), nullif(concat_ws(' ', replace(x.kind, '_', ' '), x.external_no), ''),
            CAST(i.record_id AS text)), i.field,
               CAST(i.value AS text), i.said_by, i.said_at, i.answer, i.why, i.answered_at
        FROM canonical.claim_inbox i LEFT JOIN canonical.debtor d ON i.entity = 'debtor' AND d.id = i.record_id
        LEFT JOIN canonical.document x ON i.entity = 'document' AND x.id = i.record_id
        WHERE NOT :waiting OR i.answered_at IS NULL ORDER BY i.inbox_id DESC LIMIT :limit
        """,
            waiting=waiting_only,
            limit=limit,
        )
    ]


Refused = list[tuple[int, str]]
_LIVING = {
    "debtor": """
        WITH RECURSIVE up AS (
            SELECT id AS asked, id, merged_into, deleted_at, 0 AS steps FROM canonical.debtor WHERE id = ANY(CAST(:ids AS uuid[]))
            UNION ALL SELECT up.asked, d.id, d.merged_into, d.deleted_at, up.steps + 1 FROM up JOIN canonical.debtor d ON d.id = up.merged_into
                WHERE up.steps < 100)
        SELECT asked, id, deleted_at IS NOT NULL FROM up WHERE merged_into IS NULL
        """,
    "document": "SELECT id, id, deleted_at IS NOT NULL FROM canonical.document WHERE id = ANY(CAST(:ids AS uuid[]))",
}


def _understand(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Word], Refused]:
    words, refused = [], []
    for inbox_id, entity, record, field, value, is_withdrawn, said_by, login in rows:
        try:
            if not said_by.strip():
                raise Refusal("said_by is blank; the audit must be able to say who said it")
            sayable, meant = understood(entity, field, value)
        except Refusal as why:
            refused.append((inbox_id, str(why)))
            continue
        words.append(
            Word(inbox_id, entity, str(record), str(record), sayable, meant, is_withdrawn, said_by, login)
        )
    return words, refused


def _find(cut: Cut, words: list[Word]) -> tuple[list[Word], Refused]:
    """Records merged away are followed to the one they became; unknown and deleted ones are refused."""
    found: dict[tuple[str, str], tuple[str, bool]] = {}
    for entity, sql in _LIVING.items():
        wanted = sorted({w.record_id for w in words if w.entity == entity})
        for asked, is_, is_deleted in cut.rows(sql, ids=wanted) if wanted else []:
            found[entity, str(asked)] = (str(is_), bool(is_deleted))
    good, refused = [], []
    for word in words:
        there = found.get((word.entity, word.record_id))
        if there is None or there[1]:
            refused.append(
                (
                    word.inbox_id,
                    f"there is no {word.entity} with this id"
                    if there is None
                    else f"this {word.entity} was deleted in its source",
                )
            )
        else:
            good.append(word._replace(record_id=there[0]))
    return good, refused


def _last_words(words: list[Word]) -> tuple[list[Word], Refused]:
    last = {(w.about, w.sayable.field): w.inbox_id for w in words}
    kept, replaced = [], []
    for word in words:
        final = last[word.about, word.sayable.field]
        if final == word.inbox_id:
            kept.append(word)
        else:
            replaced.append((word.inbox_id, f"replaced by what was said later, inbox {final}"))
    return kept, replaced


def _find_owners(cut: Cut, words: list[Word]) -> tuple[list[Word], Refused]:
    """An owner is named by id, e-mail address or number; the claim holds the id."""
    named = sorted({w.value for w in words if w.sayable.kind == "owner" and w.value is not None})
    owners: dict[str, list[str]] = {}
    for name, id_ in (
        cut.rows(
            """
            SELECT n.name, CAST(o.id AS text) FROM unnest(CAST(:names AS text[])) AS n(name)
            JOIN canonical.account_owner o ON o.deleted_at IS NULL AND (CAST(o.id AS text) = lower(n.name) OR lower(o.email) = lower(n.name)
                OR o.number = n.name)
            """,
            names=named,
        )
        if named
        else []
    ):
        owners.setdefault(str(name), []).append(str(id_))
    good, refused = [], []
    for word in words:
        if word.sayable.kind != "owner" or word.value is None:
            good.append(word)
        elif len(owners.get(word.value, ())) == 1:
            good.append(word._replace(value=owners[word.value][0]))
        else:
            several = len(owners.get(word.value, ()))
            refused.append(
                (
                    word.inbox_id,
                    f"{several} account owners are called this; use the id"
                    if several
                    else "there is no account owner with this id, e-mail address or number",
                )
            )
    return good, refused


def _claim(cut: Cut, words: list[Word]) -> None:
    """What was said joins what the inbox said about the debtor before; what was taken back leaves it.

    `said_in` keeps which row said or took back each field: after a merge the last one counts, whichever record it was about.
    """
    if not words:
        return
    said: dict[str, dict[str, Any]] = {}
    unsaid: dict[str, list[str]] = {}
    places: dict[str, dict[str, int]] = {}
    for word in words:
        if word.is_withdrawn:
            unsaid.setdefault(word.about, []).append(word.sayable.field)
        said.setdefault(word.about, {}).update({} if word.is_withdrawn else {word.sayable.field: word.value})
        places.setdefault(word.about, {})[word.sayable.field] = word.inbox_id
    became = {w.about: w.record_id for w in words}
    _copy(
        cut,
        "inbox_claim",
        ("key", "became", "said", "unsaid", "places"),
        "key text, became uuid, said jsonb, unsaid jsonb, places jsonb",
        [
            (key, became[key], json.dumps(values), json.dumps(unsaid.get(key, [])), json.dumps(places[key]))
            for key, values in said.items()
        ],
    )
    cut.sql(
        """
        INSERT INTO canonical.link (entity, source, external_id, canonical_id, method, rule, decided_by, pinned)
        SELECT 'debtor', :inbox, key, became, 'manual', 'inbox', :inbox, true FROM inbox_claim ON CONFLICT (entity, source, external_id) DO NOTHING
        """,
        inbox=INBOX,
    )
    cut.sql(
        """
        INSERT INTO engine.source_record AS r (stream_id, key, raw_hash, batch_id, claim)
        SELECT s.stream_id, c.key, CAST(md5(CAST(c.said AS text)) AS uuid), 0, c.said FROM inbox_claim c JOIN engine.stream s ON s.source = :inbox
            AND s.entity = :debtors
        ON CONFLICT (stream_id, key) DO UPDATE SET claim = coalesce(r.claim, '{}') || excluded.claim, raw_hash = excluded.raw_hash, changed_at = now()
        """,
        inbox=INBOX,
        debtors=INBOX_DEBTORS,
    )
    cut.sql(
        """
        UPDATE engine.source_record r SET claim = (r.claim - ARRAY(SELECT jsonb_array_elements_text(c.unsaid)))
            || jsonb_build_object('said_in', coalesce(r.claim -> 'said_in', '{}') || c.places)
        FROM inbox_claim c, engine.stream s WHERE s.source = :inbox AND s.entity = :debtors AND r.stream_id = s.stream_id AND r.key = c.key
        """,
        inbox=INBOX,
        debtors=INBOX_DEBTORS,
    )


class _State(NamedTuple):
    row: dict[str, Any]
    masters: dict[str, str]


def _state(cut: Cut, entity: str, words: list[Word]) -> dict[tuple[str, str], _State]:
    ids = sorted({w.record_id for w in words if w.entity == entity})
    if not ids:
        return {}
    masters = (
        "t.provenance"
        if entity == "debtor"
        else "CASE WHEN v.document_id IS NULL THEN '{}' ELSE v.own || jsonb_build_object('source', t.source) END"
    )
    overlay = "" if entity == "debtor" else "LEFT JOIN engine.document_overlay v ON v.document_id = t.id"
    rows: list[Any] = list(
        cut.rows(
            f"""
        SELECT t.id, to_jsonb(t), {masters} FROM canonical.{entity} t {overlay} WHERE t.id = ANY(CAST(:ids AS uuid[]))
        """,
            ids=ids,
        )
    )
    return {(entity, str(i)): _State(row, master or {}) for i, row, master in rows}


def _judged(word: Word, state: _State | None) -> tuple[str, str]:
    column = word.sayable.column
    if word.is_withdrawn:
        return "taken", "taken back; the others are believed again"
    value = None if state is None else state.row.get(column)
    if _same(value, word.value):
        return "taken", ""
    master = (
        "nobody"
        if state is None
        else state.masters.get(column, "")
        if word.entity == "debtor"
        else str(state.masters.get("source", ""))
    )
    if master == PERSON:
        return "overruled", f"a person set this by hand: {_shown(value)}"
    return "overruled", f"{master or 'the policy'} is believed for this field and says {_shown(value)}"


def _same(value: Any, said: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool) and said is not None:
        return float(value) == float(said)
    return bool(value == said)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _answer(cut: Cut, answers: Iterable[tuple[int, str, str]]) -> None:
    rows = list(answers)
    if not rows:
        return
    _copy(cut, "inbox_answer", ("inbox_id", "answer", "why"), "inbox_id bigint, answer text, why text", rows)
    cut.sql("""
        UPDATE canonical.claim_inbox i SET answered_at = now(), answer = a.answer, why = nullif(a.why, '') FROM inbox_answer a
        WHERE i.inbox_id = a.inbox_id AND i.answered_at IS NULL
        """)
    for _, word, _ in rows:
        count(cut, "inbox", **{word: 1})


def _copy(
    cut: Cut, table: str, columns: tuple[str, ...], types: str, rows: Iterable[tuple[Any, ...]]
) -> None:
    cut.sql(f"DROP TABLE IF EXISTS {table}")
    cut.sql(f"CREATE TEMP TABLE {table} ({types}) ON COMMIT DROP")
    copy_rows(cut.connection, table, columns, rows)


__all__ = ["INBOX_DEBTORS", "INBOX_PERSONS", "Word", "answer", "ensure_inbox", "listed", "mark_dirty", "take"]
