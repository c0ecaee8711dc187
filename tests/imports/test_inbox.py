"""The claims inbox: every row answered, claims that survive pulls, promises and disputes that survive the next update of the document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sync_engine.errors import SyncError
from sync_engine.ops.decisions import links
from sync_engine.ops.inspect.inbox import inbox
from sync_engine.ownership.policy import Policy, Rule
from tests.imports.support import Desk

ERP_FIRST = Policy(rules=(Rule(ranking=("erp", "crm", "collections")),))
ERP_ONLY = Policy(rules=(Rule(ranking=("erp",)),))
WITHDRAWN = object()


def say(desk: Desk, entity: str, record: str, field: str, value: Any, by: str = "dunning") -> int:
    """An application says something, as it would: with an INSERT. `record` is a number."""
    column = {"debtor": "number", "document": "external_id"}.get(entity, "number")
    table = entity if entity in ("debtor", "document") else "debtor"
    with desk.store.begin() as connection:
        from sqlalchemy import text

        return int(
            connection.execute(
                text(f"""
            INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by)
            SELECT :entity, id, :field, CAST(:value AS jsonb), :by FROM canonical.{table} WHERE {column} = :record RETURNING inbox_id
            """),
                {
                    "entity": entity,
                    "field": field,
                    "value": None if value is WITHDRAWN else json.dumps(value),
                    "by": by,
                    "record": record,
                },
            ).scalar_one()
        )


def answers(desk: Desk) -> dict[int, tuple[str | None, str | None]]:
    """Row -> answer and reason."""
    return {row.inbox_id: (row.answer, row.why) for row in inbox(desk.store)}


def document(desk: Desk, key: str) -> tuple[Any, ...]:
    """Dispute, promise and status of a document."""
    return desk.rows(
        "SELECT dispute_reason, CAST(promised_date AS text), collection_status FROM canonical.document WHERE external_id = :key",
        key=key,
    )[0]


def test_what_collections_own_is_taken_and_stays(desk: Desk) -> None:
    """Pausing and the alert percentage become canonical with the next cut, and no later pull takes them away."""
    paused = say(desk, "debtor", "10001", "chasing_paused", True)
    say(desk, "debtor", "10001", "pause_reason", "  waiting for goods ")
    say(desk, "debtor", "10001", "pause_until", "2026-12-01")
    say(desk, "debtor", "10002", "credit_alert_pct", 82.5)
    assert answers(desk)[paused] == (None, None)
    desk.run()
    assert set(answers(desk).values()) == {("taken", None)}
    desk.edit("debtor", "erp-1", "Name", "RENAMED")
    desk.run()
    assert desk.rows(
        "SELECT name, chasing_paused, pause_reason, CAST(pause_until AS text), provenance ->> 'chasing_paused' FROM canonical.debtor WHERE "
        "number = '10001'"
    ) == [
        ("RENAMED", True, "waiting for goods", "2026-12-01", "inbox"),
    ]
    assert float(desk.debtors("credit_alert_pct")["10002"]) == 82.5
    assert desk.rows("SELECT actor_kind, actor FROM canonical.change WHERE field = 'chasing_paused'") == [
        ("user", "dunning")
    ]


def test_what_an_application_said_is_no_change_of_the_source(desk: Desk) -> None:
    """A name pinned until the source changes holds although the inbox speaks of the debtor too; the ERP's next name ends it."""
    say(desk, "debtor", "10001", "chasing_paused", True)
    desk.run()
    pinned = links.pin(
        desk.runtime, "10001", "name", "HANSEN (renamed by hand)", by="mia", until_source_changes=True
    )
    links.apply(desk.runtime, pinned.hash, by="mia")
    desk.run()
    assert desk.debtors("name")["10001"] == "HANSEN (renamed by hand)"
    desk.edit("debtor", "erp-1", "Name", "HANSEN INTERNATIONAL")
    desk.run()
    assert desk.debtors("name")["10001"] == "HANSEN INTERNATIONAL"


def test_what_somebody_else_owns_is_overruled_and_says_by_whom(desk: Desk) -> None:
    """The ERP is master of the owner; a person's decision beats an application; both are told."""
    owner = say(desk, "debtor", "10001", "owner", "ANN@example.com")
    desk.run()
    assert answers(desk)[owner][0] == "overruled"
    assert "erp is believed" in str(answers(desk)[owner][1])
    assert desk.debtors("owner")["10001"] == "jo@example.com"
    desk.apply("owners", ["customer_id", "email_address"], [["10001", "ann@example.com"]])
    again = say(desk, "debtor", "10001", "owner", "JO")
    desk.run()
    assert "a person set this by hand" in str(answers(desk)[again][1])


def test_where_collections_rank_first_an_owner_is_taken(desk: Desk) -> None:
    """The claim names an owner by e-mail, number or id; it holds the id."""
    desk.policy = Policy(
        rules=(Rule(fields=("owner_code",), ranking=("collections", "erp")), *ERP_FIRST.rules)
    )
    row = say(desk, "debtor", "10001", "owner", "ANN")
    desk.run()
    assert answers(desk)[row] == ("taken", None)
    assert desk.debtors("owner")["10001"] == "ann@example.com"
    say(desk, "debtor", "10001", "owner", WITHDRAWN)
    desk.run()
    assert desk.debtors("owner")["10001"] == "jo@example.com"


