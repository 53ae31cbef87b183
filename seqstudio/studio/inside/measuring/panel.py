"""`MeasuresPanel`: all measures of the task on the held-out part, beside their floors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.measuring import MeasureHeldOut, Measures
from seqstudio.studio.inside.measuring.confusion import ConfusionView
from seqstudio.studio.inside.measuring.table import NumberTable
from seqstudio.studio.inside.measuring.views import (
    CalibrationPlot,
    ClassesTable,
    CoveragePlot,
    LengthPlot,
    SentencesTable,
    figure_rows,
    shown,
)
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.widgets import Label, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

VIEWS = (
    ("confusion", "Confusion"),
    ("classes", "Classes"),
    ("calibration", "Calibration"),
    ("coverage", "Coverage"),
    ("length", "By length"),
    ("sentences", "Sentences"),
)
_WIDE = 720


class MeasuresPanel(LookPanel):
    """The numbers at the top or left; what stands behind them below or at the right."""

    title = "Measures"
    icon = "check"
    explanation: ClassVar[Explanation] = Explanation(
        "Everything is measured on the whole held-out part, every prediction once; of sentences "
        "that are written from a source the first 1,000. A floor is what an answer without "
        "learning reaches on the same part: green beats it.\n\n"
        "Perplexity and bits are the loss told otherwise. Macro F1 is the mean of the F1 of all "
        "classes, so that small ones count like large ones. The calibration error is the mean "
        "gap between how sure answers are and how often they are right, over ten bins of "
        "confidence.\n\n"
        "MAE and RMSE are in the unit of the series where the file has one. MASE divides the "
        "MAE by that of repeating the last value in the training part: below 1 beats it there. "
        "Coverage is the share of values inside the band of a forecast.\n\n"
        "Sentences are written greedily and compared with the right ones by sacrebleu: BLEU "
        "counts runs of words, chrF runs of letters. Captions also have a score of the kind of "
        "CIDEr, without stemming: compare it with itself only.",
        (
            r"\mathrm{perplexity} = e^{L}, \quad \mathrm{bits} = L / \ln 2",
            r"F_1 = \frac{2 P R}{P + R}, \quad \mathrm{ECE} = \sum_b \frac{n_b}{n} "
            r"|\mathrm{acc}_b - \mathrm{conf}_b|",
            r"\mathrm{MASE} = \frac{\mathrm{MAE}}{\frac{1}{n-1} \sum_t |y_t - y_{t-1}|}",
            r"\mathrm{chrF} = \frac{(1 + \beta^2) P R}{\beta^2 P + R}, \quad \beta = 2",
        ),
        "Manning, Raghavan, Schütze 2008, ch. 13 (F1); Guo et al. 2017, arXiv:1706.04599 "
        "(calibration); Hyndman and Koehler 2006 (MASE); Papineni et al. 2002 (BLEU); Popović "
        "2015 (chrF); Vedantam et al. 2015, arXiv:1411.5726 (CIDEr)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.whole: Measures | None = None
        self._part: Measures | None = None
        self.figures = NumberTable(("", "model", "floor"), "Measures")
        self.confusion, self.classes = ConfusionView(), ClassesTable()
        self.calibration, self.coverage = CalibrationPlot(), CoveragePlot()
        self.length, self.sentences = LengthPlot(), SentencesTable()
        self.remark = Label("", "small", "textMid", wrap=True)
        self._pages = {
            "confusion": self.confusion, "classes": self.classes,
            "calibration": self.calibration, "coverage": self.coverage, "length": self.length,
            "sentences": self.sentences,
        }  # fmt: skip
        self._detail = QStackedWidget()
        for page in self._pages.values():
            self._detail.addWidget(page)
        self._mode = Segments(list(VIEWS), name="View")
        self._mode.value_changed.connect(self._switched)
        self.set_body(self._lay_out())

    def _lay_out(self) -> QWidget:
        self._below = QWidget()
        rows = QVBoxLayout(self._below)
        rows.setContentsMargins(0, 6, 0, 0)
        rows.setSpacing(4)
        rows.addWidget(self._mode, 0, Qt.AlignmentFlag.AlignHCenter)
        rows.addWidget(self._detail, 1)
        top = QWidget()
        upper = QVBoxLayout(top)
        upper.setContentsMargins(0, 0, 0, 0)
        upper.setSpacing(0)
        upper.addWidget(self.figures, 1)
        self.remark.setContentsMargins(14, 4, 14, 6)
        upper.addWidget(self.remark)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(top)
        self._split.addWidget(self._below)
        return self._split

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Numbers at the left where there is room, else on top, as high as they need."""
        wide = self.is_wide(_WIDE)
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        self._split.setOrientation(across if wide else down)
        if wide:
            self._split.setSizes([340, max(1, self.width() - 340)])
        elif self._split.height() > 0:
            wanted = self.figures.lines.sizeHint().height() + self.remark.sizeHint().height() + 8
            top = min(wanted, round(0.55 * self._split.height()))
            self._split.setSizes([top, max(1, self._split.height() - top)])

    # What is asked and shown

    @override
    def question(self) -> MeasureHeldOut:
        return MeasureHeldOut()

    @override
    def show_reading(self, reading: Measures) -> None:
        self._part = None if reading.share >= 1 else reading
        if reading.share < 1 and self.whole is not None:
            return  # the old numbers stand until all new ones are there
        if reading.share >= 1:
            self.whole = reading
        self.figures.set_rows(figure_rows(reading.figures))
        self.remark.setText(_remark(reading))
        self.remark.setVisible(bool(_remark(reading)))
        self._show_detail(reading)
        self._arrange()

    def _show_detail(self, reading: Measures) -> None:
        tables = {
            "confusion": reading.classes, "classes": reading.classes,
            "calibration": reading.classes, "coverage": reading.series,
            "length": reading.sentences, "sentences": reading.sentences,
        }  # fmt: skip
        if reading.series is not None and not len(reading.series.covered):
            tables["coverage"] = None
        there = [key for key, _ in VIEWS if tables[key] is not None]
        for key, _title in VIEWS:
            self._mode.set_shown(key, key in there)
        for key in there:
            self._pages[key].set_table(tables[key])  # type: ignore[attr-defined]
        self._below.setVisible(bool(there))
        if there and self._mode.value() not in there:
            self._mode.set_value(there[0])
        self._switched()

    @Slot()
    @Slot(str)
    def _switched(self, _value: object = None) -> None:
        page = self._pages.get(str(self._mode.value()))
        if page is not None:
            self._detail.setCurrentWidget(page)

    @override
    def forget(self) -> None:
        super().forget()
        self.whole = self._part = None

    @override
    def words(self, reading: Measures) -> str:
        if self._part is not None:
            return f"{100 * self._part.share:.0f} % measured"
        first = reading.figures[0]
        return f"{reading.count:,} predictions, loss {shown(first.value)}"

    # Numbers

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading = self.whole
        if self.looked is None or reading is None:
            return []
        sentences = "–" if reading.sentences is None else f"{len(reading.sentences.told):,}"
        return [
            ("Weights", self.looked.weights),
            ("Predictions", f"{reading.count:,}"),
            ("Sentences kept in words", sentences),
            ("Chance", f"{reading.chance:.4f}"),
            ("Cost of the look", f"{self.looked.cost_s:.1f} s"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        reading = self.whole
        if reading is None:
            return {}
        found: dict[str, NDArray[Any]] = {
            "measure": np.array([figure.name for figure in reading.figures]),
            "value": np.array([figure.value for figure in reading.figures]),
            "floor": np.array([figure.floor for figure in reading.figures]),
            "floor_name": np.array([figure.floor_name for figure in reading.figures]),
        }
        for table in (reading.classes, reading.series, reading.sentences):
            if table is not None:
                values = vars(table).items()
                found |= {key: np.asarray(value) for key, value in values if key != "available"}
        return found


def _remark(reading: Measures) -> str:
    """Return how much was measured, where it is not everything."""
    table = reading.sentences
    if table is None or len(table.lengths) >= table.available:
        return ""
    return f"{len(table.lengths):,} of {table.available:,} held-out sentences were written."
