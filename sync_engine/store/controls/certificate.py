"""The certificate of a cut: its checks, their differences, the grade; how it is written and read again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection

from sync_engine.store.db import fetch, run_many, run_sql

Verdict = Literal["holds", "breaks", "not_answerable"]
Grade = Literal["A", "B", "C", "D"]
Class = Literal[
    "timing", "missing", "extra", "amount", "currency_basis", "unapplied", "journal_only", "excluded", "quarantined", "duplicate", "unexplained",
]
EXPLAINED: frozenset[str] = frozenset({"timing", "excluded", "quarantined"})
"""Classes that account for a difference in full. The others say where to look."""
SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """One record or figure on which source and canonical disagree. `key` is the source's own key where there is one."""

    what: str
    key: str
    reason: str
    source_value: str | None = None
    canonical_value: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its verdict, both figures, a sample of the differences and how many there are of each class."""

    code: str
    title: str
    verdict: Verdict
    source_value: str | None = None
    canonical_value: str | None = None
    difference: str | None = None
    blocking: bool = False
    note: str = ""
    classes: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[Difference, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def explained(self) -> bool:
        """Whether every difference is accounted for by its class."""
        return bool(self.classes) and set(self.classes) <= EXPLAINED

    @property
    def n_differences(self) -> int:
        """How many differences there are, listed or not."""
        return sum(self.classes.values())


@dataclass(frozen=True, slots=True)
class Certificate:
    """All checks of one cut."""

    source: str
    cut_id: int
    grade: Grade
    checks: tuple[Check, ...]


def not_answerable(code: str, title: str, note: str) -> Check:
    """The source states no such figure, or could not be asked."""
    return Check(code, title, "not_answerable", note=note)


def judged(
    code: str, title: str, source: str | None, canonical: str | None, differences: Sequence[Difference], *,
    classes: Mapping[str, int] | None = None, **rest: Any,
) -> Check:
    """A check that holds when there is no difference. `classes` counts all of them where `differences` is only a sample."""
    counted = dict(classes) if classes is not None else dict(Counter(d.reason for d in differences))
    return Check(code, title, "breaks" if counted else "holds", source, canonical, classes=counted, sample=tuple(differences[:SAMPLE]), **rest)


def grade_of(checks: Iterable[Check]) -> Grade:
    """A: all that is answerable holds. B: every break is explained. C: one is not. D: a blocking check broke."""
    broken = [c for c in checks if c.verdict == "breaks"]
    if any(c.blocking for c in broken):
        return "D"
    if any(not c.explained for c in broken):
        return "C"
    return "B" if broken else "A"


def money(amount: Decimal | None) -> str | None:
    """An amount as text, with at least two decimals."""
    if amount is None:
        return None
    decimals = -int(amount.normalize().as_tuple().exponent)
    return f"{amount:.{max(2, decimals)}f}"


def listed(amounts: Mapping[str, Decimal]) -> str:
    """Amounts per currency or bucket as one text."""
    return "; ".join(f"{name} {money(amount)}".strip() for name, amount in sorted(amounts.items()))


def write_certificate(connection: Connection, certificate: Certificate) -> None:
    """Replaces the certificate of the cut."""
    run_sql(connection, "DELETE FROM canonical.certificate WHERE cut_id = :cut", cut=certificate.cut_id)
    run_many(connection, """
        INSERT INTO canonical.certificate (cut_id, "check", title, verdict, source_value, canonical_value, difference, detail)
        VALUES (:cut, :code, :title, :verdict, :source, :canonical, :difference, CAST(:detail AS jsonb))
        """, [_row(certificate.cut_id, check) for check in certificate.checks])


def _row(cut_id: int, check: Check) -> dict[str, Any]:
    detail = {
        "blocking": check.blocking, "explained": check.explained, "note": check.note, "classes": dict(check.classes),
        "n_differences": check.n_differences, "sample": [asdict(d) for d in check.sample], "figures": dict(check.figures),
    }
    return {
        "cut": cut_id, "code": check.code, "title": check.title, "verdict": check.verdict, "source": check.source_value,
        "canonical": check.canonical_value, "difference": check.difference, "detail": json.dumps(detail, default=str),
    }


def read_certificate(connection: Connection, cut_id: int) -> Certificate | None:
    """The certificate of a cut as it was written; None when the cut has none."""
    rows = fetch(connection, """
        SELECT c.source, k."check", k.title, k.verdict, k.source_value, k.canonical_value, k.difference, CAST(k.detail AS text)
        FROM canonical.certificate k JOIN canonical.cut c USING (cut_id) WHERE k.cut_id = :cut
        ORDER BY CAST(substr(k."check", 2) AS integer)
        """, cut=cut_id)
    if not rows:
        return None
    checks = tuple(_check(row, json.loads(row[7])) for row in rows)
    return Certificate(rows[0][0], cut_id, grade_of(checks), checks)


def _check(row: Any, detail: dict[str, Any]) -> Check:
    _, code, title, verdict, source, canonical, difference, _ = row
    return Check(
        code, title, verdict, source, canonical, difference, blocking=detail["blocking"], note=detail["note"], classes=detail["classes"],
        sample=tuple(Difference(**d) for d in detail["sample"]), figures=detail["figures"],
    )
