"""Sources, fields and policies of the histories of decisions, for the engine and as the oracle reads them."""

from __future__ import annotations

from typing import Any

from sync_engine.ownership.policy import Policy, Rule
from tests.laws.decisions_oracle import Ranking

SOURCES = {"erp": "erp", "second": "erp", "crm": "crm", "dunning": "collections"}
KEYS = ("1", "2")
SPOKEN = ("name", "phone", "city")
NAMES = (*SPOKEN, "chasing_paused", "pause_reason")
FED = {name: name for name in NAMES} | {"parent": "parent_id", "top": "ultimate_parent_id"}
"""What the change feed tells of a debtor, and under which name."""
RULES: tuple[dict[str, Ranking], ...] = (
    {"general": Ranking(("crm", "erp", "collections")), "billing_address": Ranking(("erp",)), "chasing": Ranking(("collections", "crm", "erp"))},
    {"general": Ranking(("erp", "crm", "collections")), "billing_address": Ranking(("second", "crm")), "chasing": Ranking(("erp", "collections"))},
    {"general": Ranking(("collections", "crm", "erp"), fills=True), "billing_address": Ranking(("erp", "crm"), fills=True),
     "chasing": Ranking(("collections",))},
)  # fmt: skip
ORDERS: tuple[tuple[str, ...], ...] = ((), ("second", "erp"), ("erp",))
GROUPS = {
    "name": "general",
    "phone": "general",
    "city": "billing_address",
    "chasing_paused": "chasing",
    "pause_reason": "chasing",
}
PARENTS = Ranking(("erp",))


def policy_of(place: int) -> Policy:
    """Rules and order of sources as the engine is told them."""
    rules = RULES[place]
    listed = [
        Rule(groups=(group,), ranking=r.ranking, mode="if_empty" if r.fills else "master")
        for group, r in rules.items()
    ]
    return Policy(rules=(*listed, Rule(ranking=PARENTS.ranking)), sources=ORDERS[place])


def rules_of(place: int) -> dict[str, Ranking]:
    """The same rules by field, as the oracle is told them."""
    return {name: RULES[place][group] for name, group in GROUPS.items()} | {"parent_key": PARENTS}


def first_words(source: str, key: str) -> dict[str, Any]:
    """A record before anything happens: no rule of the ladder finds two of them alike."""
    return {"number": f"{source}-{key}", "name": f"{source} {key}", "phone": None, "city": f"city of {source}", **(
        {"erp_balance": f"{key}0"} if SOURCES[source] == "erp" else {})}  # fmt: skip
