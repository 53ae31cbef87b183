"""The top row of the window: mark, menus, page switcher, file name, search for actions."""

from __future__ import annotations

from importlib import resources

from PySide6.QtCore import QByteArray, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QImage, QPainter, QPainterPath, QPaintEvent, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QMenuBar, QWidget
from typing_extensions import override

from seqstudio.studio.keys import follow_keys, keymap
from seqstudio.studio.theme import follow_theme, icon_pixmap, painting, pen, theme
from seqstudio.studio.widgets import ElidedLabel, Label, Segments

MARK = 20
FIND_WIDTH = 190
FIND = "edit.find"
ICON_SIDES = (16, 24, 32, 48, 64, 128, 256)


class TopBar(QWidget):
    """One row, as high as a menu bar; the page switcher stands in the middle of the window.

    Args:
        menus: The menus of the window.
        switch: The page switcher.

    Signals:
        find_wanted: The person wants to find an action by its name.
    """

    find_wanted = Signal()

    def __init__(self, menus: QMenuBar, switch: Segments) -> None:
        super().__init__()
        self._name = ElidedLabel("", "body", "textHi")
        self._name.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._edited = Label("edited", "small", "textLow")
        self.find_button = FindButton()
        self.find_button.clicked.connect(self.find_wanted)
        left, right = QHBoxLayout(), QHBoxLayout()
        left.setSpacing(4)
        left.addWidget(_Mark())
        left.addWidget(menus, 1, Qt.AlignmentFlag.AlignVCenter)
        right.setSpacing(6)
        right.addWidget(self._name, 1)
        right.addWidget(self._edited)
        right.addSpacing(6)
        right.addWidget(self.find_button)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(12)
        row.addLayout(left, 1)
        row.addWidget(switch, 0, Qt.AlignmentFlag.AlignCenter)
        row.addLayout(right, 1)
        follow_theme(self)

    def show_name(self, name: str, edited: bool) -> None:
        """Show the name of the file, and whether there are changes that it does not hold."""
        self._name.setText(name)
        self._edited.setVisible(edited)

    @Slot()
    def restyle(self) -> None:
        """Take the height from the theme in force."""
        self.setFixedHeight(theme().metric("menuBar"))


class FindButton(QAbstractButton):
    """Looks like a search field and opens the search for actions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("Find an action")
        self.setAccessibleName("Find an action")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        follow_theme(self)
        follow_keys(self)

    @Slot()
    def rekey(self) -> None:
        """Tell the key in force."""
        self.setToolTip(keymap().named("Find an action by its name and run it", FIND))
        self.restyle()

    @override
    def sizeHint(self) -> QSize:
        return QSize(FIND_WIDTH, theme().metric("field"))

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        style, focus = theme(), self.hasFocus()
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            width = style.stroke("focus") if focus else 1.0
            line = "lineStrong" if style.is_dark else "border"
            painter.setPen(pen(style.color("focus" if focus else line), width))
            painter.setBrush(style.color("surface2" if self.underMouse() else "surface0"))
            half = width / 2
            box = QRectF(self.rect()).adjusted(half, half, -half, -half)
            painter.drawRoundedRect(box, style.radius("control"), style.radius("control"))
            glass = icon_pixmap("search", 14, "textLow")
            painter.drawPixmap(9, (self.height() - 14) // 2, glass)
            words = self.rect().adjusted(30, 0, -10, 0)
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.setPen(style.color("textLow"))
            painter.setFont(style.font("small"))
            painter.drawText(words, middle, self.text())
            painter.setFont(style.font("axis"))
            painter.drawText(words, middle | Qt.AlignmentFlag.AlignRight, keymap().text(FIND))

    @Slot()
    def restyle(self) -> None:
        """Take size and colours from the theme in force."""
        wide = self.fontMetrics().horizontalAdvance(f"{self.text()}  {keymap().text(FIND)}") + 52
        self.setFixedSize(max(FIND_WIDTH, wide), theme().metric("field"))
        self.update()


class _Mark(QWidget):
    """The mark of the program: a sequence that ends in a point."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(MARK, MARK)
        follow_theme(self)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("accent"))
            painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
            line = pen(theme().color("onAccent"), 1.75)
            line.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(line)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(_wave())

    @Slot()
    def restyle(self) -> None:
        self.update()


def _wave() -> QPainterPath:
    path = QPainterPath(QPointF(4, 12))
    path.cubicTo(5.5, 12, 5.5, 6.5, 7.6, 6.5)
    path.cubicTo(9.8, 6.5, 9.8, 13.8, 12, 13.8)
    path.cubicTo(14.2, 13.8, 14, 8.8, 16, 8.8)
    return path


def window_icon() -> QIcon:
    """Return the icon of the program in the sizes that desktops ask for."""
    source = resources.files("seqstudio") / "resources" / "icons" / "seqstudio.svg"
    renderer = QSvgRenderer(QByteArray(source.read_bytes()))
    result = QIcon()
    for side in ICON_SIDES:
        image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(0)
        with painting(image) as painter:
            renderer.render(painter, QRectF(0, 0, side, side))
        result.addPixmap(QPixmap.fromImage(image))
    return result
