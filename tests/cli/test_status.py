"""What the commands show, for people and as JSON with keys a script can rely on."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from sync_engine.store.db import open_engine, run_sql, transaction
from tests.cli.desk import SECRET, Desk
from tests.simulators.business_central.faults import DeniesCompany


def test_a_run_says_what_it_came_to(desk: Desk) -> None:
    """Per entity and for the cut; the second run finds nothing new."""
    first, second = desk.json("run", "bc"), desk.json("run", "bc")
    assert set(first) == {
        "source",
        "run_id",
        "outcome",
        "cut_id",
        "changes",
        "counts",
        "entities",
        "failures",
        "warnings",
        "grade",
        "answered",
        "checks",
        "money_tied",
        "missing",
        "notes",
        "untold",
        "delivered",
    }
    assert (first["grade"], first["money_tied"], first["missing"]) == ("A", True, None)
    customers = next(e for e in first["entities"] if e["entity"] == "customers")
    assert (customers["read"], customers["changed"]) == (14, 14)
    assert second["changes"] == 0
    assert second["cut_id"] == first["cut_id"] + 1


def test_one_entity_and_one_debtor(desk: Desk) -> None:
    """A family, and a debtor by its number."""
    desk.json("run", "bc")
    asked = {e["entity"] for e in desk.json("run", "bc", "--entity", "dimensions")["entities"] if e["calls"]}
    assert asked <= {"dimensions", "dimensionValues", "financeDimensionValues", "cut"}
    customer = next(iter(desk.company.customers.values()))
    desk.company.edit_customer(customer.number, city="Odense")
    assert desk.json("run", "bc", "--debtor", customer.number)["changes"] > 0
    assert (
        desk.json("explain", "debtor", customer.number, "--field", "city")["fields"][0]["value"] == "Odense"
    )
    assert desk.run("run", "bc", "--debtor", customer.number, "--full").code == 2


def test_status_knows_sources_entities_runs_and_holds(desk: Desk) -> None:
    """Before the first run a source is never read, and afterwards it is fresh."""
    assert [s["freshness"] for s in desk.json("status")["sources"]] == ["never read"]
    desk.json("run", "bc")
    found = desk.json("status")
    assert set(found) == {"sources", "entities", "runs", "holds", "causes", "damaged"}
    assert [(s["source"], s["freshness"], s["outcome"]) for s in found["sources"]] == [
        ("bc", "fresh", "succeeded")
    ]
    assert {"customers", "contacts", "salesInvoices"} <= {e["entity"] for e in found["entities"]}
    assert "customers" in desk.run("status").out
    assert desk.run("status", "nobody").code == 2


def test_sources_list_joins_yaml_and_store(desk: Desk) -> None:
    """A source that was configured once and is no longer is still shown."""
    desk.json("run", "bc")
    desk.configure("bc_two")
    (desk.defs / "bc" / "defs.yaml").unlink()
    assert {s["source"]: s["freshness"] for s in desk.json("sources", "list")["sources"]} == {
        "bc": "not configured",
        "bc_two": "never read",
    }


def test_explain_tells_value_master_rule_claims_and_history(desk: Desk) -> None:
    """One field of one debtor, found by number, by the ERP's id and by the canonical id alike."""
    desk.json("run", "bc")
    customer = next(iter(desk.company.customers.values()))
    before = customer.name
    desk.company.edit_customer(customer.number, name="HANSEN & SOEN")
    desk.json("run", "bc")
    story = desk.json("explain", "debtor", customer.number, "--field", "name")
    field = story["fields"][0]
    assert (field["value"], field["master"], field["rule"]) == (
        "HANSEN & SOEN",
        "bc",
        "erp > crm > collections",
    )
    assert [(c["source"], c["entity"], c["value"], c["believed"]) for c in field["claims"]] == [
        ("bc", "customers", "HANSEN & SOEN", True)
    ]
    assert [(h["old"], h["new"]) for h in field["history"]] == [(before, "HANSEN & SOEN")]
    assert {
        desk.json("explain", "debtor", key)["id"] for key in (customer.id, story["id"], "hansen & soen")
    } == {story["id"]}
    assert desk.run("explain", "debtor", "no-such-number").code == 2
    assert "It has:" in desk.run("explain", "debtor", customer.number, "--field", "colour").err


def test_explain_names_the_portfolio_and_what_it_comes_from(desk: Desk) -> None:
    """A derived field shows the dimension value on the card as its claim."""
    desk.json("run", "bc")
    number = desk.json(
        "sql", "SELECT debtor_number FROM canonical.portfolio_members WHERE code = 'SMALL' LIMIT 1"
    )["rows"][0][0]
    field = desk.json("explain", "debtor", number, "--field", "portfolio")["fields"][0]
    assert field["shown"] == "Small businesses"
    assert [c["value"] for c in field["claims"]] == ["SMALL"]


