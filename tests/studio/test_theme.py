"""The theme as a value, and the manager that puts it on the application."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QByteArray, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontInfo, QImage, QPainter, QPalette
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from seqstudio.studio.theme import (
    EquationError,
    Theme,
    ThemeManager,
    equation_pixmap,
    equation_svg,
    follow_theme,
    icon,
    icon_names,
    icon_pixmap,
    painting,
    painting_in,
    parse_colour,
    pen,
    theme,
    themes,
    tokens,
)
from seqstudio.studio.theme.icons import icon_svg


@pytest.fixture
def manager(qapp: QApplication) -> Iterator[ThemeManager]:
    made = themes()
    made.set_mode("dark")
    yield made
    made.set_safe_colours(False)
    made.set_high_contrast(False)
    made.set_reduced_motion(False)
    made.set_mode("dark")


def test_eight_digit_colours_have_alpha_last() -> None:
    assert parse_colour("#1C24302E").getRgb() == (0x1C, 0x24, 0x30, 0x2E)
    assert Theme(name="light").color("shadow").alpha() == 0x2E
    assert Theme().map_cursor()[1].alpha() == 0x99


@pytest.mark.parametrize("text", ["", "red", "#12345", "123456", "#GGGGGG"])
def test_other_colours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_colour(text)


def test_a_theme_is_frozen_and_gives_copies() -> None:
    dark = Theme()
    with pytest.raises(dataclasses.FrozenInstanceError):
        dark.name = "light"  # type: ignore[misc]
    dark.color("accent").setRed(0)
    assert dark.color("accent").red() != 0


def test_unknown_names_are_refused() -> None:
    for ask in (Theme().color, Theme().role, Theme().arch, Theme().metric):
        with pytest.raises(KeyError):
            ask("no such thing")


def test_safe_colours_change_roles_and_attention_but_not_architectures() -> None:
    plain, safe = Theme(), Theme(safe=True)
    assert plain.role("cell") != safe.role("cell")
    assert plain.arch("lstm") == safe.arch("lstm")
    assert not np.array_equal(plain.lookup("attention"), safe.lookup("attention"))
    assert np.array_equal(plain.lookup("gate"), safe.lookup("attention"))


@pytest.mark.parametrize("name", ["dark", "light"])
def test_signed_maps_run_through_their_three_stops(name: str) -> None:
    for quantity, key in (("signed", "diverging"), ("text", "textHeat")):
        table = Theme(name=name).lookup(quantity)  # type: ignore[arg-type]
        low, neutral, high = (parse_colour(c) for c in tokens()["colormap"][key][name])
        assert table.shape == (256, 4)
        assert tuple(table[0]) == low.getRgb()
        assert tuple(table[-1]) == high.getRgb()
        middle = (table[127].astype(int) + table[128]) / 2
        assert np.abs(middle - np.array(neutral.getRgb())).max() <= 1.0


def test_tables_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Theme().lookup("gate")[0, 0] = 1


def test_viridis_starts_violet_and_ends_yellow() -> None:
    table = Theme().lookup("attention")
    assert tuple(table[0][:3]) == (68, 1, 84)
    assert table[-1][:3].astype(int) == pytest.approx([253, 231, 37], abs=1)


def test_pen_gives_dashes_in_pixels() -> None:
    line = pen(QColor("black"), 2.0, (5, 4))
    assert line.dashPattern() == pytest.approx([2.5, 2.0])
    dots = pen(QColor("black"), 1.25, Theme().dash("floor"))
    assert dots.capStyle() == Qt.PenCapStyle.RoundCap
    assert dots.dashPattern()[1] * 1.25 == pytest.approx(4.0)


def test_text_scales_but_never_below_eleven(qapp: QApplication) -> None:
    small, large = Theme(scale=0.85), Theme(scale=1.5)
    assert small.font("axis").pixelSize() == 11
    assert large.font("body").pixelSize() == round(13 * 1.5)
    assert large.metric("field") == 39
    assert small.metric("field") == 26


def test_numbers_are_tabular_and_code_has_no_ligatures(qapp: QApplication) -> None:
    made = theme()
    assert made.font("body").featureValue(QFont.Tag("tnum")) == 1
    mono = made.font("mono")
    assert mono.featureValue(QFont.Tag("liga")) == mono.featureValue(QFont.Tag("calt")) == 0


def test_mono_font_is_fixed_pitch(manager: ThemeManager) -> None:
    assert QFontInfo(theme().font("mono")).fixedPitch()


def test_reduced_motion_takes_all_durations_away() -> None:
    assert Theme().motion("slow") == 220
    assert Theme(reduced_motion=True).motion("slow") == 0


def test_switching_changes_palette_and_sheet(manager: ThemeManager, qapp: QApplication) -> None:
    dark = qapp.palette().color(QPalette.ColorRole.Base)
    sheet = qapp.styleSheet()
    manager.set_mode("light")
    assert theme().name == "light"
    assert qapp.palette().color(QPalette.ColorRole.Base) == theme().color("surface0") != dark
    assert qapp.styleSheet() != sheet


def test_the_sheet_has_no_open_names(manager: ThemeManager, qapp: QApplication) -> None:
    assert "$" not in qapp.styleSheet()


class _Listener(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        self.names.append(f"{theme().name} {theme().safe}")


def test_widgets_hear_every_change_once(manager: ThemeManager, qtbot: QtBot) -> None:
    listener = _Listener()
    qtbot.addWidget(listener)
    manager.set_safe_colours(True)
    manager.set_safe_colours(True)
    manager.set_mode("light")
    assert listener.names == ["dark False", "dark True", "light True"]


class _Heir(_Listener):
    @Slot()
    def restyle(self) -> None:
        super().restyle()


@pytest.mark.parametrize("kind", [_Listener, _Heir])
def test_a_gone_widget_is_not_called(
    manager: ThemeManager, qtbot: QtBot, kind: type[_Listener]
) -> None:
    listener = kind()
    names = listener.names
    listener.deleteLater()
    qtbot.waitUntil(lambda: not _alive(listener))
    manager.set_mode("light")
    assert names == ["dark False"]


def _alive(widget: QWidget) -> bool:
    import shiboken6

    QApplication.sendPostedEvents(widget, 52) if shiboken6.isValid(widget) else None
    return shiboken6.isValid(widget)


def test_a_shown_window_updates_again_after_the_switch(
    manager: ThemeManager, qtbot: QtBot
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    manager.set_mode("light")
    assert window.updatesEnabled()
    corner = window.grab().toImage().pixelColor(0, 0)
    assert corner == theme().color("surface1")


def test_there_is_one_manager(manager: ThemeManager) -> None:
    assert themes() is manager


def test_painting_in_another_theme_ends_with_the_block(manager: ThemeManager) -> None:
    before = theme()
    seen = []
    try:
        with painting_in(Theme(name="light")):
            seen.append(theme().name)
            raise RuntimeError
    except RuntimeError:
        seen.append(theme().name)
    assert seen == ["light", "dark"]
    assert theme() is before


@pytest.mark.parametrize("name", icon_names())
def test_icons_draw_something_in_their_colour(qapp: QApplication, name: str) -> None:
    assert QSvgRenderer(QByteArray(icon_svg(name, "#FF0000"))).isValid()
    image = icon_pixmap(name, 24, QColor(255, 0, 0), ratio=2.0).toImage()
    assert image.width() == 48
    pixels = [image.pixelColor(x, y) for x in range(48) for y in range(48)]
    strong = [c for c in pixels if c.alpha() > 200]
    assert strong
    assert all(c.red() > 240 and c.green() < 15 for c in strong)


def test_an_icon_has_a_quieter_disabled_state(manager: ThemeManager) -> None:
    made = icon("play", 16, "textMid")
    usual = made.pixmap(16, made.Mode.Normal).toImage()
    dim = made.pixmap(16, made.Mode.Disabled).toImage()
    assert usual != dim


def test_equations_are_drawn_in_their_colour(qapp: QApplication) -> None:
    image = equation_pixmap(r"h_t = \tanh(W h_{t-1})", 16, QColor(0, 0, 255)).toImage()
    assert image.width() > 60
    seen = _colours(image)
    assert seen
    assert all(c.blue() > 240 and c.red() < 15 for c in seen)


def _colours(image: QImage) -> list[QColor]:
    places = [(x, y) for x in range(image.width()) for y in range(image.height())]
    return [c for x, y in places if (c := image.pixelColor(x, y)).alpha() > 200]


def test_bad_latex_is_told() -> None:
    with pytest.raises(EquationError, match="frac"):
        equation_svg(r"\frac{a", 16, "#000000")


def test_the_same_equation_is_typeset_once() -> None:
    first = equation_svg("a + b", 16, "#000000")
    assert equation_svg("a + b", 16, "#000000") is first


def test_a_painter_can_use_every_font(qapp: QApplication) -> None:
    image = QImage(200, 40, QImage.Format.Format_ARGB32)
    for style in tokens()["font"]["scale"]:
        image.fill(0)
        painter = QPainter(image)
        painter.setFont(theme().font(style))
        painter.setPen(QColor("white"))
        painter.drawText(2, 30, "0123")
        painter.end()
        assert any(image.pixelColor(x, y).alpha() for x in range(60) for y in range(40)), style


def test_a_painter_ends_even_when_painting_fails(qapp: QApplication) -> None:
    image = QImage(4, 4, QImage.Format.Format_ARGB32)
    kept = []
    try:
        with painting(image) as painter:
            kept.append(painter)
            raise RuntimeError
    except RuntimeError:
        assert not kept[0].isActive()
    assert kept
