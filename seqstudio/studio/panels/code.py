"""The Code panel: the PyTorch module that the graph is, with the selected block's lines marked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QRect, Qt, Slot
from PySide6.QtGui import (
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import QFileDialog, QPlainTextEdit, QTextEdit, QWidget
from typing_extensions import override

from seqstudio.blocks.code import Code, model_code
from seqstudio.core.errors import SeqError
from seqstudio.core.files import write_atomic
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import IconButton

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

_RULES = (
    (re.compile(r"\b(class|def|return|for|in|if|else|is|None|True|False|import|from|not|with)\b"),
     "role:gradient"),
    (re.compile(r"\b(nn|torch|F|math|super|self)\b"), "role:query"),
    (re.compile(r"\b\d[\d_.e]*\b"), "role:loss"),
    (re.compile(r'"[^"\n]*"'), "role:cell"),
    (re.compile(r"#.*$"), "textLow"),
)  # fmt: skip


class _Highlighter(QSyntaxHighlighter):
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


class _Source(QPlainTextEdit):
    """Read-only source with line numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setAccessibleName("PyTorch source of the graph")
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
    def __init__(self, source: _Source) -> None:
        super().__init__(source)
        self._source = source

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("surface0"))
        self._source.paint_numbers(painter)


class CodePanel(Panel):
    """Shows and exports the source; the lines of the selected block are marked."""

    title = "Code"
    kinds: ClassVar[frozenset[type]] = frozenset({type(None)})  # the run does not change it
    explanation = Explanation(
        "The module that trains, as source that needs only torch. The layers are the program's "
        "own file, word for word; a test loads trained weights into the exported file and "
        "compares its predictions with the program's."
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._source = _Source(self)
        self._highlighter = _Highlighter(self._source.document())
        self._code: Code | None = None
        self._selected: tuple[str, ...] = ()
        self._copy = IconButton("copy", "Copy the source")
        self._export = IconButton("export", "Export the source to a file")
        self.header.add_action(self._copy)
        self.header.add_action(self._export)
        self._copy.clicked.connect(self._copy_source)
        self._export.clicked.connect(self._choose_file)
        session.report_changed.connect(self.invalidate)
        self.set_body(self._source)
        follow_theme(self)

    def select(self, ids: tuple[str, ...]) -> None:
        """Mark the lines of these blocks."""
        self._selected = ids
        self._mark()

    @override
    def draw(self) -> None:
        try:
            self._code = self._generate()
        except SeqError as error:
            self._code = None
            self.show_empty("code", f"No code yet: {error.what}", error.hint, cover=True)
            return
        if self._code is None:
            self.show_empty("code", "The data are still being read", "", cover=True)
            return
        self.show_body()
        if self._source.toPlainText() != self._code.text:
            self._source.setPlainText(self._code.text)
            self._go_to(self._code.text.find("class Model("))
        self._mark()

    def _generate(self) -> Code | None:
        facts, dataset = self.session.facts, self.session.dataset
        if facts is None or dataset is None:
            return None
        symbols = dataset.vocabulary.symbols if dataset.vocabulary else ()
        return model_code(self.session.project.graph, facts, symbols)

    @override
    def tell(self) -> None:
        report = self.session.report
        if self._code is not None and report is not None:
            lines = self._code.text.count("\n")
            self.header.set_subtitle(f"{report.total:,} parameters, {lines} lines of PyTorch")

    def _go_to(self, place: int) -> None:
        cursor = self._source.textCursor()
        cursor.setPosition(max(place, 0))
        self._source.setTextCursor(cursor)
        bar = self._source.verticalScrollBar()
        bar.setValue(max(cursor.blockNumber() - 1, 0))

    def _mark(self) -> None:
        if self._code is None:
            return
        marks, first = [], 0
        for key in self._selected:
            for line in self._code.lines.get(key, ()):
                first = first or line
                marks.append(self._line_mark(line))
        self._source.setExtraSelections(marks)
        if first:
            self._source.verticalScrollBar().setValue(max(first - 4, 0))

    def _line_mark(self, line: int) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        mark.format.setBackground(theme().color("accentSoft"))
        mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
        block = self._source.document().findBlockByNumber(line - 1)
        mark.cursor = QTextCursor(block)
        return mark

    @Slot()
    def _copy_source(self) -> None:
        if self._code is not None:
            QGuiApplication.clipboard().setText(self._code.text)

    @Slot()
    def _choose_file(self) -> None:
        dialog = QFileDialog(self, "Export the source", "model.py", "Python (*.py)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("py")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.write_source)
        dialog.open()

    @Slot(str)
    def write_source(self, path: str) -> None:
        """Write the source to a file."""
        if self._code is None:
            return
        try:
            write_atomic(Path(path), self._code.text.encode())
        except SeqError as error:
            self.session.tell(error)

    @Slot()
    def restyle(self) -> None:
        """Take fonts and colours of the theme in force."""
        self._source.setFont(theme().font("mono"))
        self._highlighter.restyle()
        self._mark()
