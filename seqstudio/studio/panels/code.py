"""The Code panel: the PyTorch module that the graph is, with the selected block's lines marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.code import Code, model_code
from seqstudio.core.errors import SeqError
from seqstudio.core.files import write_atomic
from seqstudio.document.graph import Path as BlockPath
from seqstudio.studio.background import Background
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.code_view import Highlighter, SourceView
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme
from seqstudio.studio.widgets import IconButton, Label, SearchField

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

MANY = 60
"""Blocks, those inside of blocks too, beyond which the source is written beside the window."""


class CodePanel(Panel):
    """Shows and exports the source; the lines of the selected block are marked.

    Signals:
        block_wanted: The ids that lead to the block whose line was clicked.
        export_wanted: The person wants the model with its weights and training script.
    """

    title = "Code"
    kinds: ClassVar[frozenset[type]] = frozenset({type(None)})  # the run does not change it
    explanation = Explanation(
        "The module that trains, as source that needs only torch. The layers are the program's "
        "own file, word for word; a test loads trained weights into the exported file and "
        "compares its predictions with the program's. Click a line to select its block."
    )
    block_wanted = Signal(object)
    export_wanted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._code: Code | None = None
        self._selected: tuple[BlockPath, ...] = ()
        self._newest = 0
        self._background = Background(self)
        self._body()
        self._head()
        session.report_changed.connect(self.invalidate)
        follow_theme(self)

    def _body(self) -> None:
        body = QWidget(self)
        self.source = SourceView(body)
        self._highlighter = Highlighter(self.source.document())
        self.source.line_clicked.connect(self._line_clicked)
        self.search = SearchField("Find in the code", name="Find in the code", parent=body)
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self._next)
        self._count = Label("", "small", "textMid", parent=body)
        row = QHBoxLayout()
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(8)
        row.addWidget(self.search, 1)
        row.addWidget(self._count)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(row)
        rows.addWidget(self.source, 1)
        self.set_body(body)

    def _head(self) -> None:
        for icon, words, act in (
            ("copy", "Copy the source", self._copy_source),
            ("save", "Save the source to a file", self._choose_file),
            ("export", "Export the model with weights and training script", self._export),
        ):
            button = IconButton(icon, words)
            button.clicked.connect(act)
            self.header.add_action(button)

    def select(self, ids: tuple[str, ...], place: BlockPath = ()) -> None:
        """Mark the lines of these blocks in the graph that `place` leads to."""
        self._selected = tuple((*place, key) for key in ids)
        self._mark()

    @override
    def draw(self) -> None:
        work = self._generation()
        if work is None:
            self._code = None
            self.show_empty("code", "The data are still being read", "", cover=True)
            return
        self._newest += 1
        number = self._newest
        if sum(1 for _ in self.session.project.graph.everything()) > MANY:
            self._background.submit(work, lambda found: self._arrived_code(number, found))
        else:
            self._arrived_code(number, work())

    def _generation(self) -> Callable[[], Code | SeqError] | None:
        """Return the work of writing the source; None while the data are not there."""
        facts, dataset = self.session.facts, self.session.dataset
        if facts is None or dataset is None:
            return None
        symbols = dataset.vocabulary.symbols if dataset.vocabulary else ()
        graph = self.session.project.graph

        def work() -> Code | SeqError:
            try:
                return model_code(graph, facts, symbols)
            except SeqError as error:
                return error

        return work

    def _arrived_code(self, number: int, found: Code | SeqError) -> None:
        if number != self._newest:  # a newer graph is being written
            return
        if isinstance(found, SeqError):
            self._code = None
            self.show_empty("code", f"No code yet: {found.what}", found.hint, cover=True)
            return
        self._code = found
        self.show_body()
        if self.source.toPlainText() != found.text:
            self.source.setPlainText(found.text)
            self.source.go_to(found.text[: found.text.find("class Model(")].count("\n") + 1)
            self._search(self.search.text())
        self._mark()
        self.tell()

    @override
    def tell(self) -> None:
        report, words = self.session.report, ""
        if self._code is not None and report is not None:
            lines = self._code.text.count("\n")
            words = f"{report.total:,} parameters, {lines} lines of PyTorch"
        self.header.set_subtitle(words)

    def _mark(self, *, follow: bool = True) -> None:
        if self._code is None:
            return
        numbers = {line for path in self._selected for line in self._lines_of(path)}
        self.source.mark(tuple(sorted(numbers)), follow=follow)

    def _lines_of(self, path: BlockPath) -> tuple[int, ...]:
        """Return the lines of a block; inside of one of our layers, those of the layer."""
        lines = self._code.lines if self._code is not None else {}
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, ())

    @Slot(int)
    def _line_clicked(self, line: int) -> None:
        path = self._code.at(line) if self._code is not None else ()
        if path:
            self._selected = (path,)
            self.block_wanted.emit(path)
            self._mark(follow=False)

    @Slot(str)
    def _search(self, words: str) -> None:
        count = self.source.find_all(words)
        self._count.setText("" if not words else f"{count} found" if count else "not found")

    @Slot()
    def _next(self) -> None:
        number = self.source.go_on(1)
        if number:
            self._count.setText(f"{number} of {self.source.find_all(self.search.text())}")

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.matches(QKeySequence.StandardKey.Find):
            self.search.setFocus()
            self.search.selectAll()
            return
        super().keyPressEvent(event)

    @Slot()
    def _copy_source(self) -> None:
        if self._code is not None:
            QGuiApplication.clipboard().setText(self._code.text)

    @Slot()
    def _export(self) -> None:
        self.export_wanted.emit()

    @Slot()
    def _choose_file(self) -> None:
        dialog = QFileDialog(self, "Save the source", "model.py", "Python (*.py)")
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
        self.source.restyle()
        self._highlighter.restyle()
