"""Measures the engine beside its peers: same API, same PostgreSQL, same scenarios, one table.

    python -m tests.bench [--scale 0.1] [--runs 3] [--peers engine,limit-light,sling,dlt-pg]

The harness (fake API, peers, measuring) lies outside this project: `../shared/bench`, or where SYNC_ENGINE_BENCH_HARNESS
says. Peers are installed once into `.bench`. The engine is measured as a user runs it, `sync-engine run`, from process
start to exit: lake, claims, audit, lines as rows, one cut, certificate. A fresh database is migrated before the clock starts.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from sync_engine.platform import migrate
from sync_engine.platform.postgres import EmbeddedPostgres
from sync_engine.platform.urls import psycopg_url

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
}
SCENARIOS = (("full", "full"), ("inc0", "inc"), ("inc1", "inc"), ("resync", "resync"))
TOOLS = (
    "httpx",
    "orjson",
    "msgspec",
    "pydantic",
    "psycopg[binary]",
    "psutil",
    "uvicorn",
    "uvloop",
    "httptools",
    "sling-linux-amd64",
)
YAML = """type: dagster_project.components.ErpSource
attributes:
  source: bench
  connector: business_central
  environment: test
  connection: {{base_url: "{api}", company: "1", auth: none}}
"""


def main() -> None:
    """Sets up, measures, prints the table."""
    ask = argparse.ArgumentParser(
        prog="make bench ARGS=...", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ask.add_argument("--scale", type=float, default=0.1)
    ask.add_argument("--runs", type=int, default=3)
    ask.add_argument("--peers", default="engine,limit-light,sling,dlt-pg")
    given = ask.parse_args()
    harness = Path(os.environ.get("SYNC_ENGINE_BENCH_HARNESS", ROOT.parent / "shared" / "bench"))
    if not (harness / "fake_bc.py").is_file():
        raise SystemExit(
            f"There is no bench harness in {harness.name}; set SYNC_ENGINE_BENCH_HARNESS to its folder."
        )
    work = ROOT / ".bench"
    work.mkdir(exist_ok=True)
    tools, dlt = (
        environment(work / "tools", TOOLS),
        environment(work / "dlt", ("dlt[postgres]", "psycopg2-binary")),
    )
    results = work / f"results-{given.scale:g}.csv"
    results.unlink(missing_ok=True)
    with postgres(work) as (server, port), fake_api(tools, harness, given.scale, work) as (api, api_pid):
        settings = peers_environment(work, tools, dlt, server, port, api, api_pid, results)
        for _ in range(given.runs):
            for peer in given.peers.split(","):
                measure(peer, settings, harness, server, api, work)
    sys.stdout.write(table(results, given.scale) + "\n")


def environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """An environment of its own for peers, made once; returns its interpreter."""
    interpreter, stamp = folder / "bin" / "python", folder / ".complete"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(
            [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
            check=True,
        )
        subprocess.run([str(interpreter), "-m", "compileall", "-q", str(folder / "lib")], check=False)
        stamp.touch()
    return interpreter


@contextmanager
def postgres(work: Path) -> Iterator[tuple[EmbeddedPostgres, int]]:
    """A server of the bench's own, on a loopback port with fsync on, as the peers need one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = EmbeddedPostgres(work, port=port, settings=SETTINGS)
    server.stop()
    server.start()
    try:
        with psycopg.connect(psycopg_url(server.url("postgres")), autocommit=True) as connection:
            connection.execute("ALTER USER postgres PASSWORD 'x'")
            connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            connection.execute("CREATE DATABASE bench")
        yield server, port
    finally:
        server.stop()


