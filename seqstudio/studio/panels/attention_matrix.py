"""`AttentionMatrix`: the weights of one head as a map, with its numbers below the colour bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.studio.panels.attending import LEAST_WEIGHT, HeadNumbers
from seqstudio.studio.plots import HeatMap
from seqstudio.studio.widgets import Label

_DECADES = (-4.0, 0.0)
_NUMBERS = ("entropy", "of at most", "distance", "on first", "on previous")
_NUMBERS_WIDTH = 74
_NUMBERS_ROOM = 12
_BAR_HEIGHT, _BAR_GAP = 120.0, 22.0


class AttentionMatrix(QWidget):
    """The heat map of one head with its numbers below the colour bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heat = HeatMap(
            "attention",
            x_title="key across",
            y_title="query down",
            bar_title="weight",
            square=True,
            name="Attention matrix",
            parent=self,
        )
        self.heat.set_title_paints("role:key", "role:query")
        self.heat.set_origin(1, 1)  # time counts from 1, as everywhere in the window
        self._values = [Label("–", "mono", "textHi") for _ in _NUMBERS]
        self._column = self._number_column()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, _NUMBERS_ROOM, 0)
        rows.addWidget(self.heat)

    def _number_column(self) -> QWidget:
        column = QWidget(self)
        column.setFixedWidth(_NUMBERS_WIDTH)
        column.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        grid = QGridLayout(column)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        for index, (name, value) in enumerate(zip(_NUMBERS, self._values, strict=True)):
            grid.addWidget(Label(name, "axis", "textMid", parent=column), 3 * index, 0)
            grid.addWidget(value, 3 * index + 1, 0)
            grid.setRowMinimumHeight(3 * index + 2, 6)
            value.setAccessibleName(name)
        return column

    def set_head(
        self,
        weights: NDArray[np.floating],
        masked: NDArray[np.bool_],
        tokens: tuple[str, ...],
        *,
        log: bool,
    ) -> None:
        """Show the weights (T, T) of a head."""
        if log:
            logs = np.log10(np.maximum(weights, LEAST_WEIGHT))
            self.heat.set_data(logs, _DECADES, masked=masked, powers=True)
        else:
            self.heat.set_data(weights, (0.0, 1.0), masked=masked)
        self.heat.set_labels(tokens, tokens)
        self._place()

    def set_numbers(self, numbers: HeadNumbers | None) -> None:
        """Show the numbers of the head, dashes for none."""
        texts = ["–"] * len(_NUMBERS)
        if numbers is not None and not np.isnan(numbers.entropy):
            texts = [
                f"{numbers.entropy:.2f} bits",
                f"{numbers.most:.2f}",
                f"{numbers.distance:.1f}",
                f"{numbers.first:.2f}",
                f"{numbers.previous:.2f}",
            ]
        for label, text in zip(self._values, texts, strict=True):
            label.setText(text)

    def _place(self) -> None:
        rect: QRectF = self.heat.frame().rect
        left = min(rect.right() + _BAR_GAP, self.width() - _NUMBERS_WIDTH)
        bar = min(_BAR_HEIGHT, rect.height())
        height = self._column.sizeHint().height()
        top = min(rect.top() + bar + 18, self.height() - height - 4)
        self._column.setGeometry(int(left), int(max(0, top)), _NUMBERS_WIDTH, height)
        self._column.setVisible(top >= rect.top() + bar)

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self.heat.setGeometry(self.rect().adjusted(0, 0, -_NUMBERS_ROOM, 0))
        self._place()
