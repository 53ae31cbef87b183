"""A small window that looks for a learning rate: the curve of a sweep, and a button to use it."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.readings import RateSweep
from seqstudio.studio.plots import Plot
from seqstudio.studio.session import Session
from seqstudio.studio.widgets import Button, Label, format_number

ABOUT = (
    "Up to 100 steps on a copy of the model, with a learning rate that rises by the same factor "
    "at every step. The model itself stays as it is."
)
DEFINED = (
    "The suggestion is the smaller of two rates: where the smoothed loss falls fastest ({steep}), "
    "and a tenth of where it is lowest ({lowest} / 10)."
)


class RateFinder(QDialog):
    """Shows the newest sweep of the run in view.

    Args:
        session: Whose trainer makes the sweep.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setWindowTitle("Find a learning rate")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._shown: RateSweep | None = session.history.rate_sweep
        self._searching = True
        self.plot = Plot(x_title="learning rate, log", y_title="training loss", x_symbol="rate",
                         x_form="sci", name="Loss by learning rate")  # fmt: skip
        self.plot.setMinimumSize(480, 260)
        self._raw = self.plot.add_curve("loss", "textLow", label="each step", raw=True)
        self._mean = self.plot.add_curve("mean", "role:loss", label="smoothed", current=True)
        self.words = Label(ABOUT, "body", "textMid", wrap=True, parent=self)
        self.use = Button("Use it", kind="primary", parent=self)
        self.close_button = Button("Close", parent=self)
        self.stop_button = Button("Stop the search", parent=self)
        self.stop_button.clicked.connect(self.stop)
        self._lay_out()
        self.use.setEnabled(False)
        self.use.clicked.connect(self._use)
        self.close_button.clicked.connect(self.reject)
        session.events.connect(self._hear)

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.addWidget(self.plot, 1)
        rows.addWidget(self.words)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.stop_button)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.use)
        rows.addLayout(buttons)

    @Slot(object)
    def _hear(self, _kinds: object) -> None:
        sweep = self.session.history.rate_sweep
        if sweep is not None and sweep is not self._shown:
            self._show(sweep)

    def _show(self, sweep: RateSweep) -> None:
        self._shown = sweep
        finite = np.isfinite(sweep.smoothed)
        for curve, values in ((self._raw, sweep.losses), (self._mean, sweep.smoothed)):
            curve.series.clear()
            curve.extend(sweep.rates[finite], values[finite])
        known = sweep.smoothed[finite]
        if len(known) > 1:
            low, high = float(known.min()), float(min(known.max(), 2 * known[0]))
            ends = (float(sweep.rates[0]), max(float(sweep.rates[-1]), 1.0))
            self.plot.set_range(x=ends, y=(low - 0.1 * abs(low), high), x_log=True)
        self._searching = not sweep.done
        self.stop_button.setVisible(self._searching)
        if sweep.done:
            self._suggest(sweep)

    @Slot()
    def stop(self) -> None:
        """Break off the search; the curve stays as far as it is."""
        self.session.give_up("rate")

    @override
    def done(self, result: int, /) -> None:
        """Close; a search that nobody waits for any more ends, too."""
        if self._searching:
            self.stop()
        super().done(result)

    def _suggest(self, sweep: RateSweep) -> None:
        known = math.isfinite(sweep.suggestion)
        self.use.setEnabled(known)
        if sweep.broken_off:
            self.words.setText(f"Stopped after {len(sweep.rates)} steps. {ABOUT}")
            return
        if not known:
            self.words.setText("Nothing can be suggested: the loss was not finite from the start.")
            return
        steep, lowest = (format_number(rate, "sci") for rate in (sweep.steepest, sweep.lowest))
        self.plot.set_cursor(sweep.suggestion)
        self.use.setText(f"Use {format_number(sweep.suggestion, 'sci')}")
        self.words.setText(DEFINED.format(steep=steep, lowest=lowest))

    @Slot()
    def _use(self) -> None:
        """Put the suggestion into the project, as one step to undo."""
        if self._shown is not None and self._shown.done:
            self.session.set_live("learning_rate", self._shown.suggestion)
            self.accept()


def find_rate(session: Session, parent: QWidget) -> RateFinder:
    """Open the window and begin a sweep."""
    finder = RateFinder(session, parent)
    finder.show()
    session.find_rate()
    return finder
