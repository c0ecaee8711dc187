"""Forms that make no sense, plans that are no longer true, numbers without quotes: each is refused with our sentence."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dagster_project.decision_jobs import JOBS
from tests.dagster.office import Office, refusal
from tests.dagster.test_decisions import ADA, csv_of

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown source": (
        "ops_link",
        {"source": "crn", "key": "C1", "to": "10000"},
        "nothing of a source 'crn' was pulled yet. Known: crm, erp",
    ),
    "an unknown record": (
        "ops_link",
        {"source": "crm", "key": "C9", "to": "10000"},
        "crm C9: there is no debtor of this id",
    ),
    "an unknown debtor": (
        "ops_link",
        {"source": "crm", "key": "C1", "to": "4711"},
        "4711: there is no debtor of this number, name or id",
    ),
    "what is not linked": ("ops_unlink", {"source": "crm", "key": "C1"}, "crm C1: it is not linked"),
    "itself": (
        "ops_merge",
        {"losing": "10000", "into": "10000"},
        "10000: a debtor cannot be merged into itself",
    ),
    "what was never merged": (
        "ops_unmerge",
        {"record": "10000"},
        "there is no debtor of this name or id that was merged away",
    ),
    "what nothing suggests": (
        "ops_adopt",
        {"source": "crm", "key": "C3", "record": "10002"},
        "crm C3: nothing suggests '10002'",
    ),
    "a file that is not there": (
        "ops_links_from_file",
        {"file": "/nowhere/links.csv"},
        "links.csv: cannot be read",
    ),
    "one of many": (
        "ops_links_from_file",
        {"file": csv_of("source;external_id;to\ncrm;C1;10000\ncrm;C9;10002\n")},
        "decision 2 (crm C9): there is no debtor of this id that could be linked. 1 of 2 decisions make no sense now; none was planned.",
    ),
    "a field nobody has": (
        "ops_pin",
        {"record": "10000", "field": "colour"},
        "a debtor has no field 'colour'",
    ),
    "a date that is none": (
        "ops_pin",
        {"record": "10000", "field": "phone", "until": "tomorrow"},
        "'tomorrow' is no date",
    ),
    "what is not pinned": (
        "ops_unpin",
        {"record": "10000", "field": "phone"},
        "10000 phone: this field is not pinned",
    ),
    "a circle": (
        "ops_parent",
        {"debtor": "10000", "parent": "10000"},
        "this would close a circle of parents",
    ),
    "an amount that is none": (
        "ops_group",
        {"name": "Hansen", "credit_limit": "much"},
        "'much' is no amount",
    ),
    "nothing to undo": ("ops_undo", {}, "last: no applied plan has this hash"),
    "an unknown plan": ("ops_apply_plan", {"plan": "0123456789ab"}, "0123456789ab: no plan has this hash"),
    "nobody": (
        "ops_link",
        {"source": "crm", "key": "C1", "to": "10000", "who": " "},
        "nobody is named who decides this",
    ),
}


def test_what_makes_no_sense_fails_once_with_our_sentence(office: Office) -> None:
    """Red, never asked again, nothing changed, and the sentence says what to do."""
    before = office.state()
    for odd, (job, form, says) in REFUSED.items():
        result = office.launch(
            job,
            **{**ADA, **{name: value(office) if callable(value) else value for name, value in form.items()}},
        )
        assert not result.success, odd
        assert says in (refusal(result).description or ""), odd
        assert refusal(result).metadata["kind"].value in ("ConfigurationError", "SourceError"), odd
        assert not [e for e in result.all_events if e.is_step_up_for_retry], odd
    assert office.state() == before


def test_a_plan_that_is_no_longer_true_is_refused_by_number_and_field(office: Office) -> None:
    """Unlinked meanwhile, a record can no longer move away: what is different is told as people call it, and nothing is done."""
    office.told("ops_link", source="crm", key="C1", to="10000", apply=True, **ADA)
    planned = office.told("ops_relink", source="crm", key="C1", to="10001", **ADA)
    office.told("ops_unlink", source="crm", key="C1", apply=True, **ADA)
    before = office.state()
    says = refusal(office.launch("ops_apply_plan", plan=planned["plan"][:12], **ADA)).description or ""
    assert says.startswith(f"{planned['plan'][:12]}: the data has moved since it was planned: ")
    assert "name of debtor 10000" in says
    assert says.endswith("Plan again and look at it; nothing was done.")
    assert office.state() == before


DIGITS = {
    "key",
    "to",
    "record",
    "losing",
    "into",
    "debtor",
    "parent",
    "value",
    "until",
    "credit_limit",
    "top_debtor",
    "members",
    "leaving",
    "plan",
}
"""Fields where people type a number, a date or a hash that is text all the same."""


def test_a_number_without_quotes_is_refused_and_every_form_says_so(office: Office) -> None:
    """YAML makes 64 of 0100, so a bare number is no customer; the form says so where somebody would type one."""
    with pytest.raises(dg.DagsterInvalidConfigError, match=r'path root:to\. Value "10000"'):
        office.launch("ops_link", source="crm", key="C1", to=10000, **ADA)
    asked = {
        (job, name): info.description or ""
        for job, (form, _) in JOBS.items()
        for name, info in form.model_fields.items()
        if name in DIGITS
    }
    assert {name for _, name in asked} == DIGITS
    assert [place for place, says in asked.items() if '"10000"' not in says and "in quotes" not in says] == []
