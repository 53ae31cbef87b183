"""The sheet of keys: every action with its keys in force on one page, on screen and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QEvent,
    QMarginsF,
    QObject,
    QRectF,
    QSize,
    QSizeF,
    Qt,
    Slot,
)
from PySide6.QtGui import (
    QCloseEvent,
    QFontMetricsF,
    QImage,
    QImageWriter,
    QKeyEvent,
    QMouseEvent,
    QPageLayout,
    QPageSize,
    QPainter,
    QPaintEvent,
    QPdfWriter,
    QResizeEvent,
)
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.core.errors import SeqError
from seqstudio.core.files import write_atomic
from seqstudio.studio.keys.action import caps
from seqstudio.studio.keys.dialog import arranged, heading
from seqstudio.studio.keys.keymap import follow_keys, keymap
from seqstudio.studio.theme import faded, follow_theme, painting, painting_in, pen, theme
from seqstudio.studio.widgets import Button, IconButton, Label

ROW, HEAD, GAP, GUTTER = 18.0, 24.0, 12.0, 36.0  # pixels at 100 %
NARROWEST, MOST_COLUMNS, KEYS_SHOWN = 270.0, 4, 2
PAGE = QSizeF(1600.0, 1130.0)  # a landscape sheet in pixels, as wide to tall as A4
INSET, BORDER = 24, 28
CAP_PAD, CAP_GAP, KEY_GAP = 5.0, 2.0, 8.0


@dataclass(frozen=True)
class Section:
    """A heading with its lines: words of an action and its keys as caps."""

    title: str
    lines: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]

    def height(self) -> float:
        """Return the height in pixels at 100 %."""
        return HEAD + len(self.lines) * ROW + GAP


def sections() -> list[Section]:
    """Return every action under its heading, with the keys in force."""
    found: dict[str, list[tuple[str, tuple[tuple[str, ...], ...]]]] = {}
    for action in arranged():
        told = dict.fromkeys(caps(key) for key in keymap().keys(action.id))
        keys = tuple(told)[:KEYS_SHOWN]
        found.setdefault(heading(action), []).append((action.words, keys))
    return [Section(title, tuple(lines)) for title, lines in found.items()]


def columns(parts: Sequence[Section], number: int) -> list[list[Section]]:
    """Spread sections over columns of about one height, in their order."""
    least = max(sum(part.height() for part in parts) / number,
                max((part.height() for part in parts), default=0.0))  # fmt: skip
    return next(
        packed for more in count() if len(packed := _packed(parts, least + more * ROW)) <= number
    )


def _packed(parts: Sequence[Section], tall: float) -> list[list[Section]]:
    result: list[list[Section]] = [[]]
    for part in parts:
        if sum(p.height() for p in result[-1]) + part.height() > tall and result[-1]:
            result.append([])
        result[-1].append(part)
    return result


class Sheet:
    """The page as a picture, for a width.

    Args:
        width: Pixels.
        number: Columns, 0 for as many as the width has room for.
    """

    def __init__(self, width: float, number: int = 0) -> None:
        self.scale = max(1.0, theme().scale)
        self.width = width
        room = int((width + GUTTER) / ((NARROWEST + GUTTER) * self.scale))
        number = number or max(1, min(MOST_COLUMNS, room))
        self.columns = columns(sections(), number)
        self.column = (width - (number - 1) * GUTTER) / number

    def height(self) -> float:
        """Return the height that the page needs."""
        tall = (sum(part.height() for part in column) for column in self.columns)
        return max(tall, default=0.0) * self.scale

    def paint(self, painter: QPainter) -> None:
        """Paint the page with its corner at the origin."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, column in enumerate(self.columns):
            x, y = place * (self.column + GUTTER), 0.0
            for part in column:
                self._paint_section(painter, x, y, part)
                y += part.height() * self.scale

    def _paint_section(self, painter: QPainter, x: float, y: float, part: Section) -> None:
        head, row, middle = HEAD * self.scale, ROW * self.scale, Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme().font("panelTitle"))
        painter.setPen(theme().color("textHi"))
        painter.drawText(QRectF(x, y, self.column, head - 4), middle, part.title)
        painter.fillRect(QRectF(x, y + head - 3, self.column, 1), theme().color("lineStrong"))
        for number, (words, keys) in enumerate(part.lines):
            line = QRectF(x, y + head + number * row, self.column, row)
            taken = self._paint_keys(painter, line, keys)
            painter.setFont(theme().font("small"))
            painter.setPen(theme().color("textHi" if keys else "textLow"))
            room = line.adjusted(0, 0, -taken - 8, 0)
            shown = painter.fontMetrics().elidedText(
                words, Qt.TextElideMode.ElideRight, int(room.width())
            )
            painter.drawText(room, middle, shown)

    def _paint_keys(
        self, painter: QPainter, line: QRectF, keys: Sequence[tuple[str, ...]]
    ) -> float:
        """Paint keys at the right end of a line; return the width that they take."""
        painter.setFont(theme().font("axis"))
        metrics = QFontMetricsF(theme().font("axis"))
        x = line.right()
        for key in reversed(keys):
            for cap in reversed(key):
                wide = max(metrics.horizontalAdvance(cap) + 2 * CAP_PAD, 18.0)
                x -= wide
                _paint_cap(painter, QRectF(x, line.top() + 1.5, wide, line.height() - 3), cap)
                x -= CAP_GAP
            x -= KEY_GAP - CAP_GAP
        return line.right() - x