@pytest.mark.parametrize(("entity", "field", "value", "why"), [
    ("portfolio", "name", "x", "no entity 'portfolio'"), ("debtor", "credit_limit", 5, "not open to applications; these are: chasing_paused"),
    ("debtor", "chasing_paused", "yes", "true or false"), ("debtor", "pause_until", "1 May", "YYYY-MM-DD"),
        ("debtor", "credit_alert_pct", 5000, "from 0 to 1000"),
    ("debtor", "credit_alert_pct", True, "a percentage"), ("debtor", "pause_reason", ["x"], "takes text"),
        ("debtor", "owner", "who@example.com", "no account owner"),
    ("document", "collection_status", "lost", "one of none, disputed"),
], ids=lambda v: str(v)[:12])  # fmt: skip
def test_what_cannot_be_understood_is_refused_in_words(
    desk: Desk, entity: str, field: str, value: Any, why: str
) -> None:
    """A row like this stops nobody: it is answered, and the cut goes on."""
    row = say(desk, entity, "d-1-0" if entity == "document" else "10001", field, value)
    good = say(desk, "debtor", "10001", "chasing_paused", True)
    desk.run()
    assert answers(desk)[row][0] == "refused"
    assert why in str(answers(desk)[row][1])
    assert answers(desk)[good] == ("taken", None)


@pytest.mark.parametrize(
    "value",
    ['"NaN"', '"sNaN"', "1" * 5000, "[" * 3000 + "]" * 3000],
    ids=["NaN", "sNaN", "a number of 5,000 digits", "3,000 lists"],
)
def test_a_row_that_python_cannot_read_or_compare_stops_no_cut(desk: Desk, value: str) -> None:
    """PostgreSQL keeps what Python will not read; the row is refused and shown, its neighbours are taken."""
    desk.execute(
        f"INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) SELECT 'debtor', id, 'credit_alert_pct', '{value}', 'x' "
        "FROM canonical.debtor WHERE number = '10001'"
    )
    good = say(desk, "debtor", "10001", "chasing_paused", True)
    desk.run()
    found = answers(desk)
    assert found.pop(good) == ("taken", None)
    [(answer, why)] = found.values()
    assert answer == "refused"
    assert why


def test_a_percentage_is_taken_as_exactly_as_the_column_holds_it(desk: Desk) -> None:
    """One third in per cent has no end: what is stored is what was taken, and nobody is told that somebody else was believed."""
    row = say(desk, "debtor", "10001", "credit_alert_pct", 33.33333)
    desk.run()
    assert answers(desk)[row] == ("taken", None)
    assert str(desk.debtors("credit_alert_pct")["10001"]) == "33.3333"


def test_who_says_nothing_about_himself_is_refused(desk: Desk) -> None:
    """The audit must be able to say who paused a customer."""
    row = say(desk, "debtor", "10001", "chasing_paused", True, by=" ")
    desk.run()
    assert answers(desk)[row] == ("refused", "said_by is blank; the audit must be able to say who said it")


def test_unknown_and_deleted_records_are_refused_and_the_last_word_counts(desk: Desk) -> None:
    """Of two words about one field the later is taken and the earlier is told so."""
    desk.execute(
        "INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by) VALUES ('debtor', gen_random_uuid(), 'chasing_paused', "
        "'true', 'x')"
    )
    first, second = (
        say(desk, "debtor", "10001", "chasing_paused", True),
        say(desk, "debtor", "10001", "chasing_paused", False),
    )
    gone = say(desk, "debtor", "10006", "chasing_paused", True)
    for name, column in (
        ("debtor", "Id"),
        ("contact", "Customer"),
        ("document", "Customer"),
        ("debtor_dimension", "Customer"),
    ):
        heading, rows = desk.tables[name]
        desk.tables[name] = heading, [r for r in rows if r[heading.index(column)] != "erp-6"]
    desk.run()
    found = answers(desk)
    assert found[first] == ("overruled", f"replaced by what was said later, inbox {second}")
    assert found[second] == ("taken", None)
    assert desk.debtors("chasing_paused")["10001"] is False
    assert "10006" not in desk.debtors("name"), "a claim of the inbox keeps nobody alive"
    later = say(desk, "debtor", "10006", "pause_reason", "x")
    desk.run()
    assert answers(desk)[later] == ("refused", "this debtor was deleted in its source")
    assert ("refused", "there is no debtor with this id") in found.values()
    assert found[gone][0] in ("taken", "overruled")


