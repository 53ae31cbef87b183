"""`NormsPanel`: the gradient norm of every step, before and after clipping; drag the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget
from typing_extensions import override

from seqstudio.records.messages import LiveChanged, StateChanged
from seqstudio.records.readings import Metrics
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.chart import NAME_ROOM, Chart
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.feeding import Reader
from seqstudio.studio.plots import Curve, ReadOut
from seqstudio.studio.theme import theme
from seqstudio.studio.widgets import CheckField, format_number

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

RECENT = 500
_LOW, _HIGH = 1e-2, 1e2
_LEAST_STEPS = 100.0
_USUAL_CLIP = 1.0


class NormsPanel(Panel):
    """How long the gradient is, and where it is cut."""

    title = "Gradient norm"
    kinds = frozenset({Metrics, LiveChanged, StateChanged})
    explanation: ClassVar[Explanation] = Explanation(
        "The red line is the Euclidean norm of all parameter gradients of a step together, "
        "before clipping. The other line is what the optimizer gets: a gradient longer than the "
        "clip norm is shortened to it and keeps its direction.\n\n"
        "Drag the line to change the clip norm; it takes effect at the next step.",
        (
            r"\|g\| = \sqrt{\sum_i g_i^2}",
            r"g \leftarrow g \cdot \min\!\left(1, \frac{c}{\|g\|}\right)",
        ),
        "Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._chart = Chart(x_title="training step k", y_title="gradient norm, log", x_symbol="k")
        self._chart.headroom = NAME_ROOM
        self._reader = Reader(session.history)
        self._before: Curve | None = None
        self._after: Curve | None = None
        self._hover: float | None = None
        self._clipping = CheckField("Clip", True)
        self._clipping.setToolTip("Shorten gradients that are longer than the clip norm")
        self.header.add_switch(self._clipping)
        self._clipping.committed.connect(self._switch_clipping)
        self._chart.threshold_committed.connect(self._clip_dragged)
        self._chart.picked.connect(self._picked)
        self._chart.hovered.connect(self._hovered)
        self.set_body(self._chart)
        self.forget()

    @property
    def clip(self) -> float:
        """The clip norm for the next step, 0 for none: of the project while a run goes on."""
        project, run = self.session.document.project, self.session.run_project
        curves = self.session.history.curves
        wanted = float(project.training.clip)
        over = self.session.state not in {"starting", "running", "paused"}
        untouched = run is not None and run.training.clip == wanted
        return float(curves.clip[-1]) if over and untouched and len(curves) else wanted

    # Drawing

    @override
    def forget(self) -> None:
        self._reader = Reader(self.session.history)
        self._chart.clear()
        self._before = self._add_curve("before clipping", "role:gradient")
        self._after = self._add_curve("after clipping", "role:forward")
        self._chart.set_range(x=(0.0, self._expected_end()), y=(_LOW, _HIGH), y_log=True)

    def _add_curve(self, name: str, paint: str) -> Curve:
        curve = self._chart.add_curve(name, paint, label=name)
        curve.width = theme().stroke("plotThin")
        curve.show_value = False
        return curve

    def _expected_end(self) -> float:
        history = self.session.history
        if history.state in {"finished", "stopped"} and history.step:
            return float(history.step) * NAME_ROOM
        training = (self.session.run_project or self.session.document.project).training
        return NAME_ROOM * training.steps if training.budget == "steps" else _LEAST_STEPS

    @override
    def draw(self) -> None:
        self._feed()
        self._show_clip()
        self._place_cursor()
        if len(self.session.history.curves):
            self.show_body()
        else:
            how = "Every training step leaves a point here; the line is where it is cut."
            self.show_empty("gradient", "No gradient yet", how)

    def _feed(self) -> None:
        rows, anew = self._reader.new_rows()
        if self._before is None or self._after is None:
            return
        if anew:
            self._before.series.clear()
            self._after.series.clear()
        if rows.stop > rows.start:
            curves = self.session.history.curves
            norm = curves.grad_norm[rows]
            self._before.extend(curves.steps[rows], norm)
            self._after.extend(curves.steps[rows], clipped(norm, curves.clip[rows]))

    def _show_clip(self) -> None:
        clip = self.clip
        self._clipping.set_value(clip > 0)
        self._chart.place_threshold("clip", clip if clip > 0 else None, "clip at ", 1e-3, 1e4)

    # Cursor

    def _place_cursor(self) -> None:
        step = self.session.step_in_view if self._hover is None else self._hover
        self._chart.set_cursor(float(step) if step else None)
        pinned = self._hover is not None or self.session.cursor.step is not None
        self._chart.set_read_out(self._read_out if pinned else False)

    def _row_at(self, x: float) -> int:
        steps = self.session.history.curves.steps
        return int(np.argmin(np.abs(steps - x)))

    @Slot(float)
    def _hovered(self, x: float) -> None:
        curves = self.session.history.curves
        known = x == x and len(curves)  # noqa: PLR0124 - NaN says that the pointer left
        self._hover = float(curves.steps[self._row_at(x)]) if known else None
        self._place_cursor()

    @Slot(float)
    def _picked(self, x: float) -> None:
        curves = self.session.history.curves
        if len(curves):
            row = self._row_at(x)
            newest = row == len(curves) - 1
            self.session.move_cursor(step=None if newest else int(curves.steps[row]))

    def _read_out(self, x: float) -> ReadOut:
        curves = self.session.history.curves
        if not len(curves):
            return ReadOut("", ())
        row = self._row_at(x)
        norm, clip = float(curves.grad_norm[row]), float(curves.clip[row])
        after = float(clipped(curves.grad_norm[row : row + 1], curves.clip[row : row + 1])[0])
        cut = f"clipped at {format_number(clip)}" if 0 < clip < norm else "not clipped"
        rows = (
            (self._before, "before", format_number(norm)),
            (self._after, "after", format_number(after)),
        )
        return ReadOut(f"step {int(curves.steps[row]):,}", rows, cut)

    # Changing the clip norm

    @Slot(str, float)
    def _clip_dragged(self, _key: str, value: float) -> None:
        self.session.set_live("clip", value)

    @Slot(bool)
    def _switch_clipping(self, on: bool) -> None:
        self.session.set_live("clip", _USUAL_CLIP if on else 0.0)
        self._show_clip()

    # Words

    @override
    def tell(self) -> None:
        curves = self.session.history.curves
        if not len(curves):
            self.header.set_subtitle("nothing yet")
            return
        run = self.session.run_title()
        self.header.set_subtitle(f"{run}, {clip_words(curves.grad_norm, curves.clip)}")

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        curves = self.session.history.curves
        if not len(curves):
            return {}
        return {"step": curves.steps, "grad_norm": curves.grad_norm, "clip": curves.clip}

    @override
    def measured(self) -> list[tuple[str, str]]:
        curves = self.session.history.curves
        if not len(curves):
            return []
        return [
            ("Training step", f"{int(curves.steps[-1]):,}"),
            ("Before clipping", format_number(float(curves.grad_norm[-1]))),
            ("Clip norm then", format_number(float(curves.clip[-1]))),
            ("Clipped", clip_words(curves.grad_norm, curves.clip)),
        ]


def clipped(norm: NDArray[np.float64], clip: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the norm after clipping (n,); a clip norm of 0 leaves it."""
    return np.where(clip > 0, np.minimum(norm, clip), norm)


def clip_words(norm: NDArray[np.float64], clip: NDArray[np.float64]) -> str:
    """Return how many of the newest steps were clipped: "6 % of steps clipped, last 500"."""
    norm, clip = norm[-RECENT:], clip[-RECENT:]
    if not np.any(clip > 0):
        return "clipping is off"
    share = float(np.mean((clip > 0) & (norm > clip)))
    return f"{share * 100:.0f} % of steps clipped, last {len(norm):,}"