def test_a_document_is_explained_with_its_ledger_entries(desk: Desk) -> None:
    """An invoice has one master; what the ledger last said stands beside it."""
    desk.json("run", "bc")
    number = desk.json(
        "sql", "SELECT external_no FROM canonical.document WHERE kind = 'invoice' AND open_amount > 0 LIMIT 1"
    )["rows"][0][0]
    story = desk.json("explain", "document", number)
    assert {f["field"]: f["master"] for f in story["fields"]}["open_amount"] == "bc"
    assert story["ledger"]


def test_the_certificate_names_what_the_ledger_route_cannot_tell(desk: Desk) -> None:
    """Word for word as the doctor says it, on the screen and in the document."""
    desk.configure(ledger={"route": "reports_finance"})
    desk.run("run", "bc")
    (finding,) = [
        f
        for f in desk.json("sources", "doctor", "bc")["sources"][0]["findings"]
        if f["about"] == "ledger route"
    ]
    (row,) = [c for c in desk.json("certificate", "bc")["certificates"][0]["checks"] if c["check"] == "C13"]
    assert "due dates" in finding["todo"]
    assert f"ledgerEntriesFinance: ledger route reports_finance: {finding['todo']}." in row["detail"]["note"]
    shown = " ".join(desk.run("certificate", "bc").out.split())
    assert f"C13: {row['detail']['note']}" in shown


def test_the_certificate_of_a_source_and_of_a_cut(desk: Desk) -> None:
    """By source or number, and for people with a grade."""
    cut = desk.json("run", "bc")["cut_id"]
    by_source, by_cut = desk.json("certificate", "bc"), desk.json("certificate", str(cut))
    assert by_source == by_cut
    assert by_source["certificates"][0]["cut"]["grade"] in "ABCD"
    assert "grade" in desk.run("certificate").out
    assert desk.run("certificate", "999999").code == 2


def test_sql_reads_canonical_landed_files_and_both(desk: Desk) -> None:
    """PostgreSQL for canonical, DuckDB for what landed, and one query over both; every landed version is there."""
    desk.json("run", "bc")
    customer = next(iter(desk.company.customers.values()))
    desk.company.edit_customer(customer.number, name="Twice & Sons")
    desk.json("run", "bc")
    versions = desk.json(
        "sql",
        f"SELECT displayName, is_latest FROM bc.customers WHERE number = '{customer.number}' ORDER BY landed_at",
    )
    assert [row[1] for row in versions["rows"]] == [False, True]
    both = desk.json(
        "sql",
        "SELECT count(*) FROM canonical.debtor d JOIN bc.customers c ON c.number = d.number WHERE c.is_latest AND c.displayName = d.name",
    )
    assert both["rows"] == [[14]]
    assert desk.json(
        "sql",
        "SELECT portfolio, count(debtor_id) AS n FROM canonical.portfolio_members GROUP BY 1 ORDER BY 1",
    )["columns"] == ["portfolio", "n"]


WRONG = (
    "DELETE FROM canonical.debtor",
    "COMMIT; DELETE FROM canonical.debtor",
    "SELECT nonsense FROM canonical.debtor",
    "SELEC 1",
    "SELECT * FROM bc.customers JOIN canonical.nothing USING (key)",
)


@pytest.mark.parametrize("statement", WRONG)
def test_sql_changes_nothing_and_says_what_is_wrong(desk: Desk, statement: str) -> None:
    """A write, a second statement and a typo are refused in one sentence."""
    desk.json("run", "bc")
    said = desk.run("sql", statement)
    assert said.code == 2
    assert said.err.startswith("Error: ")
    assert desk.json("sql", "SELECT count(*) FROM canonical.debtor")["rows"] == [[14]]


def test_the_audit_holds_until_somebody_touches_it(desk: Desk, database: str) -> None:
    """Altered, removed and slipped-in changes are each found."""
    desk.json("run", "bc")
    assert desk.json("audit", "verify")["holds"] is True
    engine = open_engine(database)
    for tampering in (
        "UPDATE canonical.change SET actor = 'nobody' WHERE seq = (SELECT max(seq) FROM canonical.change)",
        "DELETE FROM canonical.change WHERE seq = (SELECT min(seq) FROM canonical.change)",
        "INSERT INTO canonical.change (entity, record_id, op, actor_kind, actor) VALUES ('debtor', gen_random_uuid(), 'create', 'user', 'x')",
    ):
        with transaction(engine, "tampering") as connection:
            run_sql(connection, tampering)
        said = desk.run("audit", "verify", "--json")
        assert (said.code, said.document["holds"]) == (1, False)
    assert said.document["outside"] == 1
    engine.dispose()


