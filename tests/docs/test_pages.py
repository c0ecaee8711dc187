"""Every page of the documentation: its links lead somewhere, and the files, modules and targets it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = (
    "sync_engine/",
    "connectors/",
    "mappings/",
    "dagster_project/",
    "migrations/",
    "tests/",
    "docs/",
    "findings/",
)
MADE_BY_USERS = re.compile(r"dagster_project/defs\b")


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", h.casefold()).replace(" ", "-") for h in headings}


def astray(page: Path, text: str) -> list[str]:
    """Links of a text that lead nowhere, seen from a page."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def gone(text: str) -> list[str]:
    """Paths and targets of make that a text names and that are not there."""
    quoted = [name for name in re.findall(r"`([\w./-]+)`", text) if name.startswith(OURS)]
    paths = [name for name in quoted if not MADE_BY_USERS.match(name) and not (ROOT / name).exists()]
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    return paths + [f"make {name}" for name in re.findall(r"`make ([a-z-]+)", text) if name not in targets]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a page that is there, and a heading that it has."""
    assert astray(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_named_is_there(page: Path) -> None:
    """Files, folders and targets of make."""
    assert gone(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text", ["[x](nowhere.md)", "[x](docs/operate.md#no-such-heading)", "[x](#nor-this)"]
)
def test_a_link_astray_is_found(text: str) -> None:
    """The search can fail: a page, a heading of another page, one of this page."""
    assert astray(ROOT / "README.md", text)


@pytest.mark.parametrize("text", ["`sync_engine/spool.py`", "`tests/laws/test_none.py`", "`make coffee`"])
def test_a_name_of_nothing_is_found(text: str) -> None:
    """The search can fail: a module, a test, a target."""
    assert gone(text)


def test_every_page_is_reached_from_the_readme() -> None:
    """By links, one after the other: nobody looks for a page that nothing names."""
    reached, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or not page.is_file():
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf-8"))
        ahead += [(page.parent / link).resolve() for link in links]
    assert set(PAGES) <= reached
