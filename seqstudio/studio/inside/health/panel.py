"""`HealthPanel`: whether training is healthy: update ratios, clipping, units that do not work."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import title_of
from seqstudio.document.project import Project
from seqstudio.records.health import HealthReading
from seqstudio.records.readings import Floats
from seqstudio.runtime import vitals
from seqstudio.runtime.diagnosis.units import DEAD, SATURATED
from seqstudio.studio.inside.health.strip import Strip
from seqstudio.studio.inside.health.table import BlockHealth, HealthTable, units_in_words
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import ReadOut
from seqstudio.studio.theme import theme
from seqstudio.studio.widgets import Segments, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

WIDE = 720
"""Width from which strips and table have room beside each other."""
TABLE, TABLE_SHARE = 400, 0.42
TALL = 380
"""Height from which the loss has a strip of its own, too."""
MOST_LINES = 6
RATIOS, NORMS, LOSSES = (1e-6, 1.0), (1e-2, 1e1), (1e-3, 1.0)
STRIPS = ("loss", "ratio", "norm", "share")
TITLES = {
    "loss": "training loss",
    "ratio": "update-to-weight ratio; dotted: usual 10⁻³, too large 0.1, too small 10⁻⁵",
    "norm": "gradient norm",
    "share": "share of steps, units, values",
}
SHARES: tuple[tuple[str, str, str, Callable[[HealthReading], float]], ...] = (
    ("clipped", "clipped steps", "role:gradient", vitals.clip_share),
    ("saturated", "saturated tanh", "role:cell", vitals.worst_share("saturated")),
    ("inactive", "inactive ReLU", "role:features", vitals.worst_share("inactive")),
    ("dead", "dead ReLU", "role:input", vitals.worst_share("dead")),
    ("shut", "shut gates", "role:output", vitals.worst_share("shut")),
)


class HealthPanel(Panel):
    """Strips over the training steps, and the blocks at the training clock."""

    title = "Health"
    kinds = frozenset({HealthReading})
    explanation: ClassVar[Explanation] = Explanation(
        "Measured at single training steps while the model trains, so often that it takes at most "
        "half a per cent of the time. Nothing of the step changes by it.\n\n"
        "The update-to-weight ratio is what one step changed of a tensor, weight decay included, "
        "divided by its size: the line of a block is the median of its matrices. About 1e−3 is "
        "usual; below 1e−5 a block hardly moves, above 0.1 it is thrown about. The gradient norm "
        "is that of all parameters together, before and after clipping.\n\n"
        "Clipped: share of the steps since the last reading. Saturated: share of tanh values "
        "beyond ±0.9. An inactive ReLU is 0 at this step and sample, a dead one is 0 for all of "
        "them. A shut gate unit lies below 0.1 at every step. Where a model has several layers, "
        "the line is the worst of them; the table names each.",
        (
            r"\rho_\theta = \| \theta_{k+1} - \theta_k \| \, / \, \| \theta_k \|",
            r"s = \Pr\left( |h| > 0.9 \right)",
        ),
        "Karpathy, CS231n notes; Glorot and Bengio 2010; Pascanu et al. 2013",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._strips = {key: Strip(last=key == STRIPS[-1]) for key in STRIPS}
        self._table = HealthTable()
        self._readings: list[HealthReading] = []
        self._drawn: object = None
        self._hover: int | None = None
        self._choice = Segments([("strips", "Over time"), ("blocks", "Blocks")], name="View")
        self.header.add_switch(self._choice)
        self._choice.value_changed.connect(self._arrange_for)
        self._table.chosen.connect(self._choose_block)
        self._lay_out()
        for strip in self._strips.values():
            strip.set_growing(x=True, y=True)
            strip.hovered.connect(self._hovered)
            strip.picked.connect(self._picked)
        self.forget()

    def _lay_out(self) -> None:
        body, self._stack = QWidget(), QWidget()
        rows = QVBoxLayout(self._stack)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        for key, strip in self._strips.items():
            rows.addWidget(strip, 13 if key == STRIPS[-1] else 10)
        sides = QHBoxLayout(body)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(0)
        sides.addWidget(self._stack, 1)
        sides.addWidget(self._table)
        self.set_body(body)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._arrange()

    @Slot(str)
    def _arrange_for(self, _value: str) -> None:
        self._arrange()

    def _arrange(self) -> None:
        both, blocks = self.is_wide(WIDE), self._choice.value() == "blocks"
        self._choice.setVisible(not both)
        self._stack.setVisible(both or not blocks)
        self._table.setVisible(both or blocks)
        room = min(round(TABLE * max(1.0, theme().scale)), round(TABLE_SHARE * self.width()))
        self._table.setFixedWidth(room if both else max(240, self.width()))
        self._strips["loss"].setVisible(self.height() >= TALL * max(1.0, theme().scale))

    # Drawing

    @override
    def forget(self) -> None:
        self._drawn = None
        self._readings = []
        for key, ends in (("loss", NORMS), ("ratio", RATIOS), ("norm", NORMS)):
            self._strips[key].clear()
            self._strips[key].set_range(x=(0.0, 10.0), y=ends, y_log=True)
        self._strips["share"].clear()
        self._strips["share"].set_range(x=(0.0, 10.0), y=(0.0, 1.0), y_log=False)

    @property
    def _project(self) -> Project:
        return self.session.run_project or self.session.document.project

    @override
    def draw(self) -> None:
        history = self.session.history
        newest = history.health.newest()
        key = (id(newest), len(history.health), self.session.cursor.block)
        if key != self._drawn:
            self._drawn = key
            self._readings = vitals.up_to(history.health, history.step)
            self._draw_strips()
        self._draw_table()
        self._place_cursor()
        self._invite()

    def _invite(self) -> None:
        if self._readings:
            self.show_body()
        elif len(self.session.history.curves):
            how = "It follows within seconds while the run trains with its probes. Runs of older "
            self.show_empty("gradient", "The health of no step was measured yet",
                            how + "versions have none.")  # fmt: skip
        else:
            how = "Press Train: it tells whether the steps have the right size and units work."
            self.show_empty("gradient", "No step has been measured", how)

    def _draw_strips(self) -> None:
        steps = np.array([reading.step for reading in self._readings])
        for key, strip in self._strips.items():
            strip.clear()
            strip.marks = ()
            strip.set_titles("training step k" if key == STRIPS[-1] else "", TITLES[key])
        if not len(steps):
            return
        end = max(10.0, float(steps[-1]))
        for strip in self._strips.values():
            strip.set_range(x=(0.0, end))
        self._draw_loss(steps)
        self._draw_ratios(steps)
        self._draw_norms(steps)
        self._draw_shares(steps)

    def _draw_loss(self, steps: NDArray[np.int64]) -> None:
        unit = self.session.history.facts.unit if self.session.history.facts else ""
        strip = self._strips["loss"]
        strip.set_titles("", f"training loss, {unit}" if unit else "training loss")
        losses = self._losses(steps)
        known = losses[np.isfinite(losses)]
        log = bool(known.size) and 0 < 10 * float(known.min()) < float(known.max())
        strip.set_range(y=LOSSES, y_log=log)
        self._add(strip, "loss", "role:loss", steps, losses)
        strip.fit(x=False)

    def _losses(self, steps: NDArray[np.int64]) -> Floats:
        """Return the median loss of the steps up to each reading."""
        curves = self.session.history.curves
        ends = np.searchsorted(curves.steps, steps, side="right")
        return np.array([
            float(np.median(curves.loss[max(0, end - vitals.SMOOTH) : end])) if end else math.nan
            for end in ends
        ])  # fmt: skip

    def _draw_ratios(self, steps: NDArray[np.int64]) -> None:
        strip, chosen = self._strips["ratio"], self.session.cursor.block
        strip.marks = (0.1, 1e-3, 1e-5)
        blocks = vitals.blocks_of(self._readings[-1])
        shown = blocks if len(blocks) <= MOST_LINES else blocks[: MOST_LINES - 1] + blocks[-1:]
        for block in shown + [b for b in blocks if b == chosen and b not in shown]:
            values = np.array([vitals.block_ratio(reading, block) for reading in self._readings])
            self._add(strip, self._title_of(block), self._paint_of(block), steps, values,
                      strong=block == chosen)  # fmt: skip

    def _draw_norms(self, steps: NDArray[np.int64]) -> None:
        strip = self._strips["norm"]
        norms = np.array(
            [[vitals.whole(r.gradient), vitals.whole(r.clipped)] for r in self._readings]
        )
        clip = self._clip()
        if clip > 0:
            strip.marks = (clip,)
            strip.set_titles("", f"{TITLES['norm']}; dotted: clip norm {format_number(clip)}")
        self._add(strip, "before", "role:gradient", steps, norms[:, 0], strong=True)
        self._add(strip, "after", "role:forward", steps, norms[:, 1])

    def _clip(self) -> float:
        curves = self.session.history.curves
        return float(curves.clip[-1]) if len(curves) else 0.0

    def _draw_shares(self, steps: NDArray[np.int64]) -> None:
        strip = self._strips["share"]
        units = [unit for reading in self._readings[-3:] for unit in reading.units]
        limits = (("tanh", SATURATED, "saturated from"), ("relu", DEAD, "dead from"))
        there = [limit for limit in limits if any(unit.kind == limit[0] for unit in units)]
        if there:
            strip.marks = tuple(limit[1] for limit in there)
            said = ", ".join(f"{words} {value:g}" for _, value, words in there)
            strip.set_titles("training step k", f"{TITLES['share']}; dotted: {said}")
        for _, name, paint, value in SHARES:
            values = np.array([value(reading) for reading in self._readings])
            if np.isfinite(values).any():
                self._add(strip, name, paint, steps, values)

    def _add(
        self, strip: Strip, name: str, paint: str, steps: NDArray[np.int64], values: Floats,
        *, strong: bool = False,
    ) -> None:  # fmt: skip
        curve = strip.add_curve(name, paint, label=name)
        curve.width = theme().stroke("plotCurrent" if strong else "plot")
        curve.show_value = False
        signed = strip in (self._strips["share"], self._strips["loss"])
        known = np.isfinite(values) & ((values > 0) | signed)
        curve.set_data(steps[known], values[known])

    def _paint_of(self, block: str) -> str:
        found = self._project.graph.blocks.get(block)
        kind = KINDS.get(found.kind) if found is not None else None
        return f"role:{kind.role}" if kind is not None else "textMid"

    def _title_of(self, block: str) -> str:
        found = self._project.graph.blocks.get(block)
        return title_of(found) if found is not None else block

    # The blocks at the training clock

    @property
    def _shown_step(self) -> int:
        return self.session.step_in_view if self._hover is None else self._hover

    @property
    def reading(self) -> HealthReading | None:
        """The reading at the training clock, or under the pointer."""
        return self.session.history.health.at(self._shown_step) or (
            self._readings[0] if self._readings else None
        )

    def _draw_table(self) -> None:
        reading = self.reading
        if reading is None:
            self._table.set_rows([], "")
            return
        rows = [self._row(reading, block) for block in vitals.blocks_of(reading)]
        self._table.set_rows(rows, self.session.cursor.block)

    def _row(self, reading: HealthReading, block: str) -> BlockHealth:
        past = [each for each in self._readings if each.step <= reading.step]
        ratios = np.array([vitals.block_ratio(each, block) for each in past])
        mine = [place for place, name in enumerate(reading.blocks) if name == block]
        return BlockHealth(
            block,
            self._title_of(block),
            vitals.block_ratio(reading, block),
            np.array([each.step for each in past], float),
            ratios,
            vitals.whole(reading.gradient[mine]),
            vitals.whole(reading.clipped[mine]),
            units_in_words(reading, block),
        )

    # The shared cursor

    def _place_cursor(self) -> None:
        step = self._shown_step
        pinned = self._hover is not None or self.session.cursor.step is not None
        for strip in self._strips.values():
            strip.set_cursor(float(step) if step else None)
            strip.set_read_out(self._reader(strip) if pinned else False)

    def _reader(self, strip: Strip) -> Callable[[float], ReadOut]:
        def told(x: float) -> ReadOut:
            rows = []
            for curve in reversed(strip.curves()):
                value = curve.series.at(x) if len(curve.series) else math.nan
                if math.isfinite(value) and x >= curve.series.x[0]:
                    share = strip is self._strips["share"]
                    words = f"{100 * value:.0f} %" if share else format_number(value)
                    rows.append((curve, curve.label, words))
            return ReadOut(f"step {round(x):,}", tuple(rows))

        return told

    def _nearest(self, x: float) -> int | None:
        if math.isnan(x) or not self._readings:
            return None
        steps = np.array([reading.step for reading in self._readings])
        return int(steps[int(np.argmin(np.abs(steps - x)))])

    @Slot(float)
    def _hovered(self, x: float) -> None:
        self._hover = self._nearest(x)
        self._draw_table()
        self._place_cursor()
        self.tell()

    @Slot(float)
    def _picked(self, x: float) -> None:
        step = self._nearest(x)
        newest = bool(self._readings) and step == self._readings[-1].step
        self.session.move_cursor(step=None if newest else step)

    @Slot(str)
    def _choose_block(self, block: str) -> None:
        self.session.move_cursor(block=block)

    # Words

    @override
    def tell(self) -> None:
        reading = self.reading
        if reading is None:
            self.header.set_subtitle("nothing yet")
            return
        finite = f"{reading.broken} is not finite" if reading.broken else "all numbers finite"
        if reading.bad:
            finite = f"{reading.bad} steps with a gradient that is not finite"
        clipped = f"{100 * vitals.clip_share(reading):.0f} % of {reading.since:,} steps clipped"
        run = self.session.run_title()
        self.header.set_subtitle(f"{run}, step {reading.step:,}: {finite}, {clipped}")

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading = self.reading
        if reading is None:
            return []
        return [
            ("Training step", f"{reading.step:,}"),
            ("Readings", f"{len(self._readings)}, older ones thinned"),
            ("Learning rate then", format_number(reading.rate)),
            ("Steps since the last", f"{reading.since:,}, {reading.cut:,} of them clipped"),
            ("Took", f"{reading.cost_s * 1e3:.1f} ms"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        readings = self._readings
        if not readings:
            return {}
        found: dict[str, NDArray[Any]] = {"step": np.array([each.step for each in readings])}
        for block in vitals.blocks_of(readings[-1]):
            found[f"update ratio {block}"] = np.array(
                [vitals.block_ratio(r, block) for r in readings]
            )
        found["gradient norm before"] = np.array(
            [vitals.whole(each.gradient) for each in readings]
        )
        found["gradient norm after"] = np.array([vitals.whole(each.clipped) for each in readings])
        for key, _, _, value in SHARES:
            found[key] = np.array([value(each) for each in readings])
        return found
