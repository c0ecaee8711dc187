"""What goes wrong gives one clear sentence and an exit code, loses nothing, and is healed by the next run."""

from __future__ import annotations

import re

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from connectors.business_central import BusinessCentral
from connectors.business_central.connector import Plugin
from sync_engine.platform.urls import database_of, psycopg_url
from sync_engine.store.db import open_engine
from sync_engine.store.runs import source_lock
from tests.cli.desk import SECRET, Desk
from tests.connectors.support import Hands
from tests.simulators.business_central.spoiled_answers import ChangesWhileReading, MalformedRecord, ShortSweep


def test_an_unknown_source_lists_the_known_ones(desk: Desk) -> None:
    """A typo in a source's name costs one look."""
    said = desk.run("run", "busines_central")
    assert said.code == 2
    assert "there is no source 'busines_central'" in said.err
    assert ": bc." in said.err


def test_a_wrong_secret_is_named_and_never_shown(desk: Desk) -> None:
    """The login is refused: exit code 4, whose it is, what to renew, and not a character of the secret."""
    desk.patch.setenv(SECRET, "s3cret-that-is-wrong")
    said = desk.run("run", "bc")
    assert said.code == 4
    assert "bc token: the token was refused" in said.err
    assert "Renew the secret" in said.err
    assert "s3cret" not in said.err + said.out
    desk.patch.setenv(SECRET, desk.simulator.world.installation.client_secret)
    assert desk.json("run", "bc")["outcome"] == "succeeded"


