"""`EmbeddingSide`: table and colour, search, neighbours of a symbol, analogies."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.insight.symbols import WAYS
from seqstudio.insight.vectors import analogy, nearest
from seqstudio.records.inside.embedding import EmbeddingTable
from seqstudio.studio.inside.embedding.map import symbol_name
from seqstudio.studio.inside.rank_bars import RankBars
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import ComboField, Label, SearchField, TextField

NEIGHBOURS, ANSWERS = 10, 6
NAMES = {"space": " ", "␣": " ", "newline": "\n", "⏎": "\n", "tab": "\t", "→": "\t"}
_OF_CHARACTERS = (
    "A character has few meanings to add and subtract. What may come out: small letter to capital."
)


class EmbeddingSide(QScrollArea):
    """What is read off the vectors themselves, not off the map.

    Signals:
        table_chosen(str): key of another table.
        colour_chosen(str): another way to tell symbols apart.
        searched(str): the search text changed.
        picked(int): a symbol was clicked.
    """

    table_chosen = Signal(str)
    colour_chosen = Signal(str)
    searched = Signal(str)
    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reading: EmbeddingTable | None = None
        self._near: list[tuple[int, float]] = []
        self._answers: list[tuple[int, float]] = []
        self.table = ComboField(name="Table")
        self.colour = ComboField(name="Colour")
        self.search = SearchField("Find a symbol", name="Find a symbol")
        self._heading = Label("Neighbours", "panelTitle")
        self._note = Label("", "small", "textMid", wrap=True)
        self.near = RankBars(name="Neighbours")
        self.given = [TextField("", mono=True, name=name) for name in ("first", "second", "third")]
        self.answers = RankBars(role="output", name="Answers of the analogy")
        self._remark = Label("", "small", "textMid", wrap=True)
        self._lay_out()
        self._connect()
        follow_theme(self)

    def _lay_out(self) -> None:
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = _Ground()
        rows = self._rows = QVBoxLayout(inside)
        rows.setContentsMargins(12, 10, 12, 10)
        rows.setSpacing(6)
        rows.addLayout(self._choices())
        for part in (self.search, self._heading, self._note, self.near):
            rows.addWidget(part)
        rows.addSpacing(8)
        rows.addWidget(Label("Analogy", "panelTitle"))
        rows.addLayout(self._analogy())
        rows.addWidget(self.answers)
        rows.addWidget(self._remark)
        rows.addStretch(1)
        self.setWidget(inside)

    def _choices(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        for row, (name, field) in enumerate((("Table", self.table), ("Colour", self.colour))):
            grid.addWidget(Label(name, "small", "textMid"), row, 0)
            grid.addWidget(field, row, 1)
        grid.setColumnStretch(1, 1)
        return grid

    def _analogy(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        words = ("is to", "as", "is to …")
        for number, (field, word) in enumerate(zip(self.given, words, strict=True)):
            field.setMinimumWidth(28)
            grid.addWidget(field, 0, 2 * number)
            grid.addWidget(Label(word, "small", "textMid"), 0, 2 * number + 1)
            grid.setColumnStretch(2 * number, 1)
        return grid

    def _connect(self) -> None:
        self.table.value_changed.connect(self._choose_table)
        self.colour.value_changed.connect(self._choose_colour)
        self.search.value_changed.connect(self.searched)
        self.near.picked.connect(self._pick_near)
        self.answers.picked.connect(self._pick_answer)
        for field in self.given:
            field.value_changed.connect(self._solve)

    # What is shown

    def set_reading(self, reading: EmbeddingTable, ways: Sequence[str]) -> None:
        """Show another table, or other vectors of the same."""
        before, self._reading = self._reading, reading
        if before is None or before.tables != reading.tables:
            self.table.set_options([(name.key, name.title) for name in reading.tables])
        self.table.set_value(reading.table.key)
        self.colour.set_options([(way, WAYS[way]) for way in ways] or [("", "all alike")])
        self.colour.setEnabled(len(ways) > 1)
        if before is None or before.symbols != reading.symbols:
            self._give_example(reading.symbols)
        self._solve()

    def _give_example(self, symbols: tuple[str, ...]) -> None:
        """Write an analogy that can be tried at once: letters and capitals, else nothing."""
        example = ("a", "A", "b") if {"a", "A", "b"} <= set(symbols) else ("", "", "")
        for field, text in zip(self.given, example, strict=True):
            field.set_value(text)

    def set_chosen(self, symbol: int) -> tuple[tuple[int, float], ...]:
        """Show the neighbours of a symbol, -1 for none; return them as (symbol, cosine)."""
        reading = self._reading
        if reading is None or not 0 <= symbol < len(reading.symbols):
            self._heading.setText("Neighbours")
            self._note.setText("Click a symbol to see which vectors point the same way.")
            self._near = []
        else:
            self._heading.setText(f"Neighbours of “{symbol_name(reading.symbols[symbol])}”")
            self._note.setText(f"cosine of {reading.table.width} numbers{self._count_of(symbol)}")
            vectors = reading.vectors
            self._near = nearest(vectors, vectors[symbol], (symbol,), NEIGHBOURS)
        self.near.set_rows(self._named(self._near))
        self._rows.activate()  # a picture is taken before the event loop would do it
        return tuple(self._near)

    def _count_of(self, symbol: int) -> str:
        assert self._reading is not None
        counts = self._reading.counts
        return f"; {counts[symbol]:,} in the text" if counts.any() else ""

    def _named(self, found: list[tuple[int, float]]) -> list[tuple[str, float]]:
        assert self._reading is not None or not found
        symbols = self._reading.symbols if self._reading else ()
        return [(symbol_name(symbols[symbol]), cosine) for symbol, cosine in found]

    def meant(self, text: str) -> frozenset[int] | None:
        """Return the symbols that a search text means, None for an empty text."""
        if not text or self._reading is None:
            return None
        wanted = NAMES.get(text, text)
        symbols = self._reading.symbols
        exact = frozenset(i for i, symbol in enumerate(symbols) if symbol == wanted)
        return exact or frozenset(
            i for i, symbol in enumerate(symbols) if wanted.lower() in symbol.lower()
        )

    # Analogies

    @Slot()
    def _solve(self, _text: object = None) -> None:
        reading = self._reading
        if reading is None:
            return
        given, unknown = [], []
        for field in self.given:
            text = NAMES.get(field.value(), field.value())
            if text in reading.symbols:
                given.append(reading.symbols.index(text))
            elif text:
                unknown.append(text)
        self._answers = []
        if len(given) == 3:
            a, b, c = given
            self._answers = analogy(reading.vectors, a, b, c, ANSWERS)
        self.answers.set_rows(self._named(self._answers))
        self._remark.setText(self._remark_on(unknown))
        self._rows.activate()

    def _remark_on(self, unknown: list[str]) -> str:
        assert self._reading is not None
        if unknown:
            names = ", ".join(f"“{text}”" for text in unknown)
            return f"Not among the {len(self._reading.symbols)} rows of this table: {names}"
        if len(self._reading.symbols) < 4:
            return "An analogy needs four symbols; this table has fewer."
        if all(len(symbol) == 1 for symbol in self._reading.symbols):
            return _OF_CHARACTERS
        return "" if self._answers else "Type three rows of the table."

    # What the person does

    @Slot(object)
    def _choose_table(self, key: object) -> None:
        self.table_chosen.emit(str(key))

    @Slot(object)
    def _choose_colour(self, way: object) -> None:
        self.colour_chosen.emit(str(way))

    @Slot(int)
    def _pick_near(self, row: int) -> None:
        self.picked.emit(self._near[row][0])

    @Slot(int)
    def _pick_answer(self, row: int) -> None:
        self.picked.emit(self._answers[row][0])

    @Slot()
    def restyle(self) -> None:
        """Take the width from the theme in force."""
        self.setFixedWidth(round(248 * max(1.0, theme().scale)))
        self.viewport().update()


class _Ground(QWidget):
    """The surface that the fields stand on."""

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("surface1"))
