"""docs/configuration.md is what the models say, and the models say what every key means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from connectors.toolkit.settings import SecretRef
from tests.docs import configuration

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    """What `make docs` would write is what is committed."""
    assert PAGE.read_text(encoding="utf-8") == configuration.page(), "run `make docs`"


def test_a_plug_in_that_is_not_installed_is_no_page_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An environment older than pyproject.toml would drop a section in silence."""
    project = tmp_path / "pyproject.toml"
    said = configuration.PROJECT.read_text(encoding="utf-8")
    head = '[project.entry-points."sync_engine.connectors"]\n'
    project.write_text(said.replace(head, f'{head}unheard_of = "nowhere:plugin"\n'), encoding="utf-8")
    monkeypatch.setattr(configuration, "PROJECT", project)
    with pytest.raises(RuntimeError, match="unheard_of is not installed"):
        configuration.page()


def test_every_key_says_what_it_means() -> None:
    """In its own description, or by the model behind it."""
    silent = [
        f"{path}.{name}"
        for path, model in configuration.models()
        for name, info in model.model_fields.items()
        if not configuration.described(info)
    ]
    assert silent == []


def test_every_variable_of_the_environment_is_there() -> None:
    """A name that a text of ours mentions, and nothing that nobody reads."""
    named: set[str] = set()
    for folder in ("sync_engine", "dagster_project", "connectors", "mappings"):
        for path in (ROOT / folder).rglob("*.py"):
            named |= set(re.findall(r"SYNC_ENGINE_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
    assert named == set(configuration.ENVIRONMENT)


class Silent(BaseModel):
    """A model that leaves something out."""

    said: int = Field(3, ge=1, le=5, description="said")
    unsaid: str | None = None
    key: SecretRef


def test_silence_is_found() -> None:
    """A key without a description has none."""
    assert configuration.described(Silent.model_fields["unsaid"]) == ""
    assert configuration.described(Silent.model_fields["said"]) == "Said."


@pytest.mark.parametrize(
    ("name", "kind", "default"),
    [
        ("said", "whole number, at least 1, at most 5", "`3`"),
        ("unsaid", "text", "none"),
        ("key", "secret, by reference", "**required**"),
    ],
)
def test_types_are_told_in_words(name: str, kind: str, default: str) -> None:
    """With their limits; a secret is a reference."""
    info = Silent.model_fields[name]
    assert (configuration.kind(info), configuration.default(info)) == (kind, default)
