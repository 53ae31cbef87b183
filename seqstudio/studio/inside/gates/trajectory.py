"""`TrajectoryPanel`: the path of states over a text, in axes that stay put while it learns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.insight.projecting import Axes, Values, aligned, principal_axes
from seqstudio.records.inside.gates import LayerStates, TextStates, TextStatesOf
from seqstudio.studio.inside.gates.path_plot import PathPlot
from seqstudio.studio.inside.layers import layer_title, reading_words
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.inside.side_look import SideLook
from seqstudio.studio.panels.adding import offer_lstm
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.widgets import CheckField, ComboField, IconButton, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

STEPS = 256
PLAY_MS = 90
MOST_STEPS = 12
ALL = "all"
Key = tuple[str, int, bool, str]
"""Block, number of the layer, whether it reads from the end, and the state."""


@dataclass(frozen=True)
class _Shown:
    """One path as it is shown."""

    axes: Axes
    places: Values
    tokens: tuple[str, ...]


class TrajectoryPanel(LookPanel):
    """Hidden states as a path in their principal components."""

    title = "State path"
    icon: ClassVar[str] = "cell"
    explanation: ClassVar[Explanation] = Explanation(
        "Every dot is the state after one step of the text; the line joins the steps in their "
        "order. The axes are the two directions in which the states differ most, and each says "
        "how much of their variance lies along it: what is small there is not seen here.\n\n"
        "While the model learns, the axes of a new step are turned and mirrored within their "
        "plane so that the path lies as near as can be to where it was (orthogonal Procrustes). "
        "With the axes of the whole run, one plane is fitted to the states of all recorded steps "
        "together: then nothing but the model moves.\n\n"
        "For a transformer the states are what leaves each block.",
        (r"P = \arg\max_{P^{\top}P = I} \operatorname{Var}(P^{\top} h_t)",
         r"R = \arg\min_{R^{\top}R = I} \sum_t \| R\,p_t - p^{\text{before}}_t \|^2"),
        "Pearson 1901; Schönemann 1966",
    )  # fmt: skip

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._wanted: Key | str = ""
        self._plots: dict[Key, PathPlot] = {}
        self._shown: dict[Key, _Shown] = {}
        self._film: dict[int, TextStates] = {}
        self._film_of: tuple[object, ...] = ()
        self._film_axes: dict[Key, Axes] = {}
        self._ends: dict[Key, tuple[Values, Values]] = {}
        self._side = SideLook(session, "State path, recorded steps", self)
        self._side.changed.connect(self._film_answered)
        self._play = QTimer(self, interval=PLAY_MS)
        self._play.timeout.connect(self._advance)
        self._make_switches()
        self._lay_out()

    def _make_switches(self) -> None:
        self.states = ComboField([], name="Layer and state")
        self.colours = Segments([("time", "By time"), ("class", "By kind")], name="Colours")
        self.axes = Segments([("step", "This step"), ("run", "All steps")], name="Axes from")
        self.names = CheckField("Characters", True)
        self.play = IconButton("play", "Play through the text")
        self.states.committed.connect(self._state_chosen)
        self.colours.value_changed.connect(self._look_changed)
        self.axes.value_changed.connect(self._axes_chosen)
        self.names.committed.connect(self._look_changed)
        self.play.clicked.connect(self._toggle_play)

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setContentsMargins(12, 6, 12, 0)
        line.setSpacing(8)
        self.states.setMaximumWidth(230)
        line.addWidget(self.play)
        line.addWidget(self.states, 3)
        line.addWidget(self.names)
        line.addStretch(1)
        line.addWidget(self.colours)
        line.addWidget(self.axes)
        self._row = QHBoxLayout()
        self._row.setSpacing(0)
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(line)
        rows.addLayout(self._row, 1)
        self.set_body(body)

    @override
    def question(self) -> TextStatesOf:
        return TextStatesOf(STEPS)

    # What is shown

    def _keys(self, reading: TextStates) -> list[Key]:
        """Return the paths in view: one, or those of the same state in every layer."""
        layers = {_key(each): each for each in reading.layers}
        if self._wanted == ALL:
            kinds = {key[3] for key in layers}
            state = "h" if "h" in kinds else reading.layers[-1].state
            return [key for key in layers if key[3] == state][-4:]
        cursor = self.session.cursor
        here = [key for key in layers if key[:2] == (cursor.block, cursor.layer)]
        wanted = self._wanted if isinstance(self._wanted, tuple) else None
        if wanted in layers and (not here or wanted[:2] == here[0][:2]):
            return [wanted]
        same = [key for key in here if wanted is not None and key[3] == wanted[3]]
        if here:
            return [(same or here)[0]]
        return [([key for key in layers if key[3] != "c"] or list(layers))[-1]]

    @override
    def show_reading(self, reading: TextStates) -> None:
        self._fill_choice(reading)
        keys = self._keys(reading)
        self._make_plots(keys)
        layers = {_key(each): each for each in reading.layers}
        for key in keys:
            self._show_path(key, layers[key], reading)
        if self.axes.value() == "run":
            self._collect()

    def _fill_choice(self, reading: TextStates) -> None:
        options: list[tuple[object, str]] = [
            (_key(each), self._title(each, reading)) for each in reading.layers
        ]
        if len({key[:3] for key in map(_key, reading.layers)}) > 1:
            options.append((ALL, "all layers side by side"))
        keys = self._keys(reading)
        self.states.set_options(options)
        self.states.set_value(ALL if self._wanted == ALL and len(options) > 2 else keys[0])

    def _title(self, each: LayerStates, reading: TextStates) -> str:
        blocks = [other for other in reading.layers if other.layer.block == each.layer.block]
        count = len({other.layer.layer for other in blocks})
        name = layer_title(self.session, each.layer, count)
        return name if each.state == "residual" else f"{name}, {each.state}"

    def _make_plots(self, keys: list[Key]) -> None:
        if list(self._plots) == keys:
            return
        for plot in self._plots.values():
            self._row.removeWidget(plot)
            plot.hide()
            plot.deleteLater()
        self._plots = {}
        for key in keys:
            plot = PathPlot(key[3])
            plot.hovered.connect(self._pointed)
            plot.picked.connect(self._pointed)
            self._row.addWidget(plot, 1)
            self._plots[key] = plot

    def _show_path(self, key: Key, each: LayerStates, reading: TextStates) -> None:
        plot, axes = self._plots[key], self._axes_for(key, each, reading)
        places = axes.place(each.values)
        self._shown[key] = _Shown(axes, places, reading.tokens)
        plot.by_class = self.colours.value() == "class"
        plot.names = self.names.value()
        shares = axes.share_of(each.values)
        pair = float(shares[0]), float(shares[1])
        plot.set_path(places, reading.tokens, pair, self._title(each, reading))
        plot.hold(*self._range(key, places))

    def _axes_for(self, key: Key, each: LayerStates, reading: TextStates) -> Axes:
        """Return axes in which the path does not jump from one training step to the next."""
        if self.axes.value() == "run" and key in self._film_axes:
            return self._film_axes[key]
        axes = principal_axes(each.values)
        before = self._shown.get(key)
        if before is None or before.tokens != reading.tokens:
            self._ends.pop(key, None)
            return axes
        return aligned(axes, each.values, before.places)

    def _range(self, key: Key, places: Values) -> tuple[Values, Values]:
        """Return ends around the path that grow and do not shrink while the text is the same."""
        low, high = places.min(0), places.max(0)
        if key in self._ends:
            low, high = np.minimum(low, self._ends[key][0]), np.maximum(high, self._ends[key][1])
        self._ends[key] = low, high
        return low, high

    @override
    def show_cursor(self) -> None:
        if self.reading is not None and self._keys(self.reading) != list(self._plots):
            self.show_reading(self.reading)  # the cursor went to another layer
        for plot in self._plots.values():
            steps = len(plot.tokens)
            plot.set_chosen(min(self.session.cursor.t, steps - 1) if steps else None)

    # The person's choices

    @Slot(object)
    def _state_chosen(self, value: object) -> None:
        self._wanted = value if isinstance(value, (tuple, str)) else ""
        if isinstance(value, tuple):
            self.session.move_cursor(block=value[0], layer=value[1])
        self._redraw()

    @Slot(str)
    @Slot(object)
    def _look_changed(self, _value: object) -> None:
        self._redraw()

    @Slot(str)
    def _axes_chosen(self, value: str) -> None:
        self._ends.clear()
        self._shown.clear()
        self._film_axes = {}
        if value == "run":
            self._collect()
        self._redraw()

    def _redraw(self) -> None:
        self._drawn = None
        self.invalidate()

    @Slot(int)
    def _pointed(self, t: int) -> None:
        if t >= 0:
            self.session.move_cursor(t=t)

    @Slot()
    def _toggle_play(self) -> None:
        if self._play.isActive():
            self._stop()
        elif self.reading is not None:
            if self.session.cursor.t >= len(self.reading.tokens) - 1:
                self.session.move_cursor(t=0)
            self.play.set_icon("pause")
            self._play.start()

    @Slot()
    def _advance(self) -> None:
        t = self.session.cursor.t + 1
        if self.reading is None or t >= len(self.reading.tokens) or not self.isVisible():
            self._stop()
        else:
            self.session.move_cursor(t=t)

    def _stop(self) -> None:
        self._play.stop()
        self.play.set_icon("play")

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self.names.setVisible(self.is_wide(690))
        self.colours.setVisible(self.is_wide(480))

    @override
    def forget(self) -> None:
        super().forget()
        self._shown.clear()
        self._ends.clear()
        self._film.clear()
        self._film_axes.clear()

    # Axes of the whole run

    def film_steps(self) -> list[int]:
        """Return the recorded training steps whose states the common axes are fitted to."""
        session = self.session
        run = session.history.run
        steps = session.looks.steps(str(session.runs_home / run)) if run else [0]
        chosen = np.linspace(0, len(steps) - 1, min(MOST_STEPS, len(steps)))
        return sorted({steps[round(place)] for place in chosen})

    def _collect(self) -> None:
        """Ask for the states at recorded steps, one after the other; fit when all are there."""
        aim = self.session.looks.aim(self.question(), run=self.run, text=self.text())
        kind = (aim.folder, aim.text, aim.project)
        if kind != self._film_of:
            self._film_of, self._film, self._film_axes = kind, {}, {}
        missing = [step for step in self.film_steps() if step not in self._film]
        if missing and not self._side.waiting:
            self._side.want(replace(aim, step=missing[0]))
        elif not missing and not self._film_axes:
            self._fit()

    @Slot()
    def _film_answered(self) -> None:
        looked, aim = self._side.looked, self._side.aim
        if looked is not None and aim is not None and isinstance(looked.reading, TextStates):
            self._film[aim.step] = looked.reading
            self._collect()
        self.tell()

    def _fit(self) -> None:
        """Fit one plane to all recorded steps of each layer."""
        found: dict[Key, list[Values]] = {}
        for reading in self._film.values():
            for each in reading.layers:
                found.setdefault(_key(each), []).append(each.values)
        self._film_axes = {
            key: principal_axes(np.concatenate(all_)) for key, all_ in found.items()
        }
        for key, axes in self._film_axes.items():
            places = axes.place(np.concatenate(found[key]))
            self._ends[key] = places.min(0), places.max(0)
        self._redraw()

    # Words

    @override
    def _invite(self) -> None:
        super()._invite()
        if self.refused is not None and "no states" in self.refused.what:
            offer_lstm(self)

    @override
    def words(self, reading: TextStates) -> str:
        steps = len(reading.tokens)
        left = reading_words(reading.skipped, reading.cut, steps)
        parts = [f"{steps} steps", left, self._film_words()]
        return " · ".join(part for part in parts if part)

    def _film_words(self) -> str:
        if self.axes.value() != "run":
            return ""
        count = len(self.film_steps())
        if self._film_axes:
            return f"axes of {len(self._film)} recorded steps"
        return f"reading recorded steps, {len(self._film)} of {count}"

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        if self.reading is None:
            return {}
        found: dict[str, NDArray[Any]] = {"tokens": np.array(self.reading.tokens)}
        for key in self._plots:
            shown, name = self._shown[key], f"{key[0]}.{key[1]}.{key[3]}"
            found |= {f"{name}.places": shown.places, f"{name}.axes": shown.axes.axes,
                      f"{name}.mean": shown.axes.mean}  # fmt: skip
        return found

    @override
    def measured(self) -> list[tuple[str, str]]:
        rows = []
        layers = {} if self.reading is None else {_key(e): e for e in self.reading.layers}
        for key in self._plots:
            if key in layers:
                shares = self._shown[key].axes.share_of(layers[key].values)
                told = " + ".join(f"{share:.1%}" for share in shares if math.isfinite(share))
                rows.append((self._title(layers[key], self.reading), f"{told} of the variance"))
        return rows


def _key(each: LayerStates) -> Key:
    return each.layer.block, each.layer.layer, each.layer.back, each.state
