"""The parts of the panel of measures below its numbers: plots and tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from seqstudio.data.scoring.classes import class_name
from seqstudio.data.scoring.texts import by_length
from seqstudio.studio.inside.measuring.table import NumberTable, Row
from seqstudio.studio.plots import Plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqstudio.records.inside.measuring import (
        ClassTable,
        Figure,
        SentenceTable,
        SeriesTable,
    )


def shown(value: float, form: str = "number") -> str:
    """Return a measure for people, "–" where it is not defined."""
    if not math.isfinite(value):
        return "–"
    if form == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def figure_rows(figures: Sequence[Figure]) -> list[Row]:
    """Return the measures beside their floors; green beats its floor."""
    rows = []
    for figure in figures:
        tone = {True: "success", False: "warn", None: "textHi"}[figure.beats]
        said = [figure.unit] if figure.unit else []
        if figure.beats is not None:
            said.append(f"{'beats' if figure.beats else 'does not beat'}: {figure.floor_name}")
        cells = (figure.name, shown(figure.value, figure.form), shown(figure.floor, figure.form))
        rows.append(Row(cells, " · ".join(said), ((1, tone), (2, "textMid"))))
    return rows


class ClassesTable(NumberTable):
    """Precision, recall and F1 of every class, those that are told worst first."""

    def __init__(self) -> None:
        super().__init__(("class", "true", "precision", "recall", "F1"), "Measures by class")

    def set_table(self, table: ClassTable) -> None:
        """Show other answers."""
        order = np.argsort(table.f1, kind="stable")
        self.set_rows([
            Row((class_name(table.names[at]), f"{table.confusion[at].sum():,}",
                 *(shown(float(each[at]), "share")
                   for each in (table.precision, table.recall, table.f1))))
            for at in order
        ])  # fmt: skip


class CalibrationPlot(Plot):
    """How often an answer is right that is given with a confidence."""

    def __init__(self) -> None:
        super().__init__(x_title="confidence (probability of the class that is told)",
                         y_title="share of right answers", x_symbol="p", x_form=".2f",
                         name="Calibration")  # fmt: skip
        self.set_range((0, 1), (0, 1))
        self.set_growing(x=False, y=False)

    def set_table(self, table: ClassTable) -> None:
        """Show other answers."""
        self.clear()
        perfect = self.add_curve("perfect", "textLow", label="as sure as right", dash=(4, 4))
        perfect.read_out = False
        perfect.set_data([0, 1], [0, 1])
        confidence, right, _count = table.reliability.T
        order = np.argsort(confidence)
        curve = self.add_curve("model", "role:output", label="model", current=True, form=".2f")
        curve.markers = True
        curve.set_data(confidence[order], right[order])


class CoveragePlot(Plot):
    """How many values lie inside a band, against how many it promises to hold."""

    def __init__(self) -> None:
        super().__init__(x_title="share that the band promises", y_title="share inside",
                         x_symbol="promised", x_form=".2f", name="Coverage")  # fmt: skip
        self.set_range((0, 1), (0, 1))
        self.set_growing(x=False, y=False)

    def set_table(self, table: SeriesTable) -> None:
        """Show other answers."""
        self.clear()
        perfect = self.add_curve("perfect", "textLow", label="as promised", dash=(4, 4))
        perfect.read_out = False
        perfect.set_data([0, 1], [0, 1])
        curve = self.add_curve("model", "role:output", label="model", current=True, form=".2f")
        curve.markers = True
        curve.set_data(table.levels[: len(table.covered)], table.covered)


class LengthPlot(Plot):
    """chrF and the share of exact sentences against the length of the source."""

    def __init__(self) -> None:
        super().__init__(x_title="tokens of the source", y_title="0 to 100", x_symbol="length",
                         name="Quality by length of the source")  # fmt: skip
        self.set_range((0, 1), (0, 100))
        self.set_growing(x=True, y=False)

    def set_table(self, table: SentenceTable) -> None:
        """Show other sentences."""
        self.clear()
        groups = by_length(table.lengths, table.chrf, table.exact)
        middle = [(low + high) / 2 for low, high, *_ in groups]
        for key, label, paint, at, scale in (
            ("chrf", "chrF", "role:output", 3, 1.0),
            ("exact", "exactly right, %", "role:input", 4, 100.0),
        ):
            curve = self.add_curve(key, paint, label=label, form=".1f")
            curve.markers = True
            curve.set_data(middle, [scale * float(row[at]) for row in groups])
        self.set_range((0, max(2, round(1.1 * max(middle)))), (0, 100))


class SentencesTable(NumberTable):
    """What was written for the first sources, worst first."""

    def __init__(self) -> None:
        super().__init__(("written", "chrF"), "Written sentences")

    def set_table(self, table: SentenceTable) -> None:
        """Show other sentences."""
        scores = table.chrf[: len(table.told)]
        self.set_rows([
            Row((table.told[at] or "(nothing)", f"{scores[at]:.0f}"),
                f"{table.sources[at]} → {table.right[at]}")
            for at in np.argsort(scores, kind="stable")
        ])  # fmt: skip
