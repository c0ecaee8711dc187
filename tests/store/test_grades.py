"""How a cut is graded: the table of rules, and that no trouble ever makes a grade better."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_engine.store.controls import GRADES, TROUBLE, Check, Verdict
from sync_engine.store.controls.certificate import EXPLAINED, MONEY, certified, checked, grade_of

CODES = tuple(f"C{n}" for n in range(1, 15))
EXPLAINED_CLASSES, UNEXPLAINED_CLASSES = (
    tuple(sorted(EXPLAINED)),
    ("missing", "extra", "amount", "duplicate", "unexplained", "word of tomorrow"),
)


def check(
    code: str, verdict: Verdict = "holds", *classes: str, stated: bool = False, blocking: bool = False
) -> Check:
    """A check with its verdict and the classes of its differences."""
    return Check(code, code, verdict, classes=dict.fromkeys(classes, 1), stated=stated, blocking=blocking)


COUNTED, TIED = check("C1", stated=True), check("C5", stated=True)


@pytest.mark.parametrize(
    ("checks", "claims_money", "grade"),
    [
        ((COUNTED, TIED), True, "A"),
        ((COUNTED, TIED, check("C8", "not_answerable")), True, "A"),
        ((check("C1"), TIED), True, "A"),
        ((COUNTED, check("C3")), True, "B"),
        ((COUNTED, check("C5", "not_answerable", stated=True)), True, "B"),
        (tuple(check(code, "not_answerable") for code in CODES), True, "B"),
        ((), True, "B"),
        ((COUNTED,), False, "A"),
        ((check("C1"),), False, "B"),
        ((COUNTED, TIED, check("C14", "breaks", "quarantined")), True, "B"),
        ((COUNTED, TIED, check("C11", "breaks", "timing")), True, "B"),
        ((COUNTED, TIED, check("C14", "breaks", "quarantined", "missing")), True, "C"),
        ((COUNTED, TIED, check("C9", "breaks", "unexplained", stated=True)), True, "C"),
        ((COUNTED, TIED, check("C9", "breaks")), True, "C"),
        ((check("C1", "breaks", "missing", blocking=True), TIED), True, "D"),
        ((check("C1", "breaks", "timing", blocking=True), TIED), True, "D"),
    ],
    ids=[
        "money tied", "one not answerable", "counts are not stated, money is", "only its own ledger, as received", "stated but not comparable",
        "states nothing", "no checks at all", "a CRM, counted", "a CRM that states no counts", "a little is missing", "something is only late",
        "too much is missing", "a difference nobody explains", "a break without a class", "records were lost", "a blocking check, whatever it says",
    ],
)  # fmt: skip
def test_the_rules(checks: tuple[Check, ...], claims_money: bool, grade: str) -> None:
    """Each row of the table, and what lies beside it."""
    assert grade_of(checks, claims_money=claims_money) == grade


def test_a_certificate_says_how_much_was_checked() -> None:
    """C13 cannot be answered by anybody and is not counted; money is told in three words."""
    made = certified(
        "bc",
        1,
        (COUNTED, TIED, check("C9", "not_answerable"), check("C13", "not_answerable")),
        claims_money=True,
    )
    assert (made.answered, len(made.counting), made.money_tied) == (2, 3, True)
    assert "2 of 3 checks answered; money tied: yes" in made.sentence
    assert [checked(1, 3, tied)[-4:].strip(": ") for tied in (True, False, None)] == ["yes", "no", "imed"]
    assert certified("crm", 1, (COUNTED,), claims_money=False).money_tied is None


verdicts = st.one_of(
    st.tuples(st.just("holds"), st.just(())),
    st.tuples(st.just("not_answerable"), st.just(())),
    st.tuples(
        st.just("breaks"),
        st.lists(st.sampled_from(EXPLAINED_CLASSES + UNEXPLAINED_CLASSES), max_size=3, unique=True).map(
            tuple
        ),
    ),
)
certificates = st.lists(
    st.builds(lambda code, verdict, stated, blocking: check(code, verdict[0], *verdict[1], stated=stated, blocking=blocking),
        st.sampled_from(CODES), verdicts, st.booleans(), st.booleans()),
    max_size=14, unique_by=lambda c: c.code,
)  # fmt: skip


def worse(one: Check) -> list[Check]:
    """The same check with a little more trouble: each step a system can slip by."""
    if one.verdict == "holds":
        return [
            replace(one, verdict="not_answerable"),
            replace(one, verdict="breaks", classes={"timing": 1}),
            replace(one, stated=False),
        ]
    if one.verdict == "not_answerable":
        return [replace(one, verdict="breaks", classes={"timing": 1}), replace(one, stated=False)]
    more = [replace(one, classes={**one.classes, name: 1}) for name in UNEXPLAINED_CLASSES]
    return [*more, replace(one, blocking=True), replace(one, classes={})]


@given(certificates, st.booleans(), st.data())
def test_more_trouble_never_gives_a_better_grade(
    checks: list[Check], claims_money: bool, data: st.DataObject
) -> None:
    """Every certificate has a grade of the table; a check that slips, or one more that breaks, never makes it better."""
    grades = list(GRADES)
    before = grades.index(grade_of(checks, claims_money=claims_money))
    for place, one in enumerate(checks):
        for slipped in worse(one):
            after = grade_of([*checks[:place], slipped, *checks[place + 1 :]], claims_money=claims_money)
            assert grades.index(after) >= before, (one, slipped)
    more: Verdict = data.draw(st.sampled_from(("breaks", "not_answerable")))
    added = check(
        data.draw(st.sampled_from(CODES)),
        more,
        *(["timing"] if more == "breaks" else []),
        stated=data.draw(st.booleans()),
    )
    assert grades.index(grade_of([*checks, added], claims_money=claims_money)) >= before


@given(certificates, st.booleans())
def test_only_proven_money_is_an_a(checks: list[Check], claims_money: bool) -> None:
    """Whatever else there is: an A breaks nowhere, and a figure the source states itself holds. Trouble is C or D."""
    made = certified("bc", 1, checks, claims_money=claims_money)
    assert (
        made.is_trouble
        == (made.grade in TROUBLE)
        == any(c.verdict == "breaks" and (c.blocking or not c.explained) for c in checks)
    )
    if made.grade == "A":
        proven = MONEY if claims_money else {"C1"}
        assert any(c.code in proven and c.stated and c.verdict == "holds" for c in checks)
        assert not [c for c in checks if c.verdict == "breaks"]