def test_an_erp_that_is_not_there_is_told_with_why_and_since_when(desk: Desk) -> None:
    """Exit code 75 and the reason; status says it once for all runs that failed so, and forgets it when a run succeeds."""

    def refuses(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("x", request=request) from ConnectionRefusedError()

    with desk.patch.context() as patch:
        patch.setattr(
            Plugin,
            "open",
            lambda _, source, settings, clock: BusinessCentral(
                source, settings, Hands(), httpx.MockTransport(refuses)
            ),
        )
        first, second = desk.run("run", "bc"), desk.run("run", "bc")
    assert (first.code, second.code) == (75, 75)
    assert "nothing was heard for" in first.err
    assert "it was refused" in first.err
    assert "failed since" not in first.err
    assert re.search(r"bc has failed since \d{4}-\d\d-\d\d \d\d:\d\d UTC \(2 runs\)", second.err)
    told = desk.run("status")
    assert told.out.count("it was refused") == 1
    assert "bc has failed since" in told.out
    failing = desk.json("status")["sources"][0]["failing"]
    assert (failing["source"], failing["runs"]) == ("bc", 2)
    assert desk.run("status", "--check").code == 6
    assert desk.json("run", "bc")["outcome"] == "succeeded"
    assert desk.json("status")["sources"][0]["failing"] is None
    assert "failed since" not in desk.run("status").out


def test_a_missing_secret_names_the_variable(desk: Desk) -> None:
    """Nothing is sent before the variable is there."""
    desk.patch.delenv(SECRET)
    said = desk.run("run", "bc")
    assert (said.code, f"the environment variable {SECRET} is not set" in said.err) == (2, True)


def test_a_mistyped_dimension_lists_the_codes_there_are(desk: Desk) -> None:
    """No portfolio is made of a typo; nothing is published until a person corrects it, and nothing is read twice for it."""
    desk.configure(dimension="CUSTOMERGRUOP")
    said = desk.run("run", "bc")
    assert said.code == 2
    assert "CUSTOMERGRUOP" in said.err
    assert all(code in said.err for code in ("AREA", "CUSTOMERGROUP", "DEPARTMENT"))
    assert desk.json("sql", "SELECT count(*) FROM canonical.debtor")["rows"] == [[0]]
    desk.configure()
    assert desk.json("run", "bc")["outcome"] == "succeeded"
    assert desk.json("sql", "SELECT count(*) FROM canonical.debtor")["rows"] == [[14]]


def test_a_truncated_sweep_is_held_and_deletes_nothing(desk: Desk) -> None:
    """A list that ends early is not believed: the run ends held, says so, and the next whole sweep releases it."""
    desk.json("run", "bc")
    desk.simulator.inject(ShortSweep(keep=2, match=r"/customers\?|/customers$"))
    said = desk.run("run", "bc", "--full", "--json")
    assert said.code == 6
    assert said.document["outcome"] == "held"
    assert "nothing was deleted" in " ".join(said.document["warnings"])
    held = desk.json("sweep", "list")["holds"]
    assert [(h["entity"], h["missing"]) for h in held] == [("customers", 12)]
    assert desk.run("status", "--check").code == 6
    assert desk.json("sql", "SELECT count(*) FROM canonical.debtor WHERE deleted_at IS NULL")["rows"] == [
        [14]
    ]
    desk.simulator.heal()
    assert desk.json("run", "bc", "--full")["outcome"] == "succeeded"
    assert desk.json("sweep", "list")["holds"] == []


def test_a_person_may_believe_a_sweep(desk: Desk) -> None:
    """Half the people really have left: a person approves, and only then they are gone."""
    desk.json("run", "bc")
    count = "SELECT count(*) FROM canonical.contact WHERE deleted_at IS NULL"
    before = desk.json("sql", count)["rows"][0][0]
    leaving = [c.id for c in desk.company.contacts.values() if c.type == "Person"]
    for contact in leaving[: len(leaving) // 2]:
        desk.company.delete_contact(contact)
    assert desk.run("run", "bc", "--entity", "contacts", "--full").code == 6
    assert desk.json("sql", count)["rows"] == [[before]]
    assert (
        desk.json("sweep", "approve", "bc", "contacts", "--by", "ops@example.com")["approved_by"]
        == "ops@example.com"
    )
    desk.run("run", "bc", "--entity", "contacts", "--full")
    assert desk.json("sql", count)["rows"][0][0] < before
    assert "no sweep is held" in desk.run("sweep", "approve", "bc", "customers").err


def test_a_database_lost_in_mid_run_loses_nothing(desk: Desk, database: str) -> None:
    """The database goes away while the source is read: exit code 5, and the next run continues behind it."""
    name = make_url(database).database
    with psycopg.connect(psycopg_url(database_of(database, "postgres")), autocommit=True) as elsewhere:

        def pull_the_plug(_simulator: object) -> None:
            elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            elsewhere.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

        desk.simulator.inject(ChangesWhileReading(pull_the_plug, match="/salesInvoices", times=1))
        said = desk.run("run", "bc")
        elsewhere.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert said.code == 5
    assert "the connection to the database was lost" in said.err
    assert "the next run continues" in said.err
    assert desk.json("run", "bc")["outcome"] == "succeeded"
    assert [r["outcome"] for r in desk.json("status")["runs"]] == ["succeeded", "died"]


def test_a_database_that_does_not_answer_is_tried_again_later(bare_desk: Desk) -> None:
    """Nobody listens: exit code 75, which a scheduler takes for 'again'. The password is not repeated."""
    bare_desk.patch.setenv("SYNC_ENGINE_DATABASE_URL", "postgresql://someone:hunter2@127.0.0.1:1/nothing")
    said = bare_desk.run("status")
    assert said.code == 75
    assert "does not answer" in said.err
    assert "hunter2" not in said.err


def test_a_server_without_tables_says_migrate(bare_desk: Desk, empty_database: str) -> None:
    """On a server a person decides when tables are made."""
    assert empty_database
    said = bare_desk.run("status")
    assert (said.code, "Run `sync-engine migrate`" in said.err) == (2, True)
    assert bare_desk.run("migrate").code == 0
    assert bare_desk.run("status").code == 0


def test_a_second_run_at_once_is_refused(desk: Desk, database: str) -> None:
    """One run of a source at a time; the second is told how to wait."""
    desk.json("run", "bc")
    engine = open_engine(database)
    with source_lock(engine, "bc", wait=False):
        said = desk.run("run", "bc")
    assert said.code == 2
    assert "bc: another run of this source is going on" in said.err
    assert "--wait" in said.err
    engine.dispose()


def test_a_record_that_cannot_be_used_waits_and_is_tried_again(desk: Desk) -> None:
    """One customer's balance is nonsense: it is put aside with its reason, its neighbours arrive, and it follows when it is mended."""
    number = next(iter(desk.company.customers.values())).id
    desk.simulator.inject(
        MalformedRecord("displayName", {"not": "a name"}, record_id=number, match="/customers")
    )
    desk.run("run", "bc")
    waiting = [r for r in desk.json("quarantine", "list")["quarantine"] if r["entity"] == "customers"]
    assert len(waiting) == 1
    shown = desk.json("quarantine", "show", waiting[0]["key"], "--record")["quarantine"][0]
    assert "not" in shown["payload"]
    assert desk.json("quarantine", "retry", waiting[0]["key"])["retried"][0]["key"] == waiting[0]["key"]
    desk.simulator.heal()
    desk.run("run", "bc", "--full")
    assert [r for r in desk.json("quarantine", "list")["quarantine"] if r["entity"] == "customers"] == []
    assert desk.json("sql", "SELECT count(*) FROM canonical.debtor")["rows"] == [[14]]


def test_nobody_retries_everything_by_accident(desk: Desk) -> None:
    """Retrying needs a key, a source, an entity, or --all."""
    assert desk.run("quarantine", "retry").code == 2


def test_an_error_is_a_document_too(desk: Desk) -> None:
    """With --json a script reads the same error with stable keys, on stdout."""
    said = desk.run("run", "nobody", "--json")
    assert set(said.document["error"]) == {"class", "what", "whose", "key", "todo", "exit_code"}
    assert (said.code, said.document["error"]["exit_code"], said.document["error"]["class"]) == (
        2,
        2,
        "ConfigurationError",
    )


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "bc", "--no-such-option"), ("explain", "nothing", "x")]
)
def test_a_wrong_command_line_is_a_setting_error(desk: Desk, arguments: tuple[str, ...]) -> None:
    """Wrong usage has the exit code of a wrong setting."""
    assert desk.run(*arguments).code == 2


def test_a_defect_is_a_sentence_and_with_v_a_traceback(desk: Desk) -> None:
    """What nobody foresaw shows no traceback to an operator, and all of it to a developer."""

    def fail(*_: object) -> None:
        raise LookupError("a defect")

    desk.patch.setattr("sync_engine.ops.inspect.overview.gaps", fail)
    assert (said := desk.run("gaps")).code == 1
    assert "Traceback" not in said.err
    assert "Traceback" in desk.run("gaps", "-v").err
