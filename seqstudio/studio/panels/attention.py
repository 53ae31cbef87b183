"""`AttentionPanel`: where every layer and head looks in the text that the person types."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.records.messages import Facts, StateChanged
from seqstudio.records.readings import AttentionReading, LayerAttention
from seqstudio.studio.panels.attending import (
    HeadNumbers,
    head_numbers,
    row_error,
    strongest,
)
from seqstudio.studio.panels.attention_lines import MOST_TOKENS, AttentionLines
from seqstudio.studio.panels.attention_matrix import AttentionMatrix
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.head_grid import HeadGrid, HeadScroll, layer_names
from seqstudio.studio.panels.probe_field import ProbeField
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import CheckField, ElidedLabel, Label, Segments, format_number
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

TEMPLATE = "char-gpt"
_HINT_TOKENS = 19
_NAMED_KEYS = 3


class AttentionPanel(Panel):
    """The matrix of one head, its numbers, and thumbnails of all heads.

    Signals:
        template_wanted(str): the person wants to open a template that has attention.
    """

    title = "Attention"
    kinds = frozenset({AttentionReading, Facts, StateChanged})
    explanation: ClassVar[Explanation] = Explanation(
        "A row is a query, a column a key: the cell says how much of the key's value the query "
        "takes. Every row sums to 1. Hatched cells are masked: a query cannot look ahead. The "
        "scale is fixed at 0 to 1.\n\n"
        "Entropy, distance and weight on the first or the previous token are means over all "
        "queries that have more than one key to choose from, so the first row is left out. The "
        "most that the entropy can be is log2 of the number of visible keys, in the mean over "
        "the same rows.\n\n"
        "Attention weights are not explanations: they say where a head looks, not what the "
        "model does with it. Values and later layers decide that too.",
        (
            r"A = \mathrm{softmax}(Q K^T / \sqrt{d} + \mathrm{mask})",
            r"H_i = -\sum_j A_{ij} \log_2 A_{ij} \leq \log_2 (i + 1)",
            r"d_i = \sum_j A_{ij} (i - j)",
        ),
        "Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1",
    )
    template_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._reading: AttentionReading | None = None
        self._place = (0, 0)
        self._drawn: object = None
        self._hover: tuple[int, int] | None = None
        self._log = CheckField("Log")
        self._log.setToolTip("Colours by powers of ten: small weights come into sight")
        self._view = Segments([("matrix", "Matrix"), ("lines", "Lines")], name="View")
        self.header.add_switch(self._log)
        self.header.add_switch(self._view)
        self._probe = ProbeField()
        self._matrix = AttentionMatrix()
        self._lines = AttentionLines()
        self._told = ElidedLabel("", "small", "textMid")
        self._grid = HeadGrid()
        self._heads = _Heads(self._grid)
        self._stack = QStackedWidget()
        self._body = _Sides(self._probe, self._left_side(), self._heads)
        self._connect()
        self.set_body(self._body)

    def _left_side(self) -> QWidget:
        side = QWidget()
        rows = QVBoxLayout(side)
        rows.setContentsMargins(0, 0, 0, 8)
        rows.setSpacing(0)
        self._stack.addWidget(self._matrix)
        self._stack.addWidget(self._lines)
        rows.addWidget(self._stack, 1)
        line = QHBoxLayout()
        line.setContentsMargins(16, 0, 16, 0)
        line.addWidget(self._told)
        rows.addLayout(line)
        return side

    def _connect(self) -> None:
        self._probe.chosen.connect(self._text_chosen)
        self._log.committed.connect(self._switched)
        self._view.value_changed.connect(self._switched)
        self._matrix.heat.hovered.connect(self._cell_hovered)
        self._matrix.heat.picked.connect(self._cell_picked)
        self._lines.hovered.connect(self._line_hovered)
        self._lines.picked.connect(self._query_picked)
        self._grid.picked.connect(self._head_picked)
        self.session.project_changed.connect(self.invalidate)

    # What is shown

    @property
    def layer(self) -> LayerAttention | None:
        """The layer whose head is shown."""
        return self._reading.layers[self._place[0]] if self._reading else None

    @property
    def head(self) -> int:
        """The head that is shown, from 0."""
        return self._place[1]

    def head_numbers(self) -> HeadNumbers | None:
        """Return the numbers of the head that is shown."""
        layer = self.layer
        return head_numbers(layer.weights[self.head], layer.masked) if layer else None

    def has_attention(self) -> bool:
        """Return whether the model of the run in view, or of the project, attends at all."""
        project = self.session.run_project or self.session.project
        return any(
            block.kind in KINDS and KINDS[block.kind].arch == "transformer"
            for block in project.graph
        )

    @override
    def forget(self) -> None:
        self._reading, self._drawn, self._hover = None, None, None

    @override
    def draw(self) -> None:
        dataset = self.session.dataset
        self._probe.set_vocabulary(dataset.vocabulary if dataset else None)
        self._probe.set_text(self.session.project.sampling.probe_text)
        found = self.session.history.reading_at("attention", self.session.step_in_view)
        self._reading = found if isinstance(found, AttentionReading) and found.layers else None
        if self._reading is None:
            self._show_nothing()
            return
        self.show_body()
        self._place = self._place_of(self._reading)
        self._show_views(self._reading)
        self._show_head(self._reading)
        self._show_cursor(self._reading)

    def _place_of(self, reading: AttentionReading) -> tuple[int, int]:
        """Return (layer in the reading, head) of the cursor; elsewhere it stays where it was."""
        cursor, layers = self.session.cursor, reading.layers
        block = cursor.block or layers[0].block
        matching = [
            index
            for index, layer in enumerate(layers)
            if (layer.block, layer.layer) == (block, cursor.layer)
        ]
        index = matching[0] if matching else min(self._place[0], len(layers) - 1)
        head = cursor.head if matching else self._place[1]
        return index, min(head, len(layers[index].weights) - 1)

    def _show_views(self, reading: AttentionReading) -> None:
        count = len(reading.tokens)
        fits = count <= MOST_TOKENS
        why = f"Lines are for at most {MOST_TOKENS} tokens, this text has {count}"
        self._view.set_enabled("lines", fits, why)
        if not fits and self._view.value() == "lines":
            self._view.set_value("matrix")
        lines = self._view.value() == "lines"
        self._stack.setCurrentWidget(self._lines if lines else self._matrix)
        self._log.setEnabled(not lines)

    def _show_head(self, reading: AttentionReading) -> None:
        drawn = (id(reading), self._place, self._log.value())
        if drawn == self._drawn:
            return
        self._drawn = drawn
        layer = reading.layers[self._place[0]]
        weights = layer.weights[self._place[1]]
        self._matrix.set_head(weights, layer.masked, reading.tokens, log=self._log.value())
        self._lines.set_data(weights, layer.masked, reading.tokens)
        self._grid.set_reading(reading)
        self._grid.set_chosen(*self._place)
        self._heads.view.reveal(*self._place)

    def _show_cursor(self, reading: AttentionReading) -> None:
        query = min(self.session.cursor.t, len(reading.tokens) - 1)
        self._matrix.heat.set_cursor(row=query)
        self._lines.set_cursor(query)

    # Nothing to show

    def _show_nothing(self) -> None:
        self._drawn = None
        if not self.has_attention():
            how = "Open a transformer, or add a self-attention block on the Build page."
            self.show_empty("attention", "This model has no attention", how, cover=True)
            self.empty_action("Open Small GPT", self._open_gpt, icon="attention")
            return
        self._show_axes()
        how = "Press Train: the heads of this text appear within seconds and follow the training."
        self.show_empty("attention", "No attention measured yet", how)

    def _show_axes(self) -> None:
        """Show the axes of the text to come: what lies ahead is masked, the rest unknown."""
        tokens = tuple(self._text_to_come()[:_HINT_TOKENS])
        size = len(tokens)
        masked = np.triu(np.ones((size, size), bool), 1)
        self._matrix.set_head(np.full((size, size), np.nan), masked, tokens, log=False)
        self._matrix.heat.set_cursor()
        self._stack.setCurrentWidget(self._matrix)
        self._grid.set_reading(None)

    def _text_to_come(self) -> str:
        dataset, wish = self.session.dataset, self.session.project.sampling.probe_text
        if wish:
            return self._probe.known(wish)
        return dataset.preview("valid", _HINT_TOKENS) if dataset else ""

    @Slot()
    def _open_gpt(self) -> None:
        self.template_wanted.emit(TEMPLATE)

    # What the person does

    @Slot(str)
    def _text_chosen(self, text: str) -> None:
        self.session.set_probe_text(text)

    @Slot()
    def _switched(self, _value: object = None) -> None:
        self.refresh()

    @Slot(int, int)
    def _head_picked(self, layer: int, head: int) -> None:
        if self._reading is not None:
            chosen = self._reading.layers[layer]
            self._place = (layer, head)
            self.session.move_cursor(block=chosen.block, layer=chosen.layer, head=head)
            self.invalidate()

    @Slot(int, int)
    def _cell_picked(self, query: int, _key: int) -> None:
        self._query_picked(query)

    @Slot(int)
    def _query_picked(self, query: int) -> None:
        self.session.move_cursor(t=query)

    @Slot(int, int)
    def _cell_hovered(self, query: int, key: int) -> None:
        self._hover = (query, key) if query >= 0 else None
        self._tell_place()

    @Slot(int)
    def _line_hovered(self, query: int) -> None:
        self._hover = (query, -1) if query >= 0 else None
        self._tell_place()

    # Words

    @override
    def tell(self) -> None:
        self._heads.set_reduction(self._grid.reduction())
        self._matrix.set_numbers(self.head_numbers())
        self._tell_place()
        reading = self._reading
        if reading is None:
            self.header.set_subtitle("nothing measured yet")
            return
        where = layer_names(reading.layers)[self._place[0]]
        run = self.session.run_title()
        self.header.set_subtitle(f"{run}, {where}, head {self.head + 1}, step {reading.step:,}")

    def _tell_place(self) -> None:
        reading, layer = self._reading, self.layer
        if reading is None or layer is None:
            self._told.setText("")
            return
        query, key = self._hover or (min(self.session.cursor.t, len(reading.tokens) - 1), -1)
        row, masked = layer.weights[self.head][query], layer.masked[query]
        words = _cell_words(reading.tokens, query, key, row, masked)
        self._told.setText(f"{self._waiting(reading)}{words}")

    def _waiting(self, reading: AttentionReading) -> str:
        """Say that the text shown is not yet the one that was typed, or only its beginning."""
        wish = self._probe.known(self.session.project.sampling.probe_text)
        shown = "".join(reading.tokens)
        if not wish or shown == wish:
            return ""
        if wish.startswith(shown):
            return f"First {len(shown)} characters. "
        return "Still the earlier text; the new one comes with the next look. "

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading, layer, numbers = self._reading, self.layer, self.head_numbers()
        if reading is None or layer is None or numbers is None:
            return []
        error = row_error(layer.weights)
        names = layer_names(reading.layers)
        return [
            ("Text", f"{len(reading.tokens)} tokens, {shown_text(''.join(reading.tokens[:40]))}"),
            ("Training step", f"{reading.step:,}"),
            ("Head", f"{names[self._place[0]]}, head {self.head + 1}"),
            ("Row sums", f"checked: within {format_number(error, 'sci')} of 1"),
            ("Entropy", f"{numbers.entropy:.3f} of at most {numbers.most:.3f} bits"),
            ("Cost of the look", f"{reading.cost_s * 1000:.1f} ms, outside training"),
        ]


class _Heads(QWidget):
    """The grid of heads under its heading."""

    def __init__(self, grid: HeadGrid, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = HeadScroll(grid)
        self._note = ElidedLabel("", "small", "textMid")
        line = QHBoxLayout()
        line.setContentsMargins(16, 8, 16, 6)
        line.setSpacing(10)
        line.addWidget(Label("All heads", "panelTitle"))
        line.addWidget(self._note, 1)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(line)
        rows.addWidget(self.view, 1)
        self.set_reduction(1)

    def set_reduction(self, tokens: int) -> None:
        """Say what the number is, and how far thumbnails are reduced."""
        words = "number = mean entropy in bits"
        if tokens > 1:
            words += f"; a cell shows the largest of {tokens} × {tokens} weights"
        self._note.setText(words)


class _Sides(QWidget):
    """The text field over matrix and heads, which stand side by side where there is room."""

    def __init__(self, top: QWidget, first: QWidget, second: QWidget) -> None:
        super().__init__()
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._row.setSpacing(0)
        self._row.addWidget(first)
        self._row.addWidget(second)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(top)
        rows.addLayout(self._row, 1)
        follow_theme(self)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        wide = event.size().width() > 1.2 * event.size().height()
        direction = QBoxLayout.Direction
        self._row.setDirection(direction.LeftToRight if wide else direction.TopToBottom)
        self._row.setStretch(0, 1 if wide else 3)
        self._row.setStretch(1, 1 if wide else 2)
        super().resizeEvent(event)
        layout = self.layout()
        if layout is not None:
            layout.activate()  # a picture is taken before the event loop would do it

    @Slot()
    def restyle(self) -> None:
        """Repaint the well in the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("surface0"))


def _cell_words(
    tokens: tuple[str, ...],
    query: int,
    key: int,
    row: NDArray[np.float32],
    masked: NDArray[np.bool_],
) -> str:
    """Return what a query gives to one key, or to its strongest keys where `key` is below 0."""
    who = f"{_quoted(tokens[query])} at {query + 1}"
    if key < 0:
        keys = strongest(row, masked, _NAMED_KEYS)
        parts = (f"{row[each]:.2f} on {_quoted(tokens[each])} at {each + 1}" for each in keys)
        return f"{who}: {', '.join(parts)}"
    whom = f"{_quoted(tokens[key])} at {key + 1}"
    if masked[key]:
        return f"{who} cannot look ahead at {whom}"
    return f"{who} gives {format_number(float(row[key]), '.3f')} to {whom}"


def _quoted(token: str) -> str:
    return "“␣”" if token == " " else f"“{shown_text(token)}”"
