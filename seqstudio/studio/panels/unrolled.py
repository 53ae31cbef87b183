"""`UnrolledPanel`: the graph laid out over time, with the gradient of a real training step."""

from __future__ import annotations

from dataclasses import replace
from operator import is_
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, QSize, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from typing_extensions import override

from seqstudio.blocks.check import title_of
from seqstudio.document.edits import SetSetting
from seqstudio.document.project import Project
from seqstudio.records.readings import AttentionReading, GradientReading
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.chain import Chain, Looked, chain_of
from seqstudio.studio.panels.chain_paint import legend_width, paint_legend
from seqstudio.studio.panels.chain_view import ChainView
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import ComboField, IconButton, format_number

_ACTIVE = frozenset({"starting", "running", "paused"})
if TYPE_CHECKING:
    from seqstudio.data.dataset import Dataset
    from seqstudio.studio.session import Session

_ALL = "all"
_MOST_ROWS = 3
_LEGEND_FROM, _LAYERS_FROM = 640, 340
_LEGENDS = {
    "state": (("forward", "forward"), ("gradient", "gradient, width = log norm")),
    "attention": (("forward", "three strongest keys, opacity by weight"),),
    "none": (("forward", "forward"),),
}


class UnrolledPanel(Panel):
    """Columns of time: what is read, the state, what should come out, the loss, and the gradient.

    Pointing at a column moves the shared cursor there until the pointer leaves; a click keeps it.
    """

    title = "Unrolled"
    kinds = frozenset({GradientReading, AttentionReading})
    explanation: ClassVar[Explanation] = Explanation(
        "Each column is one time step of the first row of a real training batch: the symbol that "
        "is read, the state h, the symbol that should come next, and the loss there (a disc of "
        "radius 2.5 + 2.4 pixels a nat, at most 14). All copies of a cell share their weights.\n\n"
        "A red arrow is the whole gradient of the loss by the state that it points at, before "
        "clipping: the mean over the measured rows of its norm, with the mean of the loss undone. "
        "Its width is linear in log10 of the norm, from 6 pixels at the largest value of the "
        "reading to 1 pixel six decades below; smaller is dashed, exactly 0 is not drawn. At the "
        "bracket the window begins: what arrives there is thrown away, even where the state is "
        "carried over.\n\n"
        "With attention instead of a state, lines lead to each position from the three positions "
        "with the greatest weights of one head; a line is as strong as its weight.",
        (
            r"L = \sum_t L_t \qquad g_t = \partial L / \partial h_t",
            r"g_t = W_{hy}^{\top} (p_t - y_t) + W_{hh}^{\top} \delta_{t+1}",
            r"\delta_t = (1 - h_t^2) \odot g_t \qquad \delta_{T+1} = 0",
            r"\partial L / \partial W_{hh} = \sum_t \delta_t h_{t-1}^{\top}",
        ),
        "Lectures S16, S17, S50, S51, S64, written for the tanh RNN; Werbos 1990",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._gradient: GradientReading | None = None
        self._whole = Chain()
        self._made_from: tuple[object, ...] = ()
        self._looked = Looked()
        self._all_layers = True
        self._kept: int | None = None
        self._view = ChainView()
        self._layers = ComboField([], name="Layer")
        self._layers.setSizeAdjustPolicy(ComboField.SizeAdjustPolicy.AdjustToContents)
        self._legend = _Legend()
        self._play = IconButton("play", "Step through time")
        self.header.add_switch(self._legend)
        self.header.add_switch(self._layers)
        self.header.add_switch(self._play)
        self.header.installEventFilter(self)
        self._connect()
        self._layers.hide()
        self.set_body(self._view)

    def _connect(self) -> None:
        self._layers.committed.connect(self._layer_chosen)
        self._play.clicked.connect(self._play_clicked)
        self._view.pointed.connect(self._pointed)
        self._view.picked.connect(self._picked)
        self._view.window_wanted.connect(self._set_window)
        self._view.scrolled.connect(self._scrolled)
        self._view.pulsing.connect(self._show_pulsing)
        self.session.project_changed.connect(self.invalidate)

    # What is shown

    @property
    def view(self) -> ChainView:
        """The drawing."""
        return self._view

    @property
    def _project(self) -> Project:
        return self.session.run_project or self.session.project

    @override
    def forget(self) -> None:
        self._made_from, self._kept = (), None
        self._view.stop_pulse()

    @override
    def draw(self) -> None:
        # Live, every reading brings other symbols and numbers: those wait for `tell`. A person
        # who goes back in training wants to see each step at once.
        if self.session.cursor.step is not None or not self._made_from:
            self._take_readings()
        self._view.set_cursor(self.session.cursor.t)
        self._view.set_window(self.session.project.training.window)
        self._invite()

    def _take_readings(self) -> None:
        """Show the newest readings at the step in view, if they or the model are others."""
        session, cursor = self.session, self.session.cursor
        history, step = session.history, session.step_in_view
        gradient, attention = history.gradients.at(step), history.attention.at(step)
        looked = Looked(cursor.block, cursor.layer, cursor.head)
        sources = (self._project, session.dataset, gradient, attention)
        same = len(self._made_from) == len(sources) and all(map(is_, sources, self._made_from))
        if not same or looked != self._looked:
            self._made_from, self._looked, self._gradient = sources, looked, gradient
            self._whole = chain_of(self._project, session.dataset, gradient, attention, looked)
        self._show_chain()

    def _show_chain(self) -> None:
        """Show all layers, or the one that is chosen or has room alone."""
        chain, rows = self._whole, self._whole.rows
        together = len(rows) <= _MOST_ROWS and self._all_layers and self._view.rows_fit(chain)
        if not together and rows:
            chain = replace(chain, rows=(rows[self._layer_looked_at()],))
        self._fill_layers(together)
        self._view.set_chain(chain, self._names(chain), self._unit())
        self._legend.set_words(_LEGENDS[chain.link])
        self._play.setVisible(chain.link == "state")
        self._play.setEnabled(chain.measured)

    def _layer_looked_at(self) -> int:
        """Return the layer of the shared cursor, else the topmost one."""
        cursor, rows = self.session.cursor, self._whole.rows
        same = [
            i
            for i, row in enumerate(rows)
            if (row.block, row.layer) == (cursor.block, cursor.layer)
        ]
        return same[0] if same else len(rows) - 1

    def _fill_layers(self, together: bool) -> None:
        rows = self._whole.rows
        names = self._full_names()
        options: list[tuple[object, str]] = [
            ((row.block, row.layer), name) for row, name in zip(rows, names, strict=True)
        ]
        if len(rows) <= _MOST_ROWS and self._view.rows_fit(self._whole):
            options.insert(0, (_ALL, "All layers"))
        chosen = rows[self._layer_looked_at()] if rows else None
        self._layers.set_options(options)
        if chosen is not None:
            self._layers.set_value(_ALL if together else (chosen.block, chosen.layer))
        choice = self._whole.link == "state" and len(rows) > 1
        self._layers.setVisible(choice and self.is_wide(_LAYERS_FROM))

    def _full_names(self) -> list[str]:
        blocks = self._project.graph.blocks
        several = len({row.block for row in self._whole.rows}) > 1
        return [
            f"{title_of(blocks[row.block])}, layer {row.layer + 1}"
            if several and row.block in blocks
            else f"Layer {row.layer + 1}"
            for row in self._whole.rows
        ]

    def _names(self, chain: Chain) -> tuple[str, ...]:
        """Return the names at the left: short, for they stand beside every row."""
        if chain.link == "attention":
            return ("attention",)
        if chain.link == "none":
            return ("network",)
        if len(self._whole.rows) == 1:
            return ("cell",)
        return tuple(f"cell {self._whole.rows.index(row) + 1}" for row in chain.rows)

    def _unit(self) -> str:
        dataset: Dataset | None = self.session.dataset
        return dataset.unit.partition(" ")[0] if dataset else "nats"

    def _invite(self) -> None:
        """Say in a quiet line what is still to come; without columns, in the middle."""
        session, chain = self.session, self._view.chain
        if chain.steps:
            self.show_body()
            self._view.set_note(self._note(chain))
        elif session.data_error is not None:
            error = session.data_error
            self.show_empty("data", error.what, error.hint or error.why)
        else:
            self.show_empty("unroll", "The data are still being read", "The columns follow.")

    def _note(self, chain: Chain) -> str:
        begun = self.session.state in _ACTIVE or bool(len(self.session.history.curves))
        if chain.link == "none":
            return "No step knows of another: add an RNN, GRU, LSTM or attention block"
        if chain.link == "attention":
            missing = chain.attention is None
            later = "the lines follow with the next look" if begun else _TRAIN_ATTENTION
            return later if missing else ""
        if chain.measured:
            return ""
        return "The gradient follows with the next measured step" if begun else _TRAIN

    # What the person does

    @Slot(object)
    def _layer_chosen(self, value: object) -> None:
        self._all_layers = value == _ALL
        if isinstance(value, tuple):
            self.session.move_cursor(block=value[0], layer=value[1])
        self.refresh()

    @Slot()
    def _play_clicked(self) -> None:
        if self._view.pulse_runs and not theme().reduced_motion:
            self._view.stop_pulse()
        else:
            self._view.start_pulse()

    @Slot(bool)
    def _show_pulsing(self, on: bool) -> None:
        by_hand = theme().reduced_motion
        self._play.set_icon("step" if on and by_hand else "stop" if on else "play")
        self._play.set_tip(
            "Next step" if on and by_hand else "Stop" if on else "Step through time"
        )

    @Slot(int)
    def _pointed(self, column: int) -> None:
        """Move the shared cursor while the pointer is here; -1 takes it back."""
        if column >= 0:
            if self._kept is None:
                self._kept = self.session.cursor.t
            self.session.move_cursor(t=column)
        elif self._kept is not None:
            kept, self._kept = self._kept, None
            self.session.move_cursor(t=kept)

    @Slot(int)
    def _picked(self, column: int) -> None:
        self.session.move_cursor(t=column)
        self._kept = column if self._kept is not None else None

    @Slot(int)
    def _set_window(self, window: int) -> None:
        edit = SetSetting("training", "window", window, "Change window")
        self.session.document.apply(edit, merge="window")

    @override
    def eventFilter(self, watched: QObject, event: QEvent, /) -> bool:
        """Give the subtitle the room of the legend where the head is short."""
        if watched is self.header and event.type() == QEvent.Type.Resize:
            self._legend.setVisible(self.header.width() >= _LEGEND_FROM)
        return super().eventFilter(watched, event)

    @Slot()
    def _scrolled(self) -> None:
        if self._made_from:
            self._kept = None  # whoever scrolls wants to stay there
            self.tell()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        if self._made_from:
            self._show_chain()

    # Words

    @override
    def tell(self) -> None:
        self._take_readings()
        self._invite()
        chain = self._view.chain
        if not chain.steps:
            self.header.set_subtitle("nothing to show yet")
            return
        first, last = self._view.in_view
        parts = [self._what(chain), f"steps {first} to {last} of {chain.steps:,}"]
        if chain.step is not None:
            parts += [f"training step {chain.step:,}", self.session.run_title()]
        elif chain.steps:
            parts.append("held-out text" if chain.tokens[0] else "an example")
        self.header.set_subtitle(", ".join(part for part in parts if part))

    def _what(self, chain: Chain) -> str:
        if chain.link == "attention":
            layer = f"layer {chain.rows[0].layer + 1}, head {chain.head + 1}"
            return f"attention, {layer}" if chain.attention is not None else "attention"
        if chain.link == "none":
            return ""
        count = len(chain.rows)
        if count == 1:
            return f"layer {self._whole.rows.index(chain.rows[0]) + 1}"
        return "layers 1 and 2" if count == 2 else f"layers 1 to {count}"

    @override
    def measured(self) -> list[tuple[str, str]]:
        chain, reading = self._view.chain, self._gradient
        if chain.link != "state" or reading is None:
            return []
        walls = [format_number(row.norm(-1)) for row in chain.rows]
        return [
            ("Measured at", f"{reading.source} {reading.step:,}"),
            ("Cost", f"{reading.cost_s * 1e3:.0f} ms, outside training"),
            ("Rows", f"the first {reading.rows} of the batch; the symbols are of the first"),
            ("Width of 6", f"dL/dh {format_number(chain.largest)}"),
            ("Cut off, dL/dh₀", ", ".join(walls)),
        ]

    @override
    def _paint_title(self, painter: QPainter, area: QRect) -> None:
        """Paint the legend too: in a picture there is nobody to ask."""
        words = _LEGENDS[self._view.chain.link]
        room = int(legend_width(words)) if area.width() >= _LEGEND_FROM else 0
        super()._paint_title(painter, area.adjusted(0, 0, -room, 0))
        if room:
            paint_legend(painter, QRectF(area).adjusted(area.width() - room + 16, 0, 0, 0), words)


_TRAIN = "Press Train: the gradient appears in red"
_TRAIN_ATTENTION = "Press Train: lines appear from the positions that it looks at"


class _Legend(QWidget):
    """What the lines mean."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words: tuple[tuple[str, str], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        follow_theme(self)

    def set_words(self, words: tuple[tuple[str, str], ...]) -> None:
        """Show other lines: (role, words) of each."""
        if words != self._words:
            self._words = words
            self.restyle()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(0, theme().line_height("small") + 4)

    @override
    def sizeHint(self) -> QSize:
        return QSize(int(legend_width(self._words)), theme().line_height("small") + 4)

    @Slot()
    def restyle(self) -> None:
        """Take font and colours of the theme in force."""
        self.updateGeometry()
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            paint_legend(painter, QRectF(self.rect()), self._words)
