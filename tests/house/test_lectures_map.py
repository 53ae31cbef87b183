"""docs/lectures.md names only templates, panels and tests that exist, and leaves no row out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seqstudio.blocks.templates import TEMPLATES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "lectures.md"
TITLE = re.compile(r'^    title(?:: ClassVar\[str\])? = "(.+)"$', re.MULTILINE)
PAGES = ("Build", "Train", "Look inside", "Listen", "Learn")


def rows(prefix: str) -> dict[str, list[str]]:
    """Return the cells of every row whose first one is a system ("S") or claim ("C")."""
    lines = (line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines())
    found = {cells[0].removeprefix("| "): cells for cells in lines}
    return {key: cells for key, cells in found.items() if re.fullmatch(rf"{prefix}\d+", key)}


def panel_titles() -> set[str]:
    """Return the titles of all classes of the window, read from their source."""
    sources = (ROOT / "seqstudio" / "studio").rglob("*.py")
    return {title for path in sources for title in TITLE.findall(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(("prefix", "count"), [("S", 91), ("C", 23)])
def test_every_system_and_claim_has_its_row(prefix: str, count: int) -> None:
    assert list(rows(prefix)) == [f"{prefix}{number}" for number in range(1, count + 1)]


def test_every_template_that_is_named_exists() -> None:
    named = {
        name
        for cells in (*rows("S").values(), *rows("C").values())
        for name in re.findall(r"`([a-z0-9-]+)`", cells[2])
    }
    assert named
    assert named <= set(TEMPLATES)


def test_every_panel_that_is_named_exists_on_a_page() -> None:
    titles = panel_titles()
    for cells in (*rows("S").values(), *rows("C").values()):
        assert set(re.findall(r"\*\*(.+?)\*\*", cells[3])) <= titles, cells[0]
        for part in cells[3].split("; "):
            if "**" in part:
                assert part.partition(": ")[0] in PAGES, cells[0]


def test_every_test_that_is_named_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text))
    assert len(named) > 60
    for path, name in named:
        source = ROOT / path
        assert source.is_file(), path
        assert not name or f"def {name}(" in source.read_text(encoding="utf-8"), (path, name)


def test_every_oracle_is_held() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## Oracles")[2]
    numbers = [
        int(number) for number in re.findall(r"^\| (\d+)(?: \(.*?negative\))? \|", text, re.M)
    ]
    assert numbers == list(range(1, 26))
    assert all("`tests/" in line for line in text.splitlines() if re.match(r"\| \d", line))
