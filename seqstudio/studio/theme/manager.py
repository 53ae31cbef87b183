"""The theme in force, and the object that changes it.

`theme()` returns the frozen theme in force; `themes()` returns the one `ThemeManager` of the
application. Widgets that paint themselves call `follow_theme(self)` at the end of `__init__` and
give a `restyle()` slot; Qt cuts the connection when the widget goes.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

from PySide6.QtCore import SIGNAL, QCoreApplication, QDir, QObject, Qt, Signal, Slot
from PySide6.QtGui import QFontDatabase, QFontInfo
from PySide6.QtWidgets import QApplication, QWidget

from seqstudio.studio.theme.model import Theme, ThemeName, tokens
from seqstudio.studio.theme.sheet import IMAGES, image_name, palette, style_sheet

Mode = Literal["dark", "light", "system"]
SEARCH_PREFIX = "seqtheme"


class _InForce:
    """Holds the theme in force; `ThemeManager.apply` is the only writer."""

    theme: Theme | None = None


def theme() -> Theme:
    """Return the theme in force; before `ThemeManager.apply` a dark one without families."""
    return _InForce.theme or _FALLBACK


_FALLBACK = Theme()


class ThemeManager(QObject):
    """Chooses the theme and puts it on the running application.

    Signals:
        changed: The theme in force is another one; `theme()` already returns it.
    """

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self.setObjectName("themes")
        self._app = app
        self._mode: Mode = "system"
        self._safe = False
        self._high_contrast: bool | None = None
        self._reduced_motion = False
        folder = tempfile.mkdtemp(prefix="seqstudio-theme-")
        self._folder = Path(folder)
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        QDir.addSearchPath(SEARCH_PREFIX, folder)
        app.styleHints().colorSchemeChanged.connect(self._system_changed)

    @property
    def mode(self) -> Mode:
        """What the person chose: dark, light or system."""
        return self._mode

    @property
    def safe_colours(self) -> bool:
        """Whether the colour-blind-safe set is on."""
        return self._safe

    def set_mode(self, mode: Mode) -> None:
        """Choose dark, light, or to follow the system."""
        self._mode = mode
        self.apply()

    def set_safe_colours(self, on: bool) -> None:
        """Choose the colour-blind-safe set."""
        self._safe = on
        self.apply()

    def set_high_contrast(self, on: bool | None) -> None:
        """Choose high contrast; None follows the system."""
        self._high_contrast = on
        self.apply()

    def set_reduced_motion(self, on: bool) -> None:
        """Choose that nothing moves but data."""
        self._reduced_motion = on
        self.apply()

    def apply(self) -> None:
        """Put the chosen theme on the application and repaint every window once."""
        chosen = self._chosen()
        if chosen == _InForce.theme and self._app.styleSheet():
            return
        _InForce.theme = chosen
        windows = [window for window in self._app.topLevelWidgets() if window.isVisible()]
        self._repaint_together(windows, chosen)
        self.changed.emit()
        for window in windows:
            window.setUpdatesEnabled(True)

    def _repaint_together(self, windows: list[QWidget], chosen: Theme) -> None:
        # Without this every widget repaints on its own and half-changed windows flash.
        for window in windows:
            window.setUpdatesEnabled(False)
        if self._app.style().objectName().lower() != "fusion":
            self._app.setStyle("Fusion")
        self._app.setPalette(palette(chosen))
        self._app.setFont(chosen.font("body"))
        self._write_images(chosen)
        self._app.setStyleSheet(style_sheet(chosen, SEARCH_PREFIX))

    def _write_images(self, chosen: Theme) -> None:
        from seqstudio.studio.theme.icons import icon_svg

        for name, token in IMAGES:
            colour = chosen.color(token).name()
            path = self._folder / image_name(name, colour)
            if not path.exists():
                path.write_bytes(icon_svg(name, colour, stroke=2.5 if name == "check" else None))

    def _chosen(self) -> Theme:
        hints = self._app.styleHints()
        name: ThemeName = "light" if self._wants_light() else "dark"
        contrast = self._high_contrast
        if contrast is None:
            wanted = hints.accessibility().contrastPreference()
            contrast = wanted == Qt.ContrastPreference.HighContrast
        return replace(
            system_theme(),
            name=name,
            safe=self._safe,
            high_contrast=contrast,
            reduced_motion=self._reduced_motion,
        )

    def _wants_light(self) -> bool:
        if self._mode != "system":
            return self._mode == "light"
        return self._app.styleHints().colorScheme() == Qt.ColorScheme.Light

    @Slot()
    def _system_changed(self) -> None:
        if self._mode == "system":
            self.apply()


@contextmanager
def painting_in(other: Theme) -> Iterator[None]:
    """Make another theme the one in force for one painting, without telling anybody."""
    before = _InForce.theme
    _InForce.theme = other
    try:
        yield
    finally:
        _InForce.theme = before


class _Restyled(Protocol):
    def restyle(self) -> None: ...


def themes() -> ThemeManager:
    """Return the application's theme manager; the first call makes it.

    Raises:
        RuntimeError: There is no QApplication yet.
    """
    app = QCoreApplication.instance()
    if not isinstance(app, QApplication):
        msg = "themes need a QApplication"
        raise RuntimeError(msg)  # noqa: TRY004 - the caller's order is wrong, not a type
    found = app.findChildren(ThemeManager, "themes")
    return found[0] if found else ThemeManager(app)


def follow_theme(widget: _Restyled) -> None:
    """Call `widget.restyle()` now and after every change of the theme."""
    # With its receiver named: a plain connection to a slot that a class takes over from its base
    # outlives the widget, and the next change of the theme would fail on it.
    QObject.connect(themes(), SIGNAL("changed()"), widget, widget.restyle)  # type: ignore[call-overload]
    widget.restyle()


def system_theme() -> Theme:
    """Return a dark theme with the fonts of this computer; needs a QGuiApplication."""
    general = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    pixels = QFontInfo(general).pixelSize()
    return Theme(
        scale=max(0.85, pixels / 13.0),
        ui_family=general.family(),
        mono_family=_mono_family(),
    )


def _mono_family() -> str:
    installed = set(QFontDatabase.families())
    for family in tokens()["font"]["monoPreferred"]:
        if family in installed:
            return str(family)
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()
