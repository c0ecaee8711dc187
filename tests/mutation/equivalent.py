"""Mutants that behave as the original does, each with the reason."""

from __future__ import annotations

Name = tuple[str, str, str, str]
"""Module, function, the source of the changed part before and after."""
EQUIVALENT: dict[Name, str] = {}
