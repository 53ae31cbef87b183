r"""Theme of the studio: one frozen `Theme`, one `ThemeManager`, icons and equations.

    from seqstudio.studio.theme import follow_theme, icon, pen, theme, themes

    themes().set_mode("dark")           # or "light", "system"; also set_safe_colours(True) ...
    theme().color("textMid")            # QColor of a token
    theme().role("cell"), theme().arch("lstm"), theme().font("panelTitle")
    theme().metric("formRow"), theme().radius("card"), theme().motion("normal")
    theme().lookup("attention")         # colour map, uint8 array (256, 4)
    with painting(self) as painter: ...   # in paintEvent: ends the painter whatever happens
    pen(theme().role("loss"), 1.75, theme().dash("validation"))   # dashes are pixels
    icon("play", 16, "textMid")         # QIcon; icon_pixmap(...) for painting
    equation_pixmap(r"h_t = \tanh(W h_{t-1})")

A widget that paints itself asks `theme()` inside `paintEvent` and calls `follow_theme(self)` last
in `__init__`; its `restyle()` slot then runs now and after every change. Standard widgets follow
through the application's palette and style sheet. See `sheet` for the dynamic properties.
"""

from seqstudio.studio.theme.colour import contrast, faded, mix, parse_colour
from seqstudio.studio.theme.equations import EquationError, equation_pixmap, equation_svg
from seqstudio.studio.theme.icons import icon, icon_names, icon_pixmap
from seqstudio.studio.theme.manager import ThemeManager, follow_theme, painting_in, theme, themes
from seqstudio.studio.theme.model import Theme, pen, tokens
from seqstudio.studio.theme.painting import painting

__all__ = [
    "EquationError",
    "Theme",
    "ThemeManager",
    "contrast",
    "equation_pixmap",
    "equation_svg",
    "faded",
    "follow_theme",
    "icon",
    "icon_names",
    "icon_pixmap",
    "mix",
    "painting",
    "painting_in",
    "parse_colour",
    "pen",
    "theme",
    "themes",
    "tokens",
]