def test_migrate_checks_and_goes_down(desk: Desk) -> None:
    """What is declared is what is there; going down is asked for by name."""
    assert desk.json("migrate", "--check")["differs"] == []
    assert desk.json("migrate", "--down", "base")["revision"] is None
    assert desk.run("migrate", "--check").code == 1
    assert desk.run("status").code == 2
    assert desk.run("migrate").code == 0


def test_the_doctor_finds_a_healthy_source_well(desk: Desk) -> None:
    """Login, capabilities, dimension, database and lake; what is not there is degraded, not ill."""
    found = desk.json("sources", "doctor", "bc")
    findings = {f["about"]: f for f in found["sources"][0]["findings"]}
    assert findings["login"]["verdict"] == "well"
    assert "CUSTOMERGROUP" in findings["portfolio dimension"]["detail"]
    assert [f["verdict"] for f in found["place"]] == ["well", "well", "well"]


def test_the_doctor_names_what_is_ill(desk: Desk) -> None:
    """A missing secret, a mistyped dimension, a setting nobody knows: the exit code is that of the first."""
    desk.configure(dimension="CUSTOMERGRUOP")
    said = desk.run("sources", "doctor", "bc", "--json")
    ill = [f for f in said.document["sources"][0]["findings"] if f["verdict"] == "ill"]
    assert (said.code, [f["about"] for f in ill]) == (2, ["portfolio dimension"])
    assert "CUSTOMERGROUP" in ill[0]["todo"]
    desk.patch.delenv(SECRET)
    assert f"environment variable {SECRET}" in desk.run("sources", "doctor", "bc").out
    desk.configure(page_sise=3)
    assert "page_sise" in desk.run("sources", "doctor", "bc").out


def test_discover_writes_a_yaml_per_company(desk: Desk) -> None:
    """Every company the login can enter gets a source that shares the login; one it cannot enter is told and skipped."""
    desk.simulator.world.add_company("Brannigan's & Søn A/S")
    closed = desk.simulator.world.add_company("Closed Ltd")
    desk.simulator.inject(DeniesCompany(closed.id))
    assert {c["outcome"] for c in desk.json("sources", "discover", "bc", "--dry-run")["companies"]} == {
        "configured",
        "skipped",
        "would be written",
    }
    assert len(list(desk.defs.glob("*/defs.yaml"))) == 1
    found = {c["company"]: c for c in desk.json("sources", "discover", "bc")["companies"]}
    assert found["Closed Ltd"]["outcome"] == "skipped"
    written = found["Brannigan's & Søn A/S"]
    attributes = yaml.safe_load((desk.defs / written["source"] / "defs.yaml").read_text(encoding="utf-8"))[
        "attributes"
    ]
    assert (attributes["pool"], attributes["connection"]["company"]) == ("bc", written["company_id"])
    assert {s["source"] for s in desk.json("sources", "list")["sources"]} == {"bc", written["source"]}
    assert {c["outcome"] for c in desk.json("sources", "discover", "bc")["companies"]} == {
        "configured",
        "skipped",
    }


@pytest.mark.parametrize("called", ["its name", "the name people see", "its id", None])
def test_discover_knows_a_company_by_whatever_it_is_called(called: str | None, desk: Desk) -> None:
    """A company is configured by name, display name or id, or unnamed as the only one: a second source would load it twice."""
    desk.company.display_name = "Planet Express (Holding)"
    names = {
        "its name": desk.company.name,
        "the name people see": desk.company.display_name,
        "its id": desk.company.id,
    }
    desk.configure(company=names[called] if called else None)
    assert [c["outcome"] for c in desk.json("sources", "discover", "bc")["companies"]] == ["configured"]
    assert len(list(desk.defs.glob("*/defs.yaml"))) == 1


def test_gaps_are_counted_by_code(desk: Desk) -> None:
    """Nothing to tell where every code has a rule."""
    desk.json("run", "bc")
    assert isinstance(desk.json("gaps")["gaps"], list)
    assert desk.run("gaps", "bc").code == 0


def test_help_is_quick_and_tells_the_exit_codes() -> None:
    """Asking for help loads neither the database layer nor Dagster."""
    check = (
        "import sys; sys.argv = ['sync-engine', '--help']\n"
        "from sync_engine.cli import main\n"
        "try: main()\n"
        "except SystemExit: print([m for m in ('sqlalchemy', 'dagster', 'duckdb', 'httpx', 'psycopg', 'alembic') if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", check],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200", "PATH": ""},
    )
    assert said.stdout.strip().endswith("[]")
    assert "75 try again later" in said.stdout
