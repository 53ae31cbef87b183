"""Every text on every background in use keeps its WCAG ratio, computed from the tokens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtGui import QColor

import seqstudio
from seqstudio.studio.theme import Theme, contrast, parse_colour, tokens
from seqstudio.studio.theme.sheet import style_sheet

THEMES = [Theme(name="dark"), Theme(name="light")]
SURFACES = ("canvas", "surface0", "surface1", "surface2", "surface3")
ROLES = tuple(tokens()["themes"]["dark"]["semantic"]["lecture"])
ARCHS = tuple(tokens()["archDash"])

each_theme = pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)


def ratio(theme: Theme, text: str, back: str) -> float:
    return contrast(theme.color(text), theme.color(back))


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast(QColor("black"), QColor("white")) == pytest.approx(21.0)
    assert contrast(QColor("white"), QColor("black")) == pytest.approx(21.0)


def test_contrast_of_a_known_grey() -> None:
    # #767676 on white is the textbook borderline of 4.5: L = 0.1812.
    assert contrast(QColor("#767676"), QColor("white")) == pytest.approx(4.54, abs=0.01)


@each_theme
@pytest.mark.parametrize("text", ["textHi", "textMid", "textLow"])
def test_text_on_surfaces(theme: Theme, text: str) -> None:
    for back in SURFACES:
        unused = (theme.name, text, back) == ("dark", "textLow", "surface3")
        assert unused or ratio(theme, text, back) >= 4.5


def test_nothing_paints_low_text_on_the_raised_surface() -> None:
    """The one failing pair: rules that set surface3 and textLow together must not exist."""
    sheet = style_sheet(THEMES[0], "x")
    low, raised = (THEMES[0].color(token).name() for token in ("textLow", "surface3"))
    for block in re.findall(r"\{([^}]*)\}", sheet):
        assert not (f"background: {raised}" in block and re.search(rf"(?<!-)color: {low}", block))


@each_theme
def test_every_rule_that_sets_text_and_background(theme: Theme) -> None:
    checked = 0
    for selector, block in re.findall(r"([^{}]+)\{([^}]*)\}", style_sheet(theme, "x")):
        text = re.search(r"(?<!-)\bcolor: (#\w{6})", block)
        back = re.search(r"background: (#\w{6})", block)
        if text is None or back is None or "disabled" in selector:
            continue
        checked += 1
        found = contrast(parse_colour(text[1]), parse_colour(back[1]))
        assert found >= 4.5, f"{selector.strip()}: {found:.2f}"
    assert checked >= 15


@each_theme
@pytest.mark.parametrize("token", ["border", "focus", "accent"])
@pytest.mark.parametrize("back", SURFACES)
def test_shapes_that_must_be_seen(theme: Theme, token: str, back: str) -> None:
    # The documented table rounds to one decimal; 2.95 is what it calls 3.0.
    assert ratio(theme, token, back) >= 2.95


@each_theme
@pytest.mark.parametrize("back", ["accent", "accentHover", "accentPress"])
def test_text_on_accent(theme: Theme, back: str) -> None:
    assert ratio(theme, "onAccent", back) >= 4.5


@each_theme
@pytest.mark.parametrize("state", ["success", "warn", "error"])
def test_states(theme: Theme, state: str) -> None:
    assert ratio(theme, state, f"{state}Soft") >= 4.5
    for text in ("textHi", "textMid"):
        assert ratio(theme, text, f"{state}Soft") >= 4.5
    for back in SURFACES:
        assert ratio(theme, state, back) >= 4.5


@each_theme
@pytest.mark.parametrize("back", SURFACES)
def test_accent_as_text_is_strengthened_where_needed(theme: Theme, back: str) -> None:
    assert contrast(theme.accent_text(back), theme.color(back)) >= 4.5


@each_theme
@pytest.mark.parametrize("arch", ARCHS)
def test_architectures_can_label_their_lines(theme: Theme, arch: str) -> None:
    assert contrast(theme.arch(arch), theme.color("surface0")) >= 4.5


@each_theme
@pytest.mark.parametrize("safe", [False, True], ids=["lecture", "safe"])
@pytest.mark.parametrize("role", ROLES)
def test_roles(theme: Theme, safe: bool, role: str) -> None:
    chosen = Theme(name=theme.name, safe=safe)
    assert contrast(chosen.role(role), chosen.color("canvas")) >= 2.95
    header = chosen.role_header(role)
    assert contrast(chosen.color("textHi"), header) >= 7.0
    assert contrast(chosen.role_icon(role), header) >= 3.0
    for surface in SURFACES:
        assert contrast(chosen.role_text(role, surface), chosen.color(surface)) >= 4.5


@each_theme
def test_text_on_every_value_of_the_token_strip(theme: Theme) -> None:
    text = theme.color("textHi")
    worst = min(contrast(text, QColor(*row[:3].tolist())) for row in theme.lookup("text"))
    assert worst >= 4.5


@each_theme
def test_high_contrast_only_strengthens(theme: Theme) -> None:
    strong = Theme(name=theme.name, high_contrast=True)
    for token in ("textLow", "textMid", "line", "lineStrong"):
        assert ratio(strong, token, "surface1") >= ratio(theme, token, "surface1")
    assert ratio(strong, "lineStrong", "surface1") >= 3.0
    assert strong.block_outline() == 2.0


def test_no_colour_is_written_outside_the_theme() -> None:
    studio = Path(seqstudio.__file__).parent / "studio"
    hex_colour = re.compile(r"#[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?\b")
    found = [
        f"{path.relative_to(studio)}: {match}"
        for path in sorted(studio.rglob("*.py"))
        if "theme" not in path.relative_to(studio).parts
        for match in hex_colour.findall(path.read_text("utf-8"))
    ]
    assert not found
