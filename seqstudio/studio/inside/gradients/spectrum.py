"""`SpectrumPanel`: why the gradient of a recurrent layer grows or fades."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from seqstudio.blocks.check import title_of
from seqstudio.records.inside.spectrum import Eigenvalues, Spectrum, SpectrumOf
from seqstudio.studio.inside.gradients.plane import Plane
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.panels.adding import offer_lstm
from seqstudio.studio.panels.chart import Chart
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.plots import ReadOut
from seqstudio.studio.theme import painting, theme
from seqstudio.studio.widgets import ComboField, Label, format_number
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

STEPS = 128
SETTLES_MS = 150
JACOBIAN = "J"
_NAMES = {
    "W_hh": "W hh",
    "W_hi": "W hi, input gate",
    "W_hf": "W hf, forget gate",
    "W_hg": "W hg, candidate",
    "W_ho": "W ho, output gate",
    "W_hr": "W hr, reset gate",
    "W_hz": "W hz, keep gate",
    "W_hn": "W hn, candidate",
    "J": "Jacobian at t",
}
_ROWS = (
    ("slope", "measured slope", "decades a step"),
    ("predicted", "λ₁ ÷ ln 10", "decades a step"),
    ("growth", "σ max of 10 steps", ""),
    ("radius", "ρ", ""),
    ("sigma", "σ max", ""),
)


class SpectrumPanel(LookPanel):
    """Eigenvalues with the unit circle; beside them the numbers, the one that decides first."""

    title = "Spectrum"
    icon = "gradient"
    explanation: ClassVar[Explanation] = Explanation(
        "The first Lyapunov exponent λ₁ decides: it is the mean growth a step of the change that "
        "grows most, along the states that the model really goes through when it reads the text. "
        "Above 0 changes and gradients explode, below 0 they fade; its size in decades stands "
        "beside the slope that is measured for the loss at the end. The first quarter of the "
        "text, at most 32 steps, is not counted: the directions settle there. The slope falls "
        "below λ₁ where the loss sends little into the directions that last: a memory that the "
        "model has and this loss hardly uses.\n\n"
        "The spectral radius ρ, the largest modulus of an eigenvalue, decides only for a net "
        "without saturation. For tanh, ρ above 1 does not mean that anything explodes, and σ max, "
        "the largest singular value, above 1 is necessary for it, not sufficient. A GRU and an "
        "LSTM have a recurrent matrix for every gate; the Jacobian at t joins them, for an LSTM "
        "as that of h and c together. Rings lie inside the unit circle, discs outside.",
        (
            r"\lambda_i = \frac{1}{T} \sum_t \log |R_{ii}|, \qquad Q R = J_t Q",
            r"J_t = \frac{\partial s_t}{\partial s_{t-1}}, \quad s = h \text{ or } (h, c)",
        ),
        "Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063; Benettin et al. 1980; "
        "docs/diagnostics.md, 2.4",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._layers = ComboField([], name="Layer")
        self._choice = ComboField([("W_hh", _NAMES["W_hh"])], name="Matrix")
        for field in (self._layers, self._choice):
            field.setSizeAdjustPolicy(ComboField.SizeAdjustPolicy.AdjustToContents)
            self.header.add_switch(field)
        self._layers.hide()
        self._layers.committed.connect(self._layer_chosen)
        self._choice.committed.connect(self._matrix_chosen)
        self._layer: tuple[str, int] = ("", -1)
        self._matrix = ""
        self._t = 0
        self._settle = QTimer(self, interval=SETTLES_MS)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._moved)
        self.plane, self.side = Plane(), _Numbers()
        self.strip = _strip()
        self.strip.hovered.connect(self._hovered)
        self.strip.picked.connect(self._hovered)
        self.set_body(_body(self.plane, self.side, self.strip))

    # What is asked

    @override
    def question(self) -> SpectrumOf:
        jacobian = self._matrix == JACOBIAN
        at = self._t if jacobian else -1
        return SpectrumOf(self._layer[0], self._layer[1], at, jacobian, STEPS)

    @Slot(object)
    def _layer_chosen(self, value: object) -> None:
        if isinstance(value, tuple):
            self._layer = value
            self.session.move_cursor(block=value[0], layer=value[1])
            self.ask_again()

    @Slot(object)
    def _matrix_chosen(self, value: object) -> None:
        self._matrix, self._t = str(value), self.session.cursor.t
        self._drawn = None
        self.ask_again()

    @Slot()
    def _moved(self) -> None:
        """Ask for the Jacobian of another step, once the cursor rests."""
        if self._matrix == JACOBIAN and self._t != self.session.cursor.t:
            self._t = self.session.cursor.t
            self.ask_again()

    # What is shown

    @override
    def show_reading(self, reading: Spectrum) -> None:
        self._fill(reading)
        matrix = self._shown(reading)
        paint = f"arch:{reading.arch}"
        self.plane.set_values(matrix.real, matrix.imag, paint, matrix.name.replace("_", " "))
        self.side.show_numbers(reading, matrix)
        self._draw_strip(reading, paint)

    def _shown(self, reading: Spectrum) -> Eigenvalues:
        named = {each.name: each for each in reading.matrices}
        return named.get(self._matrix) or reading.matrices[0]

    def _fill(self, reading: Spectrum) -> None:
        names = [each.name for each in reading.matrices if each.name != JACOBIAN]
        options = [(name, _NAMES.get(name, name)) for name in (*names, JACOBIAN)]
        self._choice.set_options(options)
        if self._matrix not in {*names, JACOBIAN}:
            self._matrix = (*names, JACOBIAN)[0]
        self._choice.set_value(self._matrix)
        self._layers.set_options([(key, self._layer_name(*key)) for key in reading.layers])
        self._layers.set_value((reading.block, reading.layer))
        self._layers.setVisible(len(reading.layers) > 1)

    def _layer_name(self, block: str, layer: int) -> str:
        project = self.session.run_project or self.session.project
        known = project.graph.blocks.get(block)
        return f"{title_of(known) if known else block}, layer {layer + 1}"

    def _draw_strip(self, reading: Spectrum, paint: str) -> None:
        self.strip.clear()
        self.strip.add_zero(0.0)
        t = np.arange(len(reading.local))
        curve = self.strip.add_curve("local", paint)
        curve.set_data(t, reading.local)
        spans = reading.local[np.isfinite(reading.local)]
        most = max(0.5, float(np.abs(spans).max(initial=0.0)))
        ends = math.ceil(most) if most > 0.5 else 0.5
        self.strip.set_range(x=(0.0, float(max(1, len(t) - 1))), y=(-ends, ends))
        if reading.settling:
            self.strip.set_region("settling", 0.0, float(reading.settling), "not counted")

    @override
    def show_cursor(self) -> None:
        t = self.session.cursor.t
        reading: Spectrum = self.reading
        self.strip.set_cursor(float(min(t, len(reading.local) - 1)))
        self.strip.set_read_out(self._read_out if t else False)
        if self._matrix == JACOBIAN and t != self._t:
            self._settle.start()

    def _read_out(self, x: float) -> ReadOut:
        reading: Spectrum = self.reading
        t = round(x)
        if not 0 <= t < len(reading.local):
            return ReadOut("", ())
        growth = format_number(float(reading.local[t]), ".3f")
        curve = self.strip.curve("local")
        return ReadOut(f"t {t} “{shown_text(reading.tokens[t])}”", ((curve, "log|R₁₁|", growth),))

    @Slot(float)
    def _hovered(self, x: float) -> None:
        if not math.isnan(x) and self.reading is not None:
            last = len(self.reading.local) - 1
            self.session.move_cursor(t=min(last, max(0, round(x))))

    @override
    def _invite(self) -> None:
        super()._invite()
        if self.refused is not None and self.refused.what == "This model has no recurrent matrix":
            offer_lstm(self)

    @override
    def words(self, reading: Spectrum) -> str:
        return f"{self._layer_name(reading.block, reading.layer)}, {len(reading.tokens)} steps"

    @override
    def measured(self) -> list[tuple[str, str]]:
        if self.looked is None:
            return []
        reading: Spectrum = self.reading
        counted = len(reading.local) - reading.settling
        listed = ", ".join(format_number(float(e), ".4f") for e in reading.exponents)
        return [
            ("Layer", self._layer_name(reading.block, reading.layer)),
            ("Weights", self.looked.weights),
            ("Text", f"{len(reading.tokens)} steps, {counted} counted"),
            ("Exponents", listed),
            ("Slope", "fitted to distances of 5 and more, loss at the last step"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        if self.looked is None:
            return {}
        reading: Spectrum = self.reading
        found: dict[str, NDArray[Any]] = {
            "exponents": reading.exponents, "local": reading.local, "curve": reading.curve,
            "slope": np.array(reading.slope), "growth": np.array(reading.growth),
        }  # fmt: skip
        for each in reading.matrices:
            found |= {f"{each.name}.real": each.real, f"{each.name}.imag": each.imag}
            found |= {f"{each.name}.rho": np.array(each.radius)}
            found |= {f"{each.name}.sigma_max": np.array(each.sigma)}
        return found

    @override
    def forget(self) -> None:
        super().forget()
        self.plane.forget()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        wide = self.is_wide(660)
        self.strip.setVisible(wide and self.height() >= 300)
        self.side.set_wide(wide)


class _Numbers(QWidget):
    """The numbers beside the plane, the one that decides first."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Label("", "display", "textHi", parent=self)
        self.verdict = Label("", "small", "textMid", wrap=True, parent=self)
        self.values = {key: Label("", "mono", "textHi", parent=self) for key, _, _ in _ROWS}
        self.names = {key: Label(name, "small", "textMid") for key, name, _ in _ROWS}
        self.rest = Label("", "monoSmall", "textLow", wrap=True, parent=self)
        self._halves = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._halves.setContentsMargins(8, 14, 16, 8)
        self._halves.setSpacing(14)
        self._halves.addLayout(self._main(), 1)
        self._halves.addLayout(self._others(), 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def _main(self) -> QVBoxLayout:
        rows = QVBoxLayout()
        rows.setSpacing(4)
        rows.addWidget(Label("λ₁, finite-time Lyapunov exponent", "small", "textMid"))
        rows.addWidget(self.first)
        rows.addWidget(self.verdict)
        rows.addStretch(1)
        return rows

    def _others(self) -> QVBoxLayout:
        rows = QVBoxLayout()
        rows.setSpacing(4)
        rows.addLayout(self._grid())
        rows.addSpacing(4)
        rows.addWidget(Label("the next exponents", "small", "textMid"))
        rows.addWidget(self.rest)
        rows.addStretch(1)
        return rows

    def set_wide(self, wide: bool) -> None:
        """Put both halves side by side, or one below the other."""
        direction = QBoxLayout.Direction
        self._halves.setDirection(direction.LeftToRight if wide else direction.TopToBottom)
        narrow = round(228 * max(1.0, theme().scale))
        self.setFixedWidth(2 * narrow if wide else narrow)

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        for row, (key, _, unit) in enumerate(_ROWS):
            self.values[key].setToolTip(unit)
            self.names[key].setToolTip(unit)
            grid.addWidget(self.names[key], row, 0)
            grid.addWidget(self.values[key], row, 1, Qt.AlignmentFlag.AlignRight)
        return grid

    def show_numbers(self, reading: Spectrum, matrix: Eigenvalues) -> None:
        """Write the numbers of a reading, and those of one matrix."""
        first = float(reading.exponents[0])
        self.first.setText(format_number(first, ".4f"))
        self.first.set_tone("error" if first > 0 else "textHi")
        self.verdict.setText(verdict(first))
        name = matrix.name.replace("_", " ") if matrix.name != JACOBIAN else f"J at {reading.at}"
        self.names["radius"].setText(f"ρ, {name}")
        self.names["sigma"].setText(f"σ max, {name}")
        self.names["growth"].setText(f"σ max of {reading.window} steps")
        told = {
            "slope": format_number(reading.slope, ".4f") if reading.curve.size else "none",
            "predicted": format_number(first / math.log(10), ".4f"),
            "growth": format_number(10.0**reading.growth),
            "radius": format_number(matrix.radius, ".3f"),
            "sigma": format_number(matrix.sigma, ".3f"),
        }
        for key, text in told.items():
            self.values[key].setText("too short" if text == "nan" else text)
        self.rest.setText("  ".join(format_number(float(e), ".3f") for e in reading.exponents[1:]))

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))


def verdict(first: float) -> str:
    """Return what the first exponent means in words."""
    if not math.isfinite(first):
        return "Nothing gets through: every unit rests."
    steps = math.inf if first == 0 else math.log(10) / abs(first)
    if steps > 1000:
        return "Changes keep their size over hundreds of steps."
    many = format_number(steps, ".1f" if steps < 10 else "int")
    if first > 0:
        return f"Explodes: changes and gradients grow tenfold every {many} steps."
    return f"Fades: changes and gradients shrink to a tenth every {many} steps."


def _strip() -> Chart:
    strip = Chart(x_symbol="t")
    strip.set_titles("time step t in the text", "growth of the fastest change, log|R₁₁| a step")
    strip.set_growing(x=False, y=False)
    strip.names_inside = True
    return strip


def _body(plane: Plane, side: QWidget, strip: QWidget) -> QWidget:
    """The plane at left; at right the numbers, and what happens step by step below them."""
    body = QWidget()
    columns, right = QHBoxLayout(body), QVBoxLayout()
    for layout in (columns, right):
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
    right.addWidget(side)
    right.addWidget(strip, 1)
    columns.addWidget(plane, 1)
    columns.addLayout(right)
    return body
