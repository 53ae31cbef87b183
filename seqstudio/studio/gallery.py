"""The gallery: projects to start from, and a place to drop one's own file."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal, Slot
from PySide6.QtGui import (
    QEnterEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.templates import TEMPLATES, Template
from seqstudio.studio.theme import follow_theme, painting, pen, theme
from seqstudio.studio.widgets import Button, IconButton, Label, PanelHeader, SearchField

WELL, WORDS, EDGE = 9, 84, 10  # left edges of picture and words, right edge; pixels
BLOCK_WIDTH, BLOCK_HEIGHT = 170.0, 90.0  # of a block in the small picture, canvas pixels


class Gallery(QWidget):
    """A column of templates.

    Signals:
        chosen(str): id of the template.
        file_wanted: the person wants to choose a file.
        empty_wanted: the person wants to draw from nothing.
        closed: the person is done with it.
    """

    chosen = Signal(str)
    file_wanted = Signal()
    empty_wanted = Signal()
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Start from")
        header = PanelHeader("Start from", f"{len(TEMPLATES)} models that work", side=True)
        close = IconButton("close", "Close")
        close.clicked.connect(self.closed)
        header.add_action(close)
        self.search = SearchField("Search models", name="Search models")
        self.search.textChanged.connect(self._filter)
        self._cards = {key: _Card(template) for key, template in TEMPLATES.items()}
        for card in self._cards.values():
            card.chosen.connect(self.chosen)
        self._drop = _Drop()
        self._drop.wanted.connect(self.file_wanted)
        column = QWidget()
        rows = QVBoxLayout(column)
        rows.setContentsMargins(8, 4, 8, 12)
        rows.setSpacing(2)
        rows.addWidget(self.search)
        self.empty = Button("Empty canvas", kind="text", icon="plus")
        self.empty.clicked.connect(self.empty_wanted)
        rows.addWidget(self.empty, 0, Qt.AlignmentFlag.AlignLeft)
        self._nothing = Label("No model is called that", "small", "textLow")
        self._nothing.hide()
        rows.addWidget(self._nothing)
        self._headings: dict[str, Label] = {}
        for card in self._cards.values():
            family = card.template.family
            if family not in self._headings:
                heading = self._headings[family] = Label(family, "axis", "textMid")
                heading.setContentsMargins(8, 10, 0, 2)
                rows.addWidget(heading)
            rows.addWidget(card)
        rows.addSpacing(8)
        rows.addWidget(self._drop)
        note = "Times are for two processor cores. Every template comes with its data."
        rows.addWidget(Label(note, "small", "textLow", wrap=True))
        rows.addStretch(1)
        area = QScrollArea()
        area.setWidget(column)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(header)
        whole.addWidget(area, 1)

    @Slot(str)
    def _filter(self, text: str) -> None:
        """Show the models that a search finds: all of its words, anywhere in what a card says."""
        words = text.lower().split()
        for card in self._cards.values():
            card.setVisible(all(word in card.haystack for word in words))
        shown = {card.template.family for card in self._cards.values() if not card.isHidden()}
        for family, heading in self._headings.items():
            heading.setVisible(family in shown)
        self._nothing.setVisible(not shown)

    def show_current(self, template_id: str) -> None:
        """Mark the template that the open project came from."""
        for key, card in self._cards.items():
            card.set_current(key == template_id)


class _Card(QWidget):
    chosen = Signal(str)

    def __init__(self, template: Template) -> None:
        super().__init__()
        self.template = template
        said = (template.id, template.title, template.task, template.sentence, template.family)
        self.haystack = " ".join(said).lower()
        self._sketch: list[tuple[QRectF, str]] | None = None
        self._current = False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(template.title)
        self.setAccessibleDescription(template.sentence)
        self.setToolTip(f"{template.sentence}\n{template.look}")
        follow_theme(self)

    def set_current(self, on: bool) -> None:
        self._current = on
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_ground(painter)
            well = QRectF(WELL, (self.height() - 40) / 2, 64, 40)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("surface0"))
            painter.drawRoundedRect(well, 5, 5)
            for frame, role in self._drawn(well.adjusted(5, 5, -5, -5)):
                painter.setBrush(theme().role(role))
                painter.drawRoundedRect(frame, 1.5, 1.5)
            self._words(painter)

    def _drawn(self, well: QRectF) -> list[tuple[QRectF, str]]:
        """Return the blocks of its graph, made small, in their lecture colours."""
        if self._sketch is None:
            blocks = list(self.template.draw())
            roles = [KINDS[block.kind].role for block in blocks]
            whole = QRectF()
            frames = [
                QRectF(block.x, block.y * 1.6, BLOCK_WIDTH, BLOCK_HEIGHT) for block in blocks
            ]
            for frame in frames:
                whole = whole.united(frame)
            scale = min(well.width() / whole.width(), well.height() / whole.height(), 0.06)
            self._sketch = [
                (_scaled(frame, whole, scale, well.center()), role)
                for frame, role in zip(frames, roles, strict=True)
            ]
        return self._sketch

    def _paint_ground(self, painter: QPainter) -> None:
        focus = pen(theme().color("focus"), 2)
        painter.setPen(focus if self.hasFocus() else Qt.PenStyle.NoPen)
        tone = "surface3" if self.underMouse() else "surface1"
        painter.setBrush(theme().color("accentSoft" if self._current else tone))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)

    def _words(self, painter: QPainter) -> None:
        minutes, tall = self.template.minutes, theme().line_height("panelTitle")
        row = QRectF(WORDS, 8, self.width() - WORDS - EDGE, tall)
        painter.setFont(theme().font("axis"))
        painter.setPen(theme().color("textMid"))
        when = "seconds" if minutes < 0.5 else f"{minutes:g} min"
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(row, middle | Qt.AlignmentFlag.AlignRight, when)
        room = row.width() - painter.fontMetrics().horizontalAdvance(when) - 8
        painter.setFont(theme().font("panelTitle"))
        painter.setPen(theme().color("textHi"))
        elided = painter.fontMetrics().elidedText(
            self.template.title, Qt.TextElideMode.ElideRight, int(room)
        )
        painter.drawText(row, middle, elided)
        painter.setFont(theme().font("small"))
        painter.setPen(theme().color("textMid"))
        lines = row.adjusted(0, tall + 2, 0, self.height())
        painter.drawText(lines, Qt.TextFlag.TextWordWrap, self.template.sentence)

    def _fit(self) -> None:
        """Be as high as the sentence needs at this width."""
        metrics = QFontMetrics(theme().font("small"))
        room = QRect(0, 0, self.width() - WORDS - EDGE, 1000)
        words = metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, self.template.sentence)
        needed = 8 + theme().line_height("panelTitle") + 2 + words.height() + 10
        self.setFixedHeight(max(58, needed))

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        self._fit()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        inside = self.rect().contains(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and inside:
            self.chosen.emit(self.template.id)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.chosen.emit(self.template.id)
        else:
            super().keyPressEvent(event)

    @override
    def enterEvent(self, event: QEnterEvent, /) -> None:
        self.update()

    @override
    def leaveEvent(self, event: QEvent, /) -> None:
        self.update()

    @Slot()
    def restyle(self) -> None:
        self._fit()
        self.update()


class _Drop(QWidget):
    wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 14, 12, 14)
        rows.setSpacing(4)
        for words, style, tone in (
            ("Or drop your own data here", "panelTitle", "textHi"),
            ("text, table, tunes, pictures or sound", "small", "textMid"),
        ):
            label = Label(words, style, tone)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            rows.addWidget(label)
        choose = Button("Choose a file", icon="folder")
        choose.clicked.connect(self.wanted)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(choose)
        row.addStretch(1)
        rows.addSpacing(4)
        rows.addLayout(row)
        follow_theme(self)

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pen(theme().color("border"), 1, (4, 3)))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)

    @Slot()
    def restyle(self) -> None:
        self.update()


def _scaled(frame: QRectF, whole: QRectF, scale: float, centre: QPointF) -> QRectF:
    """Return a block's frame within its graph, made small around a centre."""
    corner = (frame.topLeft() - whole.center()) * scale + centre
    return QRectF(corner, frame.size() * scale)