def test_promises_and_disputes_survive_the_documents_next_update(desk: Desk) -> None:
    """The ERP updates the invoice: its own fields arrive, what collections said stays; taken back, the ERP's own word is there again."""
    promise, dispute = (
        say(desk, "document", "d-1-0", "promise", "2026-04-01"),
        say(desk, "document", "d-2-0", "dispute", "wrong price"),
    )
    desk.run()
    assert answers(desk)[promise] == answers(desk)[dispute] == ("taken", None)
    assert (document(desk, "d-1-0"), document(desk, "d-2-0")) == (
        (None, "2026-04-01", "promised"),
        ("wrong price", None, "disputed"),
    )
    desk.edit("document", "d-1-0", "Open", "40.00")
    desk.edit("document", "d-2-0", "Dispute", "the ERP's own reason")
    desk.run()
    assert (document(desk, "d-1-0"), document(desk, "d-2-0")) == (
        (None, "2026-04-01", "promised"),
        ("wrong price", None, "disputed"),
    )
    assert desk.one("SELECT open_amount FROM canonical.document WHERE external_id = 'd-1-0'") == 40
    say(desk, "document", "d-2-0", "dispute", WITHDRAWN)
    say(desk, "document", "d-1-0", "promise", None)
    desk.run()
    assert (document(desk, "d-1-0"), document(desk, "d-2-0")) == (
        (None, None, "none"),
        ("the ERP's own reason", None, "disputed"),
    )
    assert desk.rows(
        "SELECT DISTINCT actor FROM canonical.change WHERE field IN ('promised_date', 'dispute_reason') AND entity = 'document' AND "
        "actor_kind = 'user'"
    ) == [("dunning",)]


def test_a_status_of_their_own_beats_what_follows_from_dispute_and_promise(desk: Desk) -> None:
    """Instalments are agreed by collections; the ERP never heard of them."""
    say(desk, "document", "d-1-0", "collection_status", "instalments")
    say(desk, "document", "d-1-0", "promise", "2026-04-01")
    desk.run()
    assert document(desk, "d-1-0") == (None, "2026-04-01", "instalments")
    say(desk, "document", "d-1-0", "collection_status", WITHDRAWN)
    desk.run()
    assert document(desk, "d-1-0")[2] == "promised"


def test_the_policy_decides_whose_dispute_counts(desk: Desk) -> None:
    """ERP first: its own reason wins, where it says none collections fill in. ERP only: collections are overruled. Back: as before."""
    desk.edit("document", "d-1-0", "Dispute", "own")
    desk.run()
    say(desk, "document", "d-1-0", "dispute", "theirs")
    say(desk, "document", "d-2-0", "dispute", "theirs")
    desk.run()
    assert [document(desk, k)[0] for k in ("d-1-0", "d-2-0")] == ["theirs", "theirs"]
    for policy, seen in ((ERP_FIRST, ["own", "theirs"]), (ERP_ONLY, ["own", None])):
        desk.policy = policy
        desk.run()
        assert [document(desk, k)[0] for k in ("d-1-0", "d-2-0")] == seen
    row = say(desk, "document", "d-2-0", "dispute", "again")
    desk.run()
    assert answers(desk)[row] == ("overruled", "erp is believed for this field and says nothing")


def test_the_writer_role_can_insert_and_nothing_else(desk: Desk) -> None:
    """What an application with the role may do: add a row. Reading or answering is not among it."""
    with desk.store.connect() as connection:
        from sqlalchemy import text

        can = connection.execute(
            text("""
            SELECT has_any_column_privilege('sync_engine_writer', 'canonical.claim_inbox', 'INSERT'), has_column_privilege('sync_engine_writer',
                'canonical.claim_inbox', 'answer', 'INSERT'),
                   has_any_column_privilege('sync_engine_writer', 'canonical.claim_inbox', 'UPDATE'), has_schema_privilege('sync_engine_writer', 'engine',
                       'USAGE')
            """)
        ).one()
    assert tuple(can) == (True, False, False, False)


def test_an_application_says_something_and_reads_the_answer(desk: Desk) -> None:
    """As a login with the role: a row goes in, its number and answer come back; the answer is not his to give."""
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    insert = """
        INSERT INTO canonical.claim_inbox (entity, record_id, field, value, said_by{0}) SELECT 'debtor', id, 'chasing_paused', 'true', 'app'{1}
        FROM canonical.debtor WHERE number = '10001' RETURNING inbox_id
        """
    with desk.store.begin() as connection:
        connection.execute(text("SET LOCAL ROLE sync_engine_writer"))
        row = connection.execute(text(insert.format("", ""))).scalar_one()
    desk.run()
    with desk.store.begin() as connection:
        connection.execute(text("SET LOCAL ROLE sync_engine_writer"))
        assert (
            connection.execute(
                text("SELECT answer FROM canonical.claim_inbox WHERE inbox_id = :row"), {"row": row}
            ).scalar_one()
            == "taken"
        )
    for forbidden in (
        insert.format(", answer", ", 'taken'"),
        "UPDATE canonical.claim_inbox SET answer = 'taken'",
        "DELETE FROM canonical.claim_inbox",
    ):
        with desk.store.connect() as connection:
            connection.execute(text("SET LOCAL ROLE sync_engine_writer"))
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(forbidden))


def test_no_source_may_be_called_inbox(desk: Desk) -> None:
    """The engine's own words for who said something are not for sources."""
    from sync_engine.config import parse

    with pytest.raises(SyncError, match="own word"):
        parse({"source": "inbox", "connector": "files"}, "x/defs.yaml")
