"""`CanonicalStore`: who is believed for which field, as one YAML; what people do across sources, as jobs."""

from __future__ import annotations

import dagster as dg
from pydantic import BaseModel

from dagster_project.alert_sensor import alert_sensor
from dagster_project.decision_jobs import decision_jobs
from dagster_project.families import LINKS, POLICY
from dagster_project.resources import runtime
from dagster_project.store_jobs import store_jobs
from sync_engine.config import parse_policy
from sync_engine.ownership.policy import Policy, Rule


class CanonicalStore(dg.Component, Policy, dg.Resolvable):
    """The ownership policy of the canonical store: ordered rules, each a ranking of sources or roles for some fields or groups.

    The fields are those of `sync_engine.ownership.policy.Policy`. The next cut of every source folds by it; no ERP is asked.
    """

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The YAML is the engine's own policy, word for word."""
        return Policy

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> CanonicalStore:
        """Takes values as they stand; nothing in a policy is a template."""
        return cls.model_validate(model.model_dump(exclude_unset=True))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Assets that stand for the policy and for who is who, and the jobs. Raises ConfigurationError for a policy that names a field nobody has."""
        policy = parse_policy(self.model_dump(mode="json"), "canonical_store/defs.yaml")
        rules = dg.MetadataValue.table(
            [dg.TableRecord(_shown(place, rule)) for place, rule in enumerate(policy.rules, 1)]
        )
        return dg.Definitions(
            assets=[
                dg.AssetSpec(
                    POLICY,
                    group_name="canonical_store",
                    kinds={"yaml"},
                    description="Who is believed for which field. `sync-engine policy diff` shows what another policy would change.",
                    metadata={"rules, the first that names a field decides": rules, "digest": policy.digest},
                ),
                dg.AssetSpec(
                    LINKS,
                    group_name="canonical_store",
                    kinds={"postgres"},
                    description="Who is who: which canonical record each source record means. People decide with the jobs that begin with ops_: a plan is an "
                    "observation here, a decision that was carried out a materialisation.",
                ),
            ],
            jobs=[*decision_jobs(), *store_jobs()],
            sensors=[alert_sensor()],
            resources={"runtime": runtime},
        )


def _shown(place: int, rule: Rule) -> dict[str, str | int]:
    of = [*rule.fields, *(f"group {group}" for group in rule.groups)]
    return {
        "rule": place,
        "entity": "every" if rule.entity == "*" else rule.entity,
        "company": rule.company or "every",
        "decides about": ", ".join(of) or "everything else",
        "ranking, best first": " > ".join(rule.ranking),
        "mode": rule.mode,
    }
