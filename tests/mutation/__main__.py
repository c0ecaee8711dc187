"""Mutation testing of the pure core: each module is broken in one small way at a time, and its tests must notice.

    python -m tests.mutation [ownership.policy] [ownership.resolve] [matching.text] [matching.similarity] [matching.ladder] [--workers 2]

No file is changed: a mutant is a compiled module, handed to the import system of a forked process that runs the tests. What is
listed in `equivalent` behaves the same and says why. Exits 1 when another survives, or when a listed one does not exist any more.
The verdict is the same on a busy machine and every time: patience is counted in seconds of work, and sets keep one order.
"""

from __future__ import annotations

import argparse
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis
import pydantic  # noqa: F401 - what the modules import is there before a process is forked
import rapidfuzz.fuzz  # noqa: F401

from tests.mutation.cases import cases
from tests.mutation.changes import Mutant, mutants
from tests.mutation.equivalent import EQUIVALENT

ROOT = Path(__file__).resolve().parents[2]
TESTS = {
    "ownership.policy": ("tests.laws.test_ownership",),
    "ownership.resolve": (
        "tests.laws.test_fold_by_example",
        "tests.laws.test_fold_of_custom_fields",
        "tests.laws.test_merge",
    ),
    "canonical.countries": ("tests.links.test_countries",),
    "matching.company_numbers": ("tests.links.test_company_numbers",),
    "matching.phones": ("tests.links.test_phones",),
    "matching.text": ("tests.links.test_spelling",),
    "matching.similarity": ("tests.links.test_resemblance",),
    "matching.ladder": ("tests.links.test_matching", "tests.links.test_suggestions"),
}
PATIENCE = 10
"""A mutant that works so many times as long as the module does, and a second, counts as an endless loop, which is noticed."""
LONGEST = 60.0
"""Seconds of work that the tests of a module may take as it is."""


class Broken(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a mutant's code."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Ours for the one module."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Runs the mutant's code."""
        exec(self._code, module.__dict__)  # noqa: S102 - our own code, broken on purpose


def survives(module: str, code: CodeType, seconds: float) -> bool:
    """Whether the module's tests pass with this code in its place, in so many seconds of work; in a fork of this process, which never imported it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a descriptor to put in place of the standard ones
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    sys.meta_path.insert(0, Broken(f"sync_engine.{module}", code))
    try:
        for tests in TESTS[module]:
            for case in cases(tests):
                case()
    except BaseException:  # noqa: BLE001 - whatever it is, it was noticed
        os._exit(1)
    os._exit(0)


def main() -> int:
    """Breaks the modules asked for, or all; prints what nobody noticed."""
    ask = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ask.add_argument("modules", nargs="*", default=list(TESTS))
    ask.add_argument("--workers", type=int, default=os.cpu_count())
    given = ask.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(  # noqa: S606 - ourselves
            sys.executable,
            [sys.executable, "-m", "tests.mutation", *sys.argv[1:]],
            os.environ | {"PYTHONHASHSEED": "0"},
        )
    os.chdir(ROOT)
    hypothesis.settings.register_profile(
        "mutation", derandomize=True, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )  # fmt: skip
    hypothesis.settings.load_profile("mutation")
    gc.freeze()  # a fork that collects garbage copies every page it looks at
    return max(judge(module, given.workers) for module in given.modules)


def judge(module: str, workers: int) -> int:
    """Breaks one module in every way; 0 when each break was noticed or is known to be none."""
    source, started = (
        (ROOT / "sync_engine" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"),
        time.monotonic(),
    )
    before = _work_of_forks()
    if not survives(module, compile(source, f"{module}.py", "exec"), LONGEST):
        raise SystemExit(
            f"the tests of {module} fail as it is, or work for more than {LONGEST:.0f} s: {', '.join(TESTS[module])}"
        )
    made, patience = list(mutants(module, source)), 1 + PATIENCE * (_work_of_forks() - before)
    with ThreadPoolExecutor(workers) as pool:
        surviving = [
            m
            for m, lives in zip(
                made, pool.map(lambda m: survives(module, m.code, patience), made), strict=True
            )
            if lives
        ]
    unknown = [m for m in surviving if named(m) not in EQUIVALENT]
    gone = {name for name in EQUIVALENT if name[0] == module} - {named(m) for m in surviving}
    for m in unknown:
        sys.stdout.write(f"{m.module}.py:{m.line} {m.place}: {m.before}  ->  {m.after}\n")
    for name in sorted(gone):
        sys.stdout.write(f"listed as equivalent, but noticed or not made: {name}\n")
    sys.stdout.write(
        f"{module}: {len(made)} mutants, {len(made) - len(surviving)} noticed, {len(surviving) - len(unknown)} equivalent,"
        f" {len(unknown)} survive; {time.monotonic() - started:.0f} s\n"
    )
    return 1 if unknown or gone else 0


def _work_of_forks() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def named(mutant: Mutant) -> tuple[str, str, str, str]:
    """What a mutant is called; its line would change with every edit."""
    return mutant.module, mutant.place, mutant.before, mutant.after


if __name__ == "__main__":
    sys.exit(main())