@contextmanager
def fake_api(tools: Path, harness: Path, scale: float, work: Path) -> Iterator[tuple[str, int]]:
    """The harness's API in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with (work / "fake_bc.log").open("wb") as log:
        child = subprocess.Popen(
            [str(tools), str(harness / "fake_bc.py"), "--port", str(port), "--scale", str(scale)],
            stdout=log,
            stderr=log,
        )
        try:
            api = f"http://127.0.0.1:{port}"
            _until_answering(f"{api}/_admin/stats", child)
            yield api, child.pid
        finally:
            child.terminate()
            child.wait()


def _until_answering(url: str, child: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if child.poll() is not None:
            raise SystemExit("The fake API ended at once; see .bench/fake_bc.log.")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise SystemExit("The fake API does not answer; see .bench/fake_bc.log.")


def peers_environment(
    work: Path,
    tools: Path,
    dlt: Path,
    server: EmbeddedPostgres,
    port: int,
    api: str,
    api_pid: int,
    results: Path,
) -> dict[str, str]:
    """What the harness and the engine read from the environment."""
    defs = work / "defs" / "bench"
    defs.mkdir(parents=True, exist_ok=True)
    (defs / "defs.yaml").write_text(YAML.format(api=api), encoding="utf-8")
    sling = next(
        (tools.parents[1] / "lib").glob("python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64")
    )
    sling.chmod(0o755)
    address = f"127.0.0.1:{port}"
    return {
        **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        "PY_TOOLS": str(tools),
        "PY_DLT": str(dlt),
        "SLING_BIN": str(sling),
        "BENCH_API": api,
        "BENCH_API_PID": str(api_pid),
        "BENCH_PG": f"host=127.0.0.1 port={port} user=postgres password=x dbname=bench",
        "BENCH_PG_URL": f"postgresql://postgres:x@{address}/bench",
        "BENCH_PG_PID": str(server.pid),
        "BENCH_WORK": str(work / "peers"),
        "BENCH_CSV": str(results),
        "BENCH_QUIET": "30",
        "SYNC_ENGINE_HOME": str(work / "home"),
        "SYNC_ENGINE_DEFS": str(work / "defs"),
        "SYNC_ENGINE_LAKE": str(work / "home" / "lake"),
        "SYNC_ENGINE_DATABASE_URL": f"postgresql://postgres:x@{address}/engine",
    }


def measure(
    peer: str, settings: dict[str, str], harness: Path, server: EmbeddedPostgres, api: str, work: Path
) -> None:
    """One peer through all scenarios."""
    _admin(api, "reset")
    if peer == "engine":
        fresh_engine(settings, server, work)
    for label, scenario in SCENARIOS:
        if label == "inc1":
            _admin(api, "mutate?fraction=0.01")
        command = [
            settings["PY_TOOLS"],
            str(harness / "measure.py"),
            "--peer",
            peer,
            "--scenario",
            label,
            "--log",
            str(work / "peers.log"),
            "--",
        ]
        ran = subprocess.run(
            [*command, *command_of(peer, scenario, settings, harness)], env=settings, cwd=work, check=False
        )
        if ran.returncode:
            raise SystemExit(f"{peer} failed in {label}; see .bench/peers.log.")


def command_of(peer: str, scenario: str, settings: dict[str, str], harness: Path) -> list[str]:
    """The command line a user of that peer would type."""
    if peer == "engine":
        return [
            str(Path(sys.executable).parent / "sync-engine"),
            "run",
            "bench",
            *(["--full"] if scenario == "resync" else []),
        ]
    if peer.startswith("limit"):
        since = {"full": ["--fresh"], "inc": ["--since", "auto"], "resync": []}[scenario]
        return [
            settings["PY_TOOLS"],
            str(harness / "limit.py"),
            "run",
            "--schema",
            "lim",
            "--decode",
            "msgspec-light",
            *since,
        ]
    if peer == "sling":
        return [settings["PY_TOOLS"], str(harness / "peer_sling.py"), "--scenario", scenario]
    return [settings["PY_DLT"], str(harness / "peer_dlt.py"), "--dest", "postgres", "--scenario", scenario]


def fresh_engine(settings: dict[str, str], server: EmbeddedPostgres, work: Path) -> None:
    """An empty, migrated database and an empty lake."""
    shutil.rmtree(work / "home", ignore_errors=True)
    with psycopg.connect(psycopg_url(server.url("postgres")), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS engine WITH (FORCE)")
        connection.execute("CREATE DATABASE engine")
    migrate.upgrade(settings["SYNC_ENGINE_DATABASE_URL"])


def _admin(api: str, what: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{api}/_admin/{what}", method="POST"), timeout=120).close()


def table(results: Path, scale: float) -> str:
    """Medians, and ratios to the engine; a run beside which other processes took much CPU is marked."""
    runs: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    peers: list[str] = []
    with results.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["peer"] not in peers:
                peers.append(row["peer"])
            runs[row["scenario"], row["peer"]].append(
                {k: float(v) for k, v in row.items() if k not in ("peer", "scenario") and v}
            )
    lines = [
        f"Scale {scale:g}; medians; ratios are wall time to the engine's, above 1 is slower than the engine.",
        "",
        "| scenario | peer | runs | wall s (min-max) | ratio | CPU s peer + db | peak MB | requests | WAL MB | other CPU s |",
        "|" + "---|" * 10,
    ]
    for scenario, _ in SCENARIOS:
        base = (
            statistics.median(r["wall_s"] for r in runs[scenario, "engine"])
            if runs[scenario, "engine"]
            else float("nan")
        )
        lines += [
            _line(scenario, peer, measured, base) for peer in peers if (measured := runs[scenario, peer])
        ]
    return "\n".join(lines)


def _line(scenario: str, peer: str, measured: list[dict[str, float]], base: float) -> str:
    def mid(name: str) -> float:
        return statistics.median(r[name] for r in measured)

    walls = [r["wall_s"] for r in measured]
    return (
        f"| {scenario} | {peer} | {len(measured)} | {mid('wall_s'):.2f} ({min(walls):.2f}-{max(walls):.2f}) "
        f"| {mid('wall_s') / base:.2f} | {mid('peer_cpu_s'):.1f} + {mid('pg_cpu_s'):.1f} | {mid('peak_rss_mb'):.0f} "
        f"| {mid('requests'):.0f} | {mid('wal_mb'):.0f} | {mid('other_cpu_s'):.1f} |"
    )


if __name__ == "__main__":
    main()
