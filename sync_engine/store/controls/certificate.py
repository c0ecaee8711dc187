"""The certificate of a cut: its checks, their differences, the grade; how it is written and read again.

How a cut is graded (`grade_of`; the table GRADES in words):

* D: a blocking check broke. Records were lost on the way.
* C: a check broke, and what differs is not accounted for in full; or more is missing than the source's setting `missing` allows
  (C14): quarantined, waiting, never read.
* B: what differs is accounted for in full; or nothing differs, and the source has not proven what it is there for.
* A: nothing differs, and it is proven: where the source claims money (every ERP does), a total of open amounts that the source states
  itself agrees (one of MONEY, against a stated figure, and none of these breaks); where it claims none, as a CRM, the number of its
  records does (C1).

C and D are trouble: a run that ends with one is partial, its exit code and that of `status --check` are 6, its check in Dagster fails.
A check that is not answerable never makes a grade worse by itself, and more trouble never makes one better.
"""

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
    "timing",
    "missing",
    "extra",
    "amount",
    "currency_basis",
    "unapplied",
    "journal_only",
    "excluded",
    "quarantined",
    "duplicate",
    "unexplained",
]
EXPLAINED: frozenset[str] = frozenset({"timing", "excluded", "quarantined"})
"""Classes that account for a difference in full. The others say where to look."""
MONEY: frozenset[str] = frozenset({"C3", "C4", "C5", "C8", "C9"})
"""Checks that tie money, where their figure is one that the source states itself; its own ledger as received proves only that we read it."""
ASIDE: frozenset[str] = frozenset({"C13", "C16"})
"""What no check can see, and what was odd and is no trouble: both are told, in every voice, and do not count among the checks."""
GRADES: Mapping[str, str] = {
    "A": "nothing differs, and the source's own figures prove it",
    "B": "what differs is accounted for, or nothing differs and the source states no figure that proves it",
    "C": "something differs without an explanation, or too much is missing",
    "D": "records were lost",
}
TROUBLE: frozenset[str] = frozenset({"C", "D"})
"""Grades with which a run is no success."""
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
    stated: bool = False
    """Whether the figure compared with is one that the source states itself."""

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
    """All checks of one cut. `money_tied` is None where the source claims no money."""

    source: str
    cut_id: int
    grade: Grade
    checks: tuple[Check, ...]
    money_tied: bool | None = None

    @property
    def counting(self) -> tuple[Check, ...]:
        """The checks that could be answered by some source."""
        return tuple(c for c in self.checks if c.code not in ASIDE)

    @property
    def answered(self) -> int:
        """How many of them this source answered."""
        return sum(c.verdict != "not_answerable" for c in self.counting)

    @property
    def is_trouble(self) -> bool:
        """Whether the run that made this cut is no success."""
        return self.grade in TROUBLE

    @property
    def missing(self) -> Check | None:
        """C14; None in a certificate of an older version."""
        return next((c for c in self.checks if c.code == "C14"), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is no trouble and should be read: what the source does not tell, what was odd."""
        return tuple(f"{c.code}: {c.note}" for c in self.checks if c.code in ASIDE and c.note)

    @property
    def sentence(self) -> str:
        """The grade, why, how much was checked, and what broke: `Grade C: ...`."""
        broken = "; ".join(
            f"{c.code} {c.title} ({c.n_differences})" for c in self.checks if c.verdict == "breaks"
        )
        told = f"Grade {self.grade} ({GRADES[self.grade]}). {checked(self.answered, len(self.counting), self.money_tied)}."
        return f"{told} Breaks: {broken}." if broken else told


def checked(answered: int, checks: int, money_tied: bool | None) -> str:
    """How much of a certificate stands on answers: `9 of 13 checks answered; money tied: yes`."""
    money = "none claimed" if money_tied is None else "yes" if money_tied else "no"
    return f"{answered} of {checks} checks answered; money tied: {money}"


def not_answerable(code: str, title: str, note: str) -> Check:
    """The source states no such figure, or could not be asked."""
    return Check(code, title, "not_answerable", note=note)


def judged(
    code: str,
    title: str,
    source: str | None,
    canonical: str | None,
    differences: Sequence[Difference],
    *,
    classes: Mapping[str, int] | None = None,
    **rest: Any,
) -> Check:
    """A check that holds when there is no difference. `classes` counts all of them where `differences` is only a sample."""
    counted = dict(classes) if classes is not None else dict(Counter(d.reason for d in differences))
    return Check(
        code,
        title,
        "breaks" if counted else "holds",
        source,
        canonical,
        classes=counted,
        sample=tuple(differences[:SAMPLE]),
        **rest,
    )


def money_ties(checks: Iterable[Check]) -> bool:
    """Whether open amounts were compared with totals that the source states itself, and all of these agree."""
    stated = [c.verdict for c in checks if c.code in MONEY and c.stated and c.verdict != "not_answerable"]
    return bool(stated) and set(stated) == {"holds"}


def records_are_counted(checks: Iterable[Check]) -> bool:
    """Whether the number of records is the one that the source states itself."""
    return any(c.code == "C1" and c.stated and c.verdict == "holds" for c in checks)


def grade_of(checks: Sequence[Check], *, claims_money: bool) -> Grade:
    """The grade of a cut by the rules at the head of this module. Total: no checks at all prove nothing, and are a B."""
    broken = [c for c in checks if c.verdict == "breaks"]
    if any(c.blocking for c in broken):
        return "D"
    if any(not c.explained for c in broken):
        return "C"
    is_proven = money_ties(checks) if claims_money else records_are_counted(checks)
    return "B" if broken or not is_proven else "A"


def certified(source: str, cut_id: int, checks: Sequence[Check], *, claims_money: bool) -> Certificate:
    """The certificate of these checks."""
    tied = money_ties(checks) if claims_money else None
    return Certificate(source, cut_id, grade_of(checks, claims_money=claims_money), tuple(checks), tied)


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
    """Replaces the certificate of the cut, and its grade on the cut."""
    run_sql(
        connection,
        """
        UPDATE canonical.cut SET grade = :grade, n_checks = :checks, n_answered = :answered, money_tied = :tied WHERE cut_id = :cut
        """,
        cut=certificate.cut_id,
        grade=certificate.grade,
        checks=len(certificate.counting),
        answered=certificate.answered,
        tied=certificate.money_tied,
    )
    run_sql(connection, "DELETE FROM canonical.certificate WHERE cut_id = :cut", cut=certificate.cut_id)
    run_many(
        connection,
        """
        INSERT INTO canonical.certificate (cut_id, "check", title, verdict, source_value, canonical_value, difference, detail)
        VALUES (:cut, :code, :title, :verdict, :source, :canonical, :difference, CAST(:detail AS jsonb))
        """,
        [_row(certificate.cut_id, check) for check in certificate.checks],
    )


def _row(cut_id: int, check: Check) -> dict[str, Any]:
    detail = {
        "blocking": check.blocking,
        "explained": check.explained,
        "note": check.note,
        "classes": dict(check.classes),
        "n_differences": check.n_differences,
        "stated": check.stated,
        "sample": [asdict(d) for d in check.sample],
        "figures": dict(check.figures),
    }
    return {
        "cut": cut_id,
        "code": check.code,
        "title": check.title,
        "verdict": check.verdict,
        "source": check.source_value,
        "canonical": check.canonical_value,
        "difference": check.difference,
        "detail": json.dumps(detail, default=str),
    }


def read_certificate(connection: Connection, cut_id: int) -> Certificate | None:
    """The certificate of a cut as it was written; None when the cut has none."""
    rows = fetch(
        connection,
        """
        SELECT c.source, k."check", k.title, k.verdict, k.source_value, k.canonical_value, k.difference, CAST(k.detail AS text), g.grade, c.money_tied
        FROM canonical.certificate k JOIN canonical.cut c USING (cut_id) JOIN canonical.cut_grade g USING (cut_id) WHERE k.cut_id = :cut
        ORDER BY CAST(substr(k."check", 2) AS integer)
        """,
        cut=cut_id,
    )
    if not rows:
        return None
    checks = tuple(_check(row, json.loads(row[7])) for row in rows)
    return Certificate(rows[0][0], cut_id, rows[0][8], checks, rows[0][9])


def _check(row: Any, detail: dict[str, Any]) -> Check:
    _, code, title, verdict, source, canonical, difference, *_ = row
    return Check(
        code,
        title,
        verdict,
        source,
        canonical,
        difference,
        blocking=detail["blocking"],
        note=detail["note"],
        classes=detail["classes"],
        sample=tuple(Difference(**d) for d in detail["sample"]),
        figures=detail["figures"],
        stated=detail.get("stated", False),
    )
