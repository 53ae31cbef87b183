"""Source on the screen: coloured Python with line numbers, marks and a search."""

from __future__ import annotations

import re

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import (
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget
from typing_extensions import override

from seqstudio.studio.theme import theme

_RULES = (
    (re.compile(r"\b(class|def|return|for|in|if|else|is|None|True|False|import|from|not|with)\b"),
     "role:gradient"),
    (re.compile(r"\b(nn|torch|F|math|super|self)\b"), "role:query"),
    (re.compile(r"\b\d[\d_.e]*\b"), "role:loss"),
    (re.compile(r'"[^"\n]*"'), "role:cell"),
    (re.compile(r"#.*$"), "textLow"),
)  # fmt: skip


class Highlighter(QSyntaxHighlighter):
    """Colours Python in the theme's own colours; docstrings count as comments."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: list[tuple[re.Pattern[str], QTextCharFormat]] = []
        self._quiet = QTextCharFormat()
        self.restyle()

    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self._formats = []
        for pattern, tone in _RULES:
            style = QTextCharFormat()
            role = tone.removeprefix("role:")
            style.setForeground(theme().role_text(role) if role != tone else theme().color(tone))
            self._formats.append((pattern, style))
        self._quiet.setForeground(theme().color("textLow"))
        self.rehighlight()

    @override
    def highlightBlock(self, text: str) -> None:
        inside = self.previousBlockState() == 1
        quotes = text.count('"""')
        if inside or quotes:
            self.setFormat(0, len(text), self._quiet)
            self.setCurrentBlockState(int(inside != (quotes % 2 == 1)))
            return
        self.setCurrentBlockState(0)
        for pattern, style in self._formats:
            for found in pattern.finditer(text):
                self.setFormat(found.start(), found.end() - found.start(), style)


class SourceView(QPlainTextEdit):
    """Read-only source with line numbers.

    Signals:
        line_clicked: Number of the line, from 1, that was clicked.
    """

    line_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setAccessibleName("PyTorch source of the graph")
        self._marked: tuple[int, ...] = ()
        self._found: list[QTextCursor] = []
        self._margin = _Margin(self)
        self.updateRequest.connect(self._scrolled)

    def number_width(self) -> int:
        """Return the width of the margin in pixels."""
        digits = len(str(max(self.blockCount(), 100)))
        return self.fontMetrics().horizontalAdvance("8" * digits) + 20

    @Slot(QRect, int)
    def _scrolled(self, _rect: QRect, _dy: int) -> None:
        self.setViewportMargins(self.number_width(), 0, 0, 0)
        self._margin.setGeometry(0, 0, self.number_width(), self.viewport().height())
        self._margin.update()

    @override
    def mouseReleaseEvent(self, event: QMouseEvent, /) -> None:
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.LeftButton and not self.textCursor().hasSelection():
            cursor = self.cursorForPosition(event.position().toPoint())
            self.line_clicked.emit(cursor.blockNumber() + 1)

    def go_to(self, line: int) -> None:
        """Bring a line, from 1, to the top."""
        cursor = QTextCursor(self.document().findBlockByNumber(max(line - 1, 0)))
        self.setTextCursor(cursor)
        self.verticalScrollBar().setValue(max(line - 2, 0))

    def mark(self, lines: tuple[int, ...], *, follow: bool = True) -> None:
        """Mark lines, from 1, and with `follow` bring the first into view."""
        self._marked = lines
        self._show_marks()
        if lines and follow:
            self.verticalScrollBar().setValue(max(lines[0] - 4, 0))

    def find_all(self, words: str) -> int:
        """Mark every place with these words, whatever their case; return how many there are."""
        self._found = []
        cursor = QTextCursor(self.document())
        while words and not (cursor := self.document().find(words, cursor)).isNull():
            self._found.append(cursor)
        self._show_marks()
        return len(self._found)

    def go_on(self, by: int) -> int:
        """Go to the next place found, or with -1 the one before; return its number from 1."""
        if not self._found:
            return 0
        here = self.textCursor().selectionStart()
        starts = [cursor.selectionStart() for cursor in self._found]
        behind = [n for n, start in enumerate(starts) if start > here]
        before = [n for n, start in enumerate(starts) if start < here]
        if by > 0:
            number = behind[0] if behind else 0
        else:
            number = before[-1] if before else len(starts) - 1
        self.setTextCursor(self._found[number])
        self.centerCursor()
        return number + 1

    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self.setFont(theme().font("mono"))
        self._show_marks()

    def _show_marks(self) -> None:
        marks = [self._line_mark(line) for line in self._marked]
        for cursor in self._found:
            mark = QTextEdit.ExtraSelection()
            mark.cursor = cursor
            mark.format.setBackground(theme().color("accent"))
            mark.format.setForeground(theme().color("onAccent"))
            marks.append(mark)
        self.setExtraSelections(marks)

    def _line_mark(self, line: int) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        mark.format.setBackground(theme().color("accentSoft"))
        mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark.cursor = QTextCursor(self.document().findBlockByNumber(line - 1))
        return mark

    def paint_numbers(self, painter: QPainter) -> None:
        """Draw the numbers of the lines in view."""
        block = self.firstVisibleBlock()
        painter.setFont(theme().font("monoSmall"))
        painter.setPen(theme().color("textLow"))
        while block.isValid():
            place = self.blockBoundingGeometry(block).translated(self.contentOffset())
            if place.top() > self.viewport().height():
                break
            spot = QRect(0, int(place.top()), self.number_width() - 10, int(place.height()))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(spot, right, str(block.blockNumber() + 1))
            block = block.next()


class _Margin(QWidget):
    def __init__(self, source: SourceView) -> None:
        super().__init__(source)
        self._source = source

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("surface0"))
        self._source.paint_numbers(painter)
