"""The palette and the one style sheet, both built from tokens.

Widgets ask for a look with dynamic properties, never with object names:
`kind` on buttons ("primary", "secondary", "text"), frames ("card", "well", "segments", "note"),
tool buttons ("icon", "segment"); `tone` on labels (a text token, "onAccent" or a state);
`invalid` on fields.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from string import Template

from PySide6.QtGui import QPalette

from seqstudio.studio.theme.model import Theme, tokens

_ROLES = {
    "Window": "surface1",
    "WindowText": "textHi",
    "Base": "surface0",
    "AlternateBase": "surface1",
    "Text": "textHi",
    "Button": "surface3",
    "ButtonText": "textHi",
    "Highlight": "textSelection",
    "HighlightedText": "textHi",
    "Accent": "accent",
    "Link": "accent",
    "ToolTipBase": "surface3",
    "ToolTipText": "textHi",
    "PlaceholderText": "textLow",
    "Light": "surface3",
    "Midlight": "surface3",
    "Mid": "lineStrong",
    "Dark": "line",
    "Shadow": "canvas",
    "BrightText": "error",
}
_DISABLED = ("WindowText", "Text", "ButtonText")

# (icon, colour token) of the pictures that rules refer to: a rule on a combo box or a check box
# takes the native arrow or mark away.
IMAGES = (
    ("chevron-down", "textMid"),
    ("chevron-down", "textDisabled"),
    ("chevron-right", "textMid"),
    ("check", "onAccent"),
    ("check", "textMid"),
    ("check", "textDisabled"),
)


def image_name(icon: str, colour: str) -> str:
    """Return the file name of a picture that the style sheet refers to."""
    return f"{icon}-{colour.removeprefix('#')}.svg"


def palette(theme: Theme) -> QPalette:
    """Return the application palette of a theme."""
    result = QPalette()
    for role, token in _ROLES.items():
        result.setColor(QPalette.ColorRole[role], theme.color(token))
    for role in _DISABLED:
        result.setColor(
            QPalette.ColorGroup.Disabled, QPalette.ColorRole[role], theme.color("textDisabled")
        )
    return result


def style_sheet(theme: Theme, prefix: str) -> str:
    """Return the style sheet of a theme; pictures are looked up under the search `prefix`."""
    names = tokens()["themes"][theme.name]["color"]
    values = {token: theme.color(token).name() for token in names}
    values |= {
        f"{icon.replace('-', '_')}_{token}": f"url({prefix}:{image_name(icon, values[token])})"
        for icon, token in IMAGES
    }
    values |= _choices(theme, values) | _lengths(theme)
    return Template(_template()).substitute(values)


@lru_cache(maxsize=1)
def _template() -> str:
    path = resources.files("seqstudio") / "resources" / "theme" / "studio.qss"
    return path.read_text("utf-8")


def _choices(theme: Theme, values: dict[str, str]) -> dict[str, str]:
    """Return what the two themes take from different tokens."""
    dark = theme.is_dark
    return {
        "fieldLine": values["lineStrong" if dark else "border"],
        "buttonFill": values["surface3" if dark else "surface2"],
        "buttonLine": values["surface3" if dark else "border"],
        "buttonHover": values["lineStrong" if dark else "surface3"],
        "trough": values["surface0" if dark else "surface3"],
        "segmentOn": values["surface3" if dark else "surface2"],
        "segmentLine": values["surface3" if dark else "lineStrong"],
        "menuHover": values["lineStrong" if dark else "accentSoft"],
        "accentText": theme.accent_text("surface1").name(),
        "disabledFill": values["surface2" if dark else "surface3"],
    }


def _lengths(theme: Theme) -> dict[str, str]:
    """Return heights of contents: the outer height less borders, one less for the focus ring."""
    result = {}
    for name in ("field", "button", "row", "seg", "tableHeader"):
        outer = theme.metric(name)
        result[name] = f"{outer - 2}px"
        result[f"{name}Focus"] = f"{outer - 4}px"
    result["rowFull"] = f"{theme.metric('row')}px"
    result["small"] = f"{theme.text_px('small')}px"
    return result
