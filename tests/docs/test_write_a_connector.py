"""The page about writing a connector: every quoted block stands in the file it names, and its figures are true."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from sync_engine.config import parse

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "write-a-connector.md").read_text(encoding="utf-8")
QUOTES = re.findall(r"^```python (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SIZES = re.findall(r"^\| \w+ \| `(\S+)` \| (\d+) \|$", PAGE, re.MULTILINE)
MOST = {"connectors/example_billing/": 350, "mappings/example_billing/": 200}


@pytest.mark.parametrize(
    ("path", "quoted"), QUOTES, ids=[f"{n}-{path}" for n, (path, _) in enumerate(QUOTES)]
)
def test_a_quoted_block_stands_in_its_file(path: str, quoted: str) -> None:
    """Line by line, whatever its indentation there."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    count = len(quoted.splitlines())
    blocks = (textwrap.dedent("\n".join(lines[start : start + count])) + "\n" for start in range(len(lines)))
    assert quoted in blocks


def test_every_block_of_code_is_quoted() -> None:
    """A block of Python that names no file would be kept true by nobody."""
    assert len(QUOTES) >= 10
    assert PAGE.count("```python") == len(QUOTES)


@pytest.mark.parametrize(("folder", "said"), SIZES)
def test_the_sizes_are_true(folder: str, said: str) -> None:
    """Lines as the files have them, and within what a first connector may take."""
    counted = sum(
        len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")
    )
    assert counted == int(said)
    assert counted <= MOST.get(folder, counted)


def test_all_sizes_are_said() -> None:
    """The connector and the mapping, at least."""
    assert set(MOST) <= {folder for folder, _ in SIZES}


def test_the_configuration_is_one() -> None:
    """The YAML of the page is read as an installation's would be."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    config = parse(yaml.safe_load(text)["attributes"], "the page")
    assert config.connector == "example_billing"
