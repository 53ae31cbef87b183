"""`CellsPanel`: text coloured by one unit, and the units that follow a pattern or a phrase."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.insight.features import FEATURES, MUSIC
from seqstudio.records.inside.cells import PAGE, Cells, CellsOf
from seqstudio.studio.inside.cells.texts import TextChoice, offer
from seqstudio.studio.inside.cells.unit_list import UnitList
from seqstudio.studio.inside.cells.words import (
    STATES,
    behind,
    best_row,
    how_words,
    levels,
    numbers_of,
    ranked_row,
    ranking_words,
    shown_values,
    with_sign,
)
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.probe_field import unknown_words
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets import (
    ComboField,
    ElidedLabel,
    Label,
    NumberField,
    TokenStrip,
)
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from seqstudio.studio.session import Session

TEMPLATE = "char-lstm"
EVERY, BRUSH = "", "brush"
NARROW, SIDE = 560, (240, 420)
_PHRASE = 18


class CellsPanel(LookPanel):
    """A text coloured by what one unit does, with a list of units beside it.

    Signals:
        template_wanted(str): the person wants a project that has units over time.
    """

    title = "Cells"
    icon: ClassVar[str] = "cell"
    explanation: ClassVar[Explanation] = Explanation(
        "Each character stands on the colour of one unit after the model has read it. Hidden "
        "states go from −1 to 1, gates from 0 to 1. Numbers without a bound, such as a cell "
        "state c, end at a power of two, above all but the largest 1 % of the unit.\n\n"
        "Units are found on the first half of the text, where all of them are tried, and checked "
        "on the second half, which had no say in the choice. The bar is the score there, with "
        "the sign of the first half. The tick is what the same search reaches for patterns that "
        "have nothing to do with the text: the pattern turned round, cut into pieces and put "
        "together anew, 200 times; 99 % of the results lie below it.\n\n"
        "A pattern that is a number, such as a depth, is scored by Pearson's r. One that is so or "
        "not, such as quotes or a brushed phrase, by 2 AUC − 1: the chance that the unit is "
        "higher inside than outside, from −1 to 1. Classes by the correlation ratio η.\n\n"
        "A unit that follows a pattern carries it. That the model uses it is another claim: "
        "switch the unit off and look at the loss.",
        (
            r"r = \frac{1}{T} \sum_t \frac{h_t - \bar h}{s_h} \frac{y_t - \bar y}{s_y}",
            r"2\,\mathrm{AUC} - 1 = \frac{2}{T} (\bar R_{in} - \bar R_{out})",
        ),
        "Karpathy, Johnson, Fei-Fei 2015, arXiv:1506.02078; Strobelt et al. 2018 (LSTMVis)",
    )
    template_wanted = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._tokens: tuple[str, ...] = ()
        self._brush: tuple[int, int] | None = None
        self._brushed_now: tuple[int, int] | None = None
        self._state = self._pattern = ""
        self._hover, self._page = -1, 0
        self._layer = ComboField(name="Layer")
        self._which = ComboField(name="Numbers")
        self._text = TextChoice(session)
        self._strip = TokenStrip(name="Text coloured by a unit")
        self._note = Label("", "small", "warn", wrap=True)
        self._unit = NumberField(0, 0, 0, form="int", name="Unit")
        self._ask = ComboField(name="Pattern")
        self._units = UnitList(name="Units that follow a pattern")
        self._how = Label("", "axis", "textLow", wrap=True)
        self._told = Label("", "small", "textMid", wrap=True)
        self._readout = ElidedLabel("", "small", "textMid")
        self._side = _Side()
        self.set_body(self._lay_out())
        self._connect()
        follow_theme(self)

    def _lay_out(self) -> QWidget:
        for field, letters in ((self._layer, 12), (self._which, 12)):
            field.setMinimumContentsLength(letters)
            self.header.add_switch(field)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        for widget in (self._text, self._note):
            left.addWidget(widget)
        left.addWidget(self._strip, 1)
        below = QHBoxLayout()
        below.setContentsMargins(16, 0, 16, 8)
        below.addWidget(self._readout)
        left.addLayout(below)
        self._fill_side()
        body = _Well()
        columns = QHBoxLayout(body)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        columns.addLayout(left, 1)
        columns.addWidget(self._side)
        return body

    def _fill_side(self) -> None:
        rows = QVBoxLayout(self._side)
        rows.setContentsMargins(1, 8, 0, 8)
        rows.setSpacing(4)
        top = QHBoxLayout()
        top.setContentsMargins(12, 0, 12, 0)
        top.setSpacing(8)
        top.addWidget(Label("Units for", "small", "textMid"))
        top.addWidget(self._ask, 1)
        rows.addLayout(top)
        for label in (self._how, self._told):
            label.setContentsMargins(12, 0, 12, 0)
        rows.addWidget(self._how)
        rows.addWidget(self._units, 1)
        rows.addWidget(self._told)
        below = QHBoxLayout()
        below.setContentsMargins(12, 0, 12, 0)
        below.setSpacing(8)
        below.addWidget(Label("Unit", "small", "textMid"))
        below.addWidget(self._unit)
        below.addWidget(Label("↑ ↓ or U walk", "axis", "textLow"), 1)
        rows.addLayout(below)

    def _connect(self) -> None:
        self._layer.committed.connect(self._layer_chosen)
        self._which.committed.connect(self._state_chosen)
        self._ask.committed.connect(self._pattern_chosen)
        self._text.changed.connect(self._text_chosen)
        self._strip.hovered.connect(self._hovered)
        self._strip.clicked.connect(self._clicked)
        self._strip.brushed.connect(self._brushed)
        self._units.picked.connect(self._row_picked)
        self._units.opened.connect(self._row_opened)
        self._unit.value_changed.connect(self._unit_typed)

    # What is asked

    @override
    def question(self) -> CellsOf:
        cursor, reading = self.session.cursor, self.reading
        if cursor.unit is not None and (reading is None or cursor.unit not in reading.units):
            self._page = cursor.unit // PAGE
        first, last = self._brush or (-1, -1)
        asked = CellsOf(self._text.steps, cursor.block, cursor.layer, self._state, self._page)
        if self._pattern == BRUSH:
            return replace(asked, first=first, last=last)
        return replace(asked, pattern=self._pattern)

    @override
    def text(self) -> str | None:
        return self._text.text()

    @property
    def unit(self) -> int:
        """The unit in view: that of the cursor, or else the first of the list."""
        reading: Cells | None = self.reading
        chosen = self.session.cursor.unit
        if reading is None:
            return 0
        if chosen is not None and chosen < reading.total:
            return chosen
        rows = self._units.rows
        return rows[0].unit if rows else 0

    @property
    def strip(self) -> TokenStrip:
        """The coloured text."""
        return self._strip

    @property
    def listed(self) -> UnitList:
        """The units beside it."""
        return self._units

    # Drawing

    @override
    def draw(self) -> None:
        self._text.show_texts()
        super().draw()
        if self.refused is not None and "units over time" in self.refused.what:
            self.empty_action("Open Character LSTM", self._want_template, icon="rnn")

    @override
    def show_reading(self, reading: Cells) -> None:
        if reading.tokens != self._tokens:
            self._tokens, self._brushed_now = reading.tokens, None
            self._strip.set_tokens(reading.tokens, reading.rows)
        self._show_choices(reading)
        self._show_list(reading)
        marks = reading.pattern if len(reading.pattern) else None
        binary = marks is not None and set(np.unique(marks[np.isfinite(marks)])) <= {0.0, 1.0}
        self._strip.set_marked(marks > 0.5 if binary and marks is not None else None)
        if self._brush != self._brushed_now:  # else a brush that is being drawn would be lost
            self._brushed_now = self._brush
            self._strip.set_brush(*(self._brush or (None, None)))
        words = [unknown_words(reading.skipped)]
        if reading.cut:
            words.append(
                f"{reading.cut:,} tokens after the first {len(reading.tokens):,} left out"
            )
        self._note.setText(". ".join(word for word in words if word))
        self._note.setVisible(bool(self._note.text()))

    def _show_choices(self, reading: Cells) -> None:
        places = [(n, place.title) for n, place in enumerate(reading.places)]
        offer(self._layer, places, reading.place)
        self._layer.setVisible(len(places) > 1)
        states = reading.places[reading.place].states
        offer(self._which, [(each, STATES.get(each, each)) for each in states], reading.state)
        self._which.setVisible(len(states) > 1)
        self._unit.set_range(0, max(0, reading.total - 1))
        self._show_patterns()

    def _show_patterns(self) -> None:
        options: list[tuple[object, str]] = [(EVERY, "every pattern"), *self._patterns()]
        if self._brush is not None:
            options.append((BRUSH, self._phrase()))
        offer(self._ask, options, self._pattern)

    def _patterns(self) -> list[tuple[str, str]]:
        """Return name and title of the patterns that have a meaning in these data."""
        dataset = self.session.dataset
        if dataset is None or dataset.vocabulary is None:
            return []
        features = MUSIC if self.session.project.data.kind == "abc" else FEATURES
        return [(feature.name, feature.title) for feature in features]

    def _phrase(self) -> str:
        first, last = self._brush or (0, -1)
        shown = "".join(shown_text(token) for token in self._tokens[first : last + 1])
        return f"“{shown if len(shown) <= _PHRASE else shown[: _PHRASE - 1] + '…'}”"

    def _show_list(self, reading: Cells) -> None:
        done = self.looked is None or self.looked.done
        if reading.ranking is not None:
            brush = self._brush if self._pattern == BRUSH else None
            places = range(len(reading.ranking.units))
            rows = [ranked_row(reading, n, brush) for n in places]
        else:
            rows = [best_row(reading, score) for score in reading.best]
        if rows or done:  # while units are compared anew, those that were found stay
            self._units.set_rows(rows)
        self._how.setText(how_words(reading))
        told = ranking_words(reading, self._phrase(), self._patterns())
        self._told.setText(told if done else "Units are being compared…")
        self._told.setVisible(bool(self._told.text()))

    @override
    def show_cursor(self) -> None:
        reading: Cells | None = self.reading
        if reading is None or not self._tokens:
            return
        unit = self.unit
        values = shown_values(reading, unit)
        limit = levels(reading, values)[1]
        self._strip.set_values(values if len(values) else None, limit, signed=reading.signed)
        self._strip.set_quantity(self._quantity(reading, unit))
        self._strip.set_cursor(self.session.cursor.t, reveal=False)
        self._unit.set_value(unit)
        lines = [n for n, row in enumerate(self._units.rows) if row.unit == unit]
        if self._units.chosen not in lines:
            self._units.set_chosen(lines[0] if lines else -1)
        self._show_value(values)

    def _quantity(self, reading: Cells, unit: int) -> str:
        name = STATES.get(reading.state, reading.state)
        if unit not in reading.units:
            return f"unit {unit} is on its way…"
        return f"{name}, unit {unit} of {reading.total}"

    def _show_value(self, values: NDArray[np.float64]) -> None:
        at = self._hover if self._hover >= 0 else self.session.cursor.t
        if not 0 <= at < len(values) or not np.isfinite(values[at]):
            self._readout.setText("")
            return
        token = shown_text(self._tokens[at])
        number = with_sign(float(values[at]))
        self._readout.setText(f"{number} after “{token}” at {at:,}")

    @override
    def words(self, reading: Cells) -> str:
        place = reading.places[reading.place].title
        if reading.read < len(reading.tokens):
            return f"{place}, {reading.read:,} of {len(reading.tokens):,} tokens read"
        return f"{place}, {len(reading.tokens):,} tokens"

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        return {} if self.reading is None else numbers_of(self.reading)

    @override
    def measured(self) -> list[tuple[str, str]]:
        return [] if self.reading is None else behind(self.reading)

    @override
    def forget(self) -> None:
        super().forget()
        self._tokens, self._brush, self._hover = (), None, -1
        if self._pattern == BRUSH:
            self._pattern = EVERY

    # Hands

    @Slot(object)
    def _layer_chosen(self, place: object) -> None:
        reading: Cells | None = self.reading
        if reading is not None and isinstance(place, int):
            chosen = reading.places[place]
            self.session.move_cursor(block=chosen.block, layer=chosen.layer, unit=None)
            self.ask_again()

    @Slot(object)
    def _state_chosen(self, state: object) -> None:
        self._state = str(state)
        self.ask_again()

    @Slot(object)
    def _pattern_chosen(self, name: object) -> None:
        self._pattern = str(name)
        self.session.move_cursor(unit=None)
        self.ask_again()

    @Slot()
    def _text_chosen(self) -> None:
        self._brush = None
        if self._pattern == BRUSH:
            self._pattern = EVERY
        self.ask_again()

    @Slot(int)
    def _hovered(self, token: int) -> None:
        self._hover = token
        if token >= 0:
            self.session.move_cursor(t=token)
        self.show_cursor()

    @Slot(int)
    def _clicked(self, token: int) -> None:
        self.session.move_cursor(t=token)
        if self._brush is not None:
            self._brush = self._brushed_now = None
            self._pattern = EVERY if self._pattern == BRUSH else self._pattern
            self.ask_again()

    @Slot(int, int)
    def _brushed(self, first: int, last: int) -> None:
        self._brush = self._brushed_now = (first, last)
        self._pattern = BRUSH
        self.session.move_cursor(unit=None)
        self.ask_again()

    @Slot(int)
    def _row_picked(self, line: int) -> None:
        self.session.move_cursor(unit=self._units.rows[line].unit)

    @Slot(int)
    def _row_opened(self, line: int) -> None:
        """Rank all units by the pattern of a line."""
        if self._units.rows[line].key:
            self._pattern_chosen(self._units.rows[line].key)

    @Slot(object)
    def _unit_typed(self, unit: object) -> None:
        if isinstance(unit, int):
            self.session.move_cursor(unit=unit)

    def _want_template(self) -> None:
        self.template_wanted.emit(TEMPLATE)

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        """Walk the units: U and Shift+U anywhere in the panel."""
        reading: Cells | None = self.reading
        if event.key() == Qt.Key.Key_U and reading is not None:
            step = -1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            self.session.move_cursor(unit=(self.unit + step) % reading.total)
        else:
            super().keyPressEvent(event)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self.restyle()

    @Slot()
    def restyle(self) -> None:
        """Give the list its share of the width; a narrow panel is left to the text."""
        scale = max(1.0, theme().scale)
        least, most = (round(px * scale) for px in SIDE)
        self._side.setFixedWidth(min(most, max(least, round(0.3 * self.width()))))
        self._side.setVisible(self.is_wide(NARROW))


class _Well(QWidget):
    """The ground of text and list."""

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))


class _Side(_Well):
    """The list's column, with a hairline at its left."""

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        super().paintEvent(event)
        with painting(self) as painter:
            painter.fillRect(0, 0, 1, self.height(), theme().color("line"))