def _paint_cap(painter: QPainter, box: QRectF, text: str) -> None:
    painter.setPen(pen(theme().color("lineStrong")))
    painter.setBrush(theme().color("surface3" if theme().is_dark else "surface1"))
    painter.drawRoundedRect(box, theme().radius("tag"), theme().radius("tag"))
    painter.setPen(theme().color("textHi"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def paint_page(painter: QPainter, target: QRectF) -> None:
    """Paint the whole sheet for paper, light and with a title, as large as `target` allows."""
    with painting_in(replace(theme(), name="light")):
        inner = PAGE.width() - 2 * BORDER
        sheet = Sheet(inner, MOST_COLUMNS)
        tall = max(PAGE.height(), sheet.height() + 2 * BORDER + HEAD * 2)
        scale = min(target.width() / PAGE.width(), target.height() / tall)
        painter.translate(target.topLeft())
        painter.scale(scale, scale)
        painter.fillRect(QRectF(0, 0, PAGE.width(), tall), theme().color("surface0"))
        painter.translate(BORDER, BORDER)
        painter.setFont(theme().font("page"))
        painter.setPen(theme().color("textHi"))
        title = QRectF(0, 0, inner, HEAD * 1.5)
        painter.drawText(title, Qt.AlignmentFlag.AlignVCenter, f"SeqStudio · {subtitle()}")
        painter.translate(0, HEAD * 2)
        sheet.paint(painter)


def subtitle() -> str:
    """Return which keys the sheet shows."""
    own = f" with {len(keymap().own)} of your own" if keymap().own else ""
    return f"Keys of the preset {keymap().preset}{own}"


def write_sheet(path: Path) -> None:
    """Write the sheet as a PDF page, or as a picture where the name ends in .png.

    Raises:
        StorageError: It cannot be written there.
    """
    write_atomic(path, _png() if path.suffix.lower() == ".png" else _pdf())


def _png() -> bytes:
    image = QImage((PAGE * 2).toSize(), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    with painting(image) as painter:
        paint_page(painter, QRectF(image.rect()))
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    return bytes(buffer.data().data())


def _pdf() -> bytes:
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle("SeqStudio keys")
    writer.setPageLayout(_landscape())
    with painting(writer) as painter:
        paint_page(painter, QRectF(0, 0, writer.width(), writer.height()))
    return bytes(buffer.data().data())


def _landscape() -> QPageLayout:
    size, way = QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Landscape
    return QPageLayout(size, way, QMarginsF(8, 8, 8, 8), QPageLayout.Unit.Millimeter)


class KeySheet(QWidget):
    """The sheet over a window; Esc, its key or a click beside it takes it away.

    Attributes:
        told: Which keys these are, then what was saved or why not.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Sheet of keys")
        self._before = window.focusWidget()
        self.card = QFrame(self)
        self.card.setProperty("kind", "card")
        self.told = Label("", "small", "textMid", parent=self)
        self.change = Button("Change keys…", parent=self)
        self.print = Button("Print…", parent=self)
        self.save = Button("Save…", parent=self)
        self.leave = IconButton("close", "Close", key="Esc", parent=self)
        self._page = _Page()
        self._lay_out()
        self.change.clicked.connect(self._change)
        self.print.clicked.connect(self._print)
        self.save.clicked.connect(self._ask_save)
        self.leave.clicked.connect(self.close)
        window.installEventFilter(self)
        self.setGeometry(window.rect())
        follow_keys(self)
        self._scroll.setFocus()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Label("Keys", "page", "textHi", parent=self))
        head.addSpacing(8)
        head.addWidget(self.told, 1)
        for button in (self.change, self.print, self.save, self.leave):
            head.addWidget(button)
        self._scroll = scroll = QScrollArea(self)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(self._page)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for ground in (scroll.viewport(), self._page):
            ground.setAutoFillBackground(False)
        rows = QVBoxLayout(self.card)
        rows.setContentsMargins(INSET, 16, 12, 16)
        rows.setSpacing(12)
        rows.addLayout(head)
        rows.addWidget(scroll, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(BORDER, BORDER, BORDER, BORDER)
        outer.addWidget(self.card)

    @Slot()
    def rekey(self) -> None:
        """Say which keys these are."""
        self.told.setText(subtitle())
        self._page.refresh()

    @Slot()
    def _change(self) -> None:
        window = self.window()
        self.close()
        window.show_keys()  # type: ignore[attr-defined]

    @Slot()
    def _print(self) -> None:
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setPageLayout(_landscape())
        dialog = QPrintDialog(printer, self)
        if dialog.exec():
            with painting(printer) as painter:
                paint_page(painter, QRectF(0, 0, printer.width(), printer.height()))

    @Slot()
    def _ask_save(self) -> None:
        kinds = "PDF (*.pdf);;Picture (*.png)"
        name, kind = QFileDialog.getSaveFileName(
            self, "Save the keys", "seqstudio-keys.pdf", kinds
        )
        if name:
            ending = ".png" if "png" in kind else ".pdf"
            path = Path(name)
            self.save_to(path if path.suffix else path.with_suffix(ending))

    def save_to(self, path: Path) -> None:
        """Write the sheet to a file and say so, or why not."""
        try:
            write_sheet(path)
        except SeqError as error:
            self.told.setText(error.sentence())
        else:
            self.told.setText(f"Saved as {path.name}")

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        """Stay as large as the window."""
        if watched is self.parentWidget() and isinstance(event, QResizeEvent):
            self.resize(event.size())
        return super().eventFilter(watched, event)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        if not self.card.geometry().contains(event.position().toPoint()):
            self.close()

    @override
    def closeEvent(self, event: QCloseEvent, /) -> None:
        """Give the keyboard back."""
        super().closeEvent(event)
        if self._before is not None:
            self._before.setFocus()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), faded(theme().color("canvas"), 0.72))


class _Page(QWidget):
    """The sheet inside the card."""

    def __init__(self) -> None:
        super().__init__()
        self._sheet: Sheet | None = None
        follow_theme(self)

    def refresh(self) -> None:
        """Lay the sheet out again."""
        self._sheet = Sheet(max(self.width() - 16.0, NARROWEST))
        self.setMinimumHeight(int(self._sheet.height()))
        told = (f"{words}: {' or '.join('+'.join(key) for key in keys) or 'no key'}"
                for part in sections() for words, keys in part.lines)  # fmt: skip
        self.setAccessibleName("Keys")
        self.setAccessibleDescription(". ".join(told))
        self.update()

    @Slot()
    def restyle(self) -> None:
        """Lay the sheet out in the fonts of the theme in force."""
        self.refresh()

    @override
    def sizeHint(self) -> QSize:
        return QSize(900, self.minimumHeight())

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self.refresh()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            if self._sheet is not None:
                self._sheet.paint(painter)
