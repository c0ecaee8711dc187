"""Measures the SQL connector beside dlt's sql_database: one table of PostgreSQL's with a million invoices, into PostgreSQL.

    python -m tests.bench.sql_source [--rows 1000000] [--runs 1] [--peers engine,dlt] [--backend sqlalchemy]

Every run is a process from its start to its exit, on a server of the bench's own with fsync on. The engine does all it does for its users:
lake, claims, audit, one cut, certificate. dlt merges by primary key, as it must to read what changed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import psycopg

from sync_engine.platform import migrate
from sync_engine.platform.urls import psycopg_url
from tests.bench.__main__ import ROOT, environment, postgres

YAML = """type: dagster_project.components.ErpSource
attributes:
  source: bench
  connector: sql
  environment: test
  connection:
    url: postgresql+psycopg://postgres@127.0.0.1:{port}/erp
    password: env:BENCH_PASSWORD
    company: {{name: Bench, base_currency: EUR}}
    entities:
      debtor: {{table: customer, key: id, changed: changed}}
      document: {{table: invoice, key: id, changed: changed, debtor: customer_id}}
  mapping:
    entities:
      debtor: {{fields: {{number: number, name: name, city: city, country: country}}}}
      document:
        fields: {{number: number, debtor_key: customer_id, issue_date: issued, due_date: due, total: total, open_amount: open,
          reference: reference, currency: {{value: EUR}}}}
"""
DLT = """
import dlt, sys
from dlt.sources.sql_database import sql_database
rows = sql_database("{url}", table_names=["customer", "invoice"], backend="{backend}")
for name in ("customer", "invoice"):
    rows.resources[name].apply_hints(primary_key="id", write_disposition="merge", incremental=dlt.sources.incremental("changed"))
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres("{target}"), dataset_name="erp", pipelines_dir="{folder}")
pipeline.run(rows, refresh="drop_sources" if sys.argv[1] == "resync" else None)
"""
TABLES = (
    "CREATE TABLE customer (id bigint PRIMARY KEY, number varchar(20), name varchar(80), city varchar(40), country char(2), changed timestamptz)",
    """INSERT INTO customer SELECT g, lpad(g::text, 8, '0'), 'Customer ' || g || ' GmbH & Co', 'Hamburg', 'DE',
       timestamptz '2026-01-01' + g * interval '1 second'
       FROM generate_series(1, {customers}) g""",
    """CREATE TABLE invoice (id bigint PRIMARY KEY, number varchar(20), customer_id bigint, issued date, due date, total numeric(15,2),
       open numeric(15,2), reference varchar(60), changed timestamptz)""",
    """INSERT INTO invoice SELECT g, 'R' || g, 1 + g % {customers}, date '2025-01-01' + (g % 500)::int, date '2025-01-31' + (g % 500)::int,
       (g % 100000) / 100.0 + 1,
       CASE WHEN g % 4 = 0 THEN (g % 100000) / 100.0 + 1 ELSE 0 END, 'Order ' || md5(g::text), timestamptz '2026-01-01' + g * interval '1 second'
       FROM generate_series(1, {rows}) g""",
    "CREATE INDEX ON invoice (changed)",
    "ANALYZE",
)
SCENARIOS = ("first load", "nothing changed", "all read again")


def main() -> None:
    """Sets up, measures, prints the table."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rows", type=int, default=1_000_000)
    ask.add_argument("--runs", type=int, default=1)
    ask.add_argument("--peers", default="engine,dlt")
    ask.add_argument("--backend", default="sqlalchemy")
    given = ask.parse_args()
    work = ROOT / ".bench"
    work.mkdir(exist_ok=True)
    python = (
        environment(work / "dlt-sql", ("dlt[postgres]", "sqlalchemy", "psycopg2-binary", "pyarrow"))
        if "dlt" in given.peers
        else Path(sys.executable)
    )
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with postgres(work) as (server, port):
        root = psycopg_url(server.url("postgres"))
        recreated(root, "erp")
        with psycopg.connect(psycopg_url(server.url("erp")), autocommit=True) as connection:
            for statement in TABLES:
                connection.execute(statement.format(rows=given.rows, customers=max(1, given.rows // 50)))
        for _ in range(given.runs):
            for peer in given.peers.split(","):
                target = recreated(root, peer)
                address = f"postgresql://postgres:x@127.0.0.1:{port}"
                if peer == "engine":
                    migrate.upgrade(f"{address}/{target}")
                for scenario in SCENARIOS:
                    found[scenario, peer].append(
                        run(
                            command(peer, scenario, work, python, port, given.backend),
                            work,
                            f"{address}/{target}",
                        )
                    )
                    print(scenario, peer, *found[scenario, peer][-1], file=sys.stderr)  # noqa: T201 - a command of ours
    sys.stdout.write(table(found) + "\n")


def recreated(root: str, name: str) -> str:
    """An empty database."""
    with psycopg.connect(root, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return name


def command(peer: str, scenario: str, work: Path, python: Path, port: int, backend: str) -> list[str]:
    """The command line of a peer."""
    if peer == "engine":
        folder = work / "sql-defs" / "bench"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "defs.yaml").write_text(YAML.format(port=port), encoding="utf-8")
        if scenario == "first load":
            shutil.rmtree(work / "sql-home", ignore_errors=True)
        tool = str(Path(sys.executable).parent / "sync-engine")
        return [tool, "run", "bench", *(["--full"] if scenario == "all read again" else [])]
    folder = work / "dlt-sql-work"
    if scenario == "first load":
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    address = f"postgresql+psycopg2://postgres:x@127.0.0.1:{port}/erp"
    target = f"postgresql://postgres:x@127.0.0.1:{port}/dlt"
    (folder / "run.py").write_text(
        DLT.format(url=address, target=target, folder=folder / "pipelines", backend=backend), encoding="utf-8"
    )
    return [str(python), str(folder / "run.py"), "resync" if scenario == "all read again" else "go on"]


def run(command: list[str], work: Path, database: str) -> tuple[float, float]:
    """Wall seconds, and the peak memory of the process in MB. Raises SystemExit when it fails."""
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SYNC_ENGINE_")},
        "SYNC_ENGINE_HOME": str(work / "sql-home"),
        "SYNC_ENGINE_LAKE": str(work / "sql-home" / "lake"),
        "SYNC_ENGINE_DEFS": str(work / "sql-defs"),
        "SYNC_ENGINE_DATABASE_URL": database,
        "BENCH_PASSWORD": "x",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    started = time.perf_counter()
    with (work / "sql.log").open("ab") as log:
        child = subprocess.Popen(command, env=settings, cwd=work, stdout=log, stderr=log)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 6):  # a grade below A ends with 6
        raise SystemExit(f"{command} ended with {child.returncode}; see .bench/sql.log.")
    return time.perf_counter() - started, used.ru_maxrss / 1024


def table(found: dict[tuple[str, str], list[tuple[float, float]]]) -> str:
    """Medians, and wall time as a ratio to the engine's."""
    lines = ["| what happens | peer | runs | wall s | ratio | peak MB |", "|---|---|---|---|---|---|"]
    for (scenario, peer), runs in found.items():
        wall, peak = statistics.median(r[0] for r in runs), max(r[1] for r in runs)
        ours = found.get((scenario, "engine"))
        ratio = f"{wall / statistics.median(r[0] for r in ours):.2f}" if ours else ""
        lines.append(f"| {scenario} | {peer} | {len(runs)} | {wall:.1f} | {ratio} | {peak:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
