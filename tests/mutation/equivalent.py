"""Mutants that behave as the original does, each with the reason."""

from __future__ import annotations

Name = tuple[str, str, str, str]
"""Module, function, the source of the changed part before and after."""
EQUIVALENT: dict[Name, str] = {
    ("ownership.resolve", "claimed_by_all", "sorted(claims, key=lambda c: (c.source, c.key))", "sorted(claims)"):
        "claims begin with source, role and key; a source has one role",
}  # fmt: skip
