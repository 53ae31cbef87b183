"""`BpttPanel`: one time step forward, one step back through time, with every vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Graph
from seqstudio.records.inside.player import MATRICES, Matrix, Played, PlayLayer, PlayOf, shares
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.inside.playing.controls import Controls
from seqstudio.studio.inside.playing.film import Film
from seqstudio.studio.inside.playing.ink import visible
from seqstudio.studio.inside.playing.listing import Listing, formulas, listing
from seqstudio.studio.inside.playing.playhead import Playhead
from seqstudio.studio.inside.playing.scene import GATES, scene
from seqstudio.studio.inside.playing.stage import Stage, percent
from seqstudio.studio.inside.playing.sums import Sums
from seqstudio.studio.panels.adding import offer_lstm
from seqstudio.studio.panels.code_view import Highlighter, SourceView
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.probe_field import ProbeField
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import ComboField, EquationView, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

WITH_CODE = 900  # width from which code and formulas stand beside
CODE_WIDTH = 400
LOW = 460  # height below which the text field and two rows of the film are left out
MATRIX_WORDS = (("w_hh", "W_hh"), ("w_ih", "W_ih"), ("b", "b"))


class BpttPanel(LookPanel):
    """The unrolled row, the transport, and the formula of the step with its real vectors.

    The numbers stay as they were asked until the person wants newer weights, another text, layer
    or training step: training does not disturb the play.
    """

    title = "Step by step"
    icon = "step"
    explanation: ClassVar[Explanation] = Explanation(
        "The model reads the text once; L is the sum of the losses of all steps. Forward, each "
        "line is a product or a sum of the layer's own numbers. Backward, eₜ is what the losses "
        "send straight to hₜ, from above; the rest comes back from step t+1 through the "
        "recurrent weights. Each step adds its own part to the gradient of the weights, an outer "
        "product, and the parts add up to the whole.\n\n"
        "Everything is computed in float64 from the weights of the model, and the sums are "
        "compared with the gradients of autograd. The share of a part is its projection on the "
        "whole gradient, ⟨part, G⟩ / ‖G‖²: shares add up to 100 %, and a part that points "
        "against the gradient has a share below 0.",
        (
            r"\frac{\partial L}{\partial h_t} = e_t + W_{hh}^{\top}\delta_{t+1}",
            r"\frac{\partial L}{\partial W_{hh}} = \sum_t \delta_t h_{t-1}^{\top}",
        ),
        "Lectures S49 to S51; Werbos 1990",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._choice: PlayLayer | None = None
        self._settled: object = None
        self._asked: object = None
        self._seen: tuple[object, object] = (None, None)
        self._listing = Listing("", {}, {})
        self._sums: Sums | None = None
        self._moving = False
        self._line = ""
        self.film, self.stage, self.controls = Film(), Stage(), Controls()
        self.probe = ProbeField()
        self.equations, self.code = EquationView(), SourceView()
        self._colours = Highlighter(self.code.document())
        self._layers = ComboField([], name="Layer")
        self._matrix = ComboField(MATRIX_WORDS, "w_hh", name="Matrix")
        self._matrix.setToolTip("Its product on the way forward, its gradient on the way back")
        for field in (self._layers, self._matrix):
            field.setSizeAdjustPolicy(ComboField.SizeAdjustPolicy.AdjustToContents)
            self.header.add_switch(field)
        self._lay_out()
        self._connect()
        follow_theme(self)

    def _lay_out(self) -> None:
        body = _Well(self)
        scroll = QScrollArea(body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self.stage)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.viewport().setAutoFillBackground(False)
        self.stage.setAutoFillBackground(False)
        self._beside = QWidget(body)
        side = QVBoxLayout(self._beside)
        side.setContentsMargins(0, 4, 12, 12)
        side.setSpacing(8)
        side.addWidget(self.equations)
        side.addWidget(self.code, 1)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(scroll, 1)
        middle.addWidget(self._beside)
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.film)
        rows.addWidget(self.controls)
        rows.addLayout(middle, 1)
        self.set_body(body)
        whole = self.layout()
        assert isinstance(whole, QVBoxLayout)
        whole.insertWidget(1, self.probe)  # not in the body: it mends a text that was refused

    def _connect(self) -> None:
        self.probe.chosen.connect(self._text_chosen)
        self.film.picked.connect(self._step_picked)
        self.controls.moved.connect(self._moved)
        self.controls.fresh_wanted.connect(self.refresh_weights)
        self.stage.line_pointed.connect(self._line_pointed)
        self.stage.unit_picked.connect(self._unit_picked)
        self._layers.committed.connect(self._layer_chosen)
        self._matrix.committed.connect(self._matrix_chosen)
        self.session.looks.answered.connect(self._typeset)

    @property
    def head(self) -> Playhead:
        """Where the play is."""
        return self.controls.head

    # What is asked

    @override
    def question(self) -> PlayOf | None:
        wish = self._wish()
        self._asked = self._key(wish)
        return None if self._asked == self._settled else wish

    def _wish(self) -> PlayOf:
        layer = self._choice
        return PlayOf() if layer is None else PlayOf(layer.block, layer.layer, layer.back)

    def _key(self, wish: PlayOf) -> object:
        """Return what an answer is about, whatever step training has come to since."""
        session = self.session
        project = session.run_project or session.project
        text = session.project.sampling.probe_text
        built = (project.graph, project.data, project.training.seed)
        return wish, self.run or session.history.run, text, built, session.cursor.step

    def _settle(self) -> None:
        """Keep an answer that came: nothing is asked again by itself."""
        looked, refused = self._seen
        if self.looked is not looked or self.refused is not refused:
            self._settled = self._asked
        self._seen = (self.looked, self.refused)

    @Slot()
    def refresh_weights(self) -> None:
        """Ask for the newest weights."""
        self._settled = None
        self.ask_again()

    @override
    def forget(self) -> None:
        if self._settled is not None and self._settled == self._key(self._wish()):
            return  # the same run, or one more beside it: the play goes on
        super().forget()
        self._settled = self._asked = None
        self._seen = (self.looked, self.refused)  # what stands under the cover is no answer
        self.controls.pause()

    # Drawing

    @override
    def draw(self) -> None:
        self._settle()
        self.probe.set_vocabulary(
            self.session.dataset.vocabulary if self.session.dataset else None
        )
        self.probe.set_text(self.session.project.sampling.probe_text)
        super().draw()
        self._show_age()
        for field, wanted in ((self._layers, self._layers.count() > 1), (self._matrix, True)):
            field.setVisible(wanted and self.looked is not None and not self.is_empty)
        if self.refused is not None and not _has_memory(self.session.project.graph):
            offer_lstm(self)

    @override
    def show_reading(self, reading: Played) -> None:
        self._fill_layers(reading)
        if self._listing.text != listing(reading.kind).text:
            self._listing = listing(reading.kind)
            self.code.setPlainText(self._listing.text)
        self._sum_up(reading)
        self.controls.set_head(self.head.fitted(reading.steps))
        self._show_step()

    @Slot(object)
    def _typeset(self, answer: object) -> None:
        """Order the formulas early: a picture of a panel that nobody sees has them too."""
        if self.looked is answer and self.reading is not None:
            self.equations.set_equations(formulas(self.reading.kind, self.head.phase))

    def _fill_layers(self, reading: Played) -> None:
        options = [(layer, layer.title) for layer in reading.choices]
        self._layers.set_options(options)
        self._layers.set_value(reading.layer)

    def _sum_up(self, reading: Played) -> None:
        self._sums = Sums(reading, self.matrix)
        self.film.set_played(reading, self._sums.shares)

    @property
    def matrix(self) -> Matrix:
        """The matrix whose gradient is summed."""
        return next(key for key in MATRICES if key == self._matrix.value())

    def _show_step(self) -> None:
        reading: Played | None = self.reading
        if reading is None or self._sums is None:
            return
        head, gates = self.head, GATES.get(reading.kind, ())
        lines = scene(reading, head, self._sums)
        self.stage.set_lines(lines, backward=head.phase == "backward", gates=gates)
        self.film.set_head(head)
        self.equations.set_equations(formulas(reading.kind, head.phase))
        self._mark_code(self._line)
        notes = [line.note for line in lines if line.note and line.outcome is None]
        self.controls.words.setText(", ".join([self._place_words(reading), *notes]))

    def _place_words(self, reading: Played) -> str:
        head, outcome = self.head, reading.outcomes[self.head.t]
        token = visible(reading.tokens[head.t])
        words = f"t = {head.t + 1} of {head.steps}"
        if reading.symbolic:
            words += f", reads “{token}”"
        if head.phase == "forward" and math.isfinite(outcome.loss):
            return f"{words}, loss {format_number(outcome.loss)} {reading.unit}"
        if head.phase == "backward":
            norm = float(np.linalg.norm(reading.total[head.t]))
            reached = "" if self._sums is None else percent(self._sums.reached(head.t))
            return f"{words}, ‖∂L/∂h‖ {format_number(norm)}, {reached} of the gradient reached"
        return words

    def _mark_code(self, key: str) -> None:
        """Mark the lines of the code that belong to a line of the scene, or to the sweep."""
        lines = self._listing.lines
        found = tuple(sorted({line for each in key.split() for line in lines.get(each, ())}))
        if not found and self._listing.sweeps:
            first, last = self._listing.sweeps[self.head.phase]
            found = tuple(range(first, last + 1))
        self.code.mark(found, follow=bool(self.code.verticalScrollBar().maximum()))

    @override
    def show_cursor(self) -> None:
        reading: Played | None = self.reading
        self.stage.set_unit(self.session.cursor.unit)
        if reading is None or self._moving:
            return
        places = [int(place) for place in reading.places]
        if self.session.cursor.t in places:
            self._put(self.head.to(places.index(self.session.cursor.t)))

    def _put(self, head: Playhead) -> None:
        if head != self.head:
            self.controls.set_head(head)
            self._show_step()

    def _show_age(self) -> None:
        """Offer newer weights where there are some."""
        live = self.session.cursor.step is None and self.looked is not None
        newest = self.session.history.step
        old = live and self.looked is not None and self.looked.step < newest
        self.controls.fresh.setVisible(bool(old))
        self.controls.fresh.setToolTip(f"Take the weights of step {newest:,}")

    # What the person does

    @Slot(object)
    def _moved(self, head: object) -> None:
        assert isinstance(head, Playhead)
        self._show_step()
        reading: Played | None = self.reading
        if reading is not None and head.t < reading.steps:
            self._moving = True
            self.session.move_cursor(t=int(reading.places[head.t]))
            self._moving = False

    @Slot(int)
    def _step_picked(self, t: int) -> None:
        self.controls.go(self.head.to(t))

    @Slot(int)
    def _unit_picked(self, unit: int) -> None:
        self.session.move_cursor(unit=unit)

    @Slot(str)
    def _line_pointed(self, key: str) -> None:
        self._mark_code(key or self._line)

    def _walk(self, by: int) -> None:
        """Go to the next line of the formula, or the one before."""
        keys = ["", *(line.key for line in self.stage.lines)]
        here = keys.index(self._line) if self._line in keys else 0
        self._line = keys[(here + by) % len(keys)]
        self.stage.set_marked(self._line)
        self._mark_code(self._line)

    @Slot(str)
    def _text_chosen(self, text: str) -> None:
        self.session.set_probe_text(text)

    @Slot(object)
    def _layer_chosen(self, layer: object) -> None:
        if isinstance(layer, PlayLayer):
            self._choice = layer
            self.session.move_cursor(block=layer.block, layer=layer.layer)
            self.ask_again()

    @Slot(object)
    def _matrix_chosen(self, _matrix: object) -> None:
        if self.reading is not None:
            self._sum_up(self.reading)
            self._show_step()

    def play_forward(self) -> None:
        """One time step forward."""
        self._step_to(self.head.forward_step())

    def play_backward(self) -> None:
        """One step back through time."""
        self._step_to(self.head.backward_step())

    def _step_to(self, head: Playhead) -> None:
        if self.reading is not None:
            self.controls.pause()
            self.controls.go(head)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        acts: dict[Qt.Key, Callable[[], None]] = {
            Qt.Key.Key_Right: self.controls.step_on,
            Qt.Key.Key_Left: self.controls.step_back,
            Qt.Key.Key_Space: self.controls.toggle,
            Qt.Key.Key_Home: self.controls.to_start,
            Qt.Key.Key_End: self.controls.to_end,
            Qt.Key.Key_Down: partial(self._walk, 1),
            Qt.Key.Key_Up: partial(self._walk, -1),
        }
        act = acts.get(Qt.Key(event.key()))
        if act is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
        else:
            act()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._beside.setVisible(self.is_wide(WITH_CODE))
        low = self.height() < LOW * max(1.0, theme().scale)
        self.film.set_low(low)

    @override
    def showEvent(self, event: QShowEvent, /) -> None:
        super().showEvent(event)
        self.code.restyle()  # the style sheet gave it the font of running text

    @Slot()
    def restyle(self) -> None:
        """Take the colours of the theme in force."""
        self._beside.setFixedWidth(round(CODE_WIDTH * max(1.0, theme().scale)))
        self._colours.restyle()
        self.code.restyle()

    # Words and numbers

    @override
    def words(self, reading: Played) -> str:
        parts = [reading.layer.title, f"{reading.units} units", f"{reading.steps} steps"]
        if reading.cut:
            parts.append(f"{reading.cut:,} more left off")
        if reading.skipped:
            parts.append(f"left out: {' '.join(map(visible, reading.skipped[:8]))}")
        parts += [note.rstrip(".") for note in reading.notes]
        return ", ".join(parts)

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading: Played | None = self.reading
        if reading is None or self.looked is None:
            return []
        total = sum(o.loss for o in reading.outcomes if math.isfinite(o.loss))
        return [
            ("Layer", f"{reading.layer.title}, {reading.units} units"),
            ("Weights", self.looked.weights),
            ("L, the sum of the losses", f"{format_number(total)} {reading.unit}"),
            (
                "Sum of the parts against autograd",
                f"at most {reading.gap:.1e} of the gradient off",
            ),
            (
                "Cut off at the start, ‖∂L/∂h₀‖",
                format_number(float(np.linalg.norm(reading.before))),
            ),
            ("Computed in", f"{self.looked.cost_s * 1e3:.0f} ms"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        found = super().numbers()
        if isinstance(self.reading, Played):
            found |= {f"share_{key}": shares(self.reading, key) for key in MATRICES}
        return found


def _has_memory(graph: Graph) -> bool:
    kinds = [KINDS.get(block.kind) for _, block in graph.everything()]
    return any(kind is not None and kind.memory == "state" for kind in kinds)


class _Well(QWidget):
    """The ground that pictures stand on."""

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))
