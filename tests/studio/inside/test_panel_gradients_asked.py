"""Spectrum and T x T map in the window: asked of a real trainer, and with numbers known before."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from seqstudio.document.document import Document
from seqstudio.records.inside.gradients import TimeMap
from seqstudio.records.inside.spectrum import Eigenvalues, Spectrum
from seqstudio.records.looking import Looked
from seqstudio.studio.inside.gradients.plane import HALF, told
from seqstudio.studio.inside.gradients.spectrum import SpectrumPanel, verdict
from seqstudio.studio.inside.gradients.time_map import TimeMapPanel
from seqstudio.studio.inside.gradients.time_parts import shares_of
from seqstudio.studio.session import Session
from tests.small_runs import small_project

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def asking(qtbot, small_text):
    """Build a session on a template whose questions a trainer in a thread answers."""
    made: list[Session] = []

    def build(template: str) -> Session:
        made.append(Session(Document(small_project(template, small_text, 100_000)), threads=True))
        return made[-1]

    yield build
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda session=session: session.closed, timeout=20_000)
        session.end_close()


def showing(qtbot, panel, width=900, height=460):
    qtbot.addWidget(panel)
    panel.resize(width, height)
    panel.show()
    return panel


def answered(panel, reading):
    """Hand a panel an answer as if the trainer had given it."""
    panel.question = lambda: None
    panel.looked = Looked(1, "here", reading, 70, "step 70", 0.01)
    panel.refresh()


# ------------------------------------------------------------------------------- spectrum


def matrix(name: str, values: list[complex]) -> Eigenvalues:
    array = np.array(values)
    return Eigenvalues(name, array.real, array.imag, float(abs(array).max()), 1.5)


def spectrum(first: float, *names: str, layers=(("rnn", 0),), values=(0.5, 0.5j)) -> Spectrum:
    local = np.linspace(-0.5, 0.5, 20)
    exponents = np.array([first, first - 0.1])
    curve = np.linspace(0, -4, 20)
    matrices = tuple(matrix(name, list(values)) for name in names)
    return Spectrum("rnn", 0, "rnn", layers, tuple("x" * 20), 19, matrices, exponents, local, 5,
                    10, 0.5, curve, -0.2, 5.0)  # fmt: skip


def test_the_spectrum_of_a_real_model_and_of_its_jacobian(qtbot, asking) -> None:
    session = asking("char-lstm")
    panel = showing(qtbot, SpectrumPanel(session))
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=60_000)
    gates = [each.name for each in panel.reading.matrices]
    assert gates == ["W_hi", "W_hf", "W_hg", "W_ho"]
    assert len(panel.reading.matrices[0].real) == 24
    assert panel.side.first.text().startswith("−")
    session.move_cursor(t=7)
    panel._choice.set_value("J")
    panel._matrix_chosen("J")
    qtbot.waitUntil(lambda: len(panel.reading.matrices) == 5, timeout=60_000)
    assert panel.reading.at == 7
    assert len(panel.reading.matrices[4].real) == 48, "h and c together"
    assert panel.side.names["radius"].text() == "ρ, J at 7"
    session.move_cursor(t=3)
    qtbot.waitUntil(lambda: panel.reading.at == 3, timeout=60_000)
    assert {"exponents", "W_hf.rho", "J.real"} <= set(panel.numbers())


def test_a_transformer_is_offered_what_it_would_need(qtbot, asking) -> None:
    session = asking("char-gpt")
    panel = showing(qtbot, SpectrumPanel(session))
    qtbot.waitUntil(lambda: panel.refused is not None, timeout=60_000)
    qtbot.waitUntil(lambda: panel.is_empty, timeout=5_000)
    assert panel.refused.what == "This model has no recurrent matrix"
    panel._content._card._actions["Add an LSTM"].click()
    assert "lstm" in {block.kind for block in session.project.graph}
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=60_000)
    assert panel.reading.arch == "lstm"


def test_red_comes_from_the_first_exponent_only(qtbot, viewing) -> None:
    panel = showing(qtbot, SpectrumPanel(viewing("char-rnn")))
    answered(panel, spectrum(-0.2, "W_hh", values=(3.0, 2j)))
    assert panel.side.first.property("tone") == "textHi"
    assert panel.side.values["radius"].text() == "3.000"
    answered(panel, spectrum(0.05, "W_hh"))
    assert panel.side.first.property("tone") == "error"
    assert panel.plane.half > HALF, "the axes never shrink"
    assert panel.side.values["predicted"].text() == f"{0.05 / math.log(10):.4f}"


def test_words_of_the_exponent() -> None:
    assert verdict(math.log(10) / 20) == (
        "Explodes: changes and gradients grow tenfold every 20 steps."
    )
    assert verdict(-math.log(10) / 4) == (
        "Fades: changes and gradients shrink to a tenth every 4.0 steps."
    )
    assert verdict(0.0) == "Changes keep their size over hundreds of steps."
    assert verdict(-math.inf).startswith("Nothing gets through")
    assert told(0.6 + 0.8j) == "0.600 + 0.800 i, modulus 1.000, turns 53° a step"


def test_both_axes_of_the_plane_are_equally_long_and_dots_can_be_pointed_at(
    qtbot, viewing
) -> None:
    panel = showing(qtbot, SpectrumPanel(viewing("char-rnn")))
    answered(panel, spectrum(-0.2, "W_hh"))
    frame = panel.plane.frame()
    assert frame.rect.width() == frame.rect.height()
    place = frame.point(0.5, 0.0)
    assert panel.plane.nearest(place) == 0
    assert panel.plane.nearest(place + QPointF(40, 40)) is None


def test_layers_can_be_chosen(qtbot, viewing) -> None:
    panel = showing(qtbot, SpectrumPanel(viewing("char-rnn")))
    answered(panel, spectrum(-0.2, "W_hh"))
    assert not panel._layers.isVisible()
    answered(panel, spectrum(-0.2, "W_hh", layers=(("rnn", 0), ("rnn", 1))))
    assert panel._layers.isVisible()
    del panel.question
    panel._layer_chosen(("rnn", 1))
    assert (panel.question().block, panel.question().layer) == ("rnn", 1)
    assert panel.session.cursor.layer == 1


# ---------------------------------------------------------------------------- T x T map


def time_map(steps: int = 12) -> TimeMap:
    k, t = np.indices((steps, steps))
    values = np.where(t <= k, -0.25 * (k - t).astype(float), np.nan)
    total = np.nansum(10.0**values, axis=0) / 2
    return TimeMap("lstm", "lstm", tuple("hello world!"), values, values - 1, tuple(range(steps)),
                   total, 1e-7)  # fmt: skip


def test_pointing_at_a_row_shows_the_horizon_of_that_loss_and_a_click_keeps_it(
    qtbot, viewing
) -> None:
    session = viewing("char-lstm")
    panel = showing(qtbot, TimeMapPanel(session))
    reading = time_map()
    answered(panel, reading)
    curve = panel.row.curve("row")
    np.testing.assert_allclose(curve.series.y, 10.0 ** (-0.25 * np.arange(12)))
    panel.map.hovered.emit(6, 2)
    assert session.cursor.t == 2
    assert len(panel.row.curve("row").series) == 7
    assert panel.row._cursor == 4.0, "d = k − t"
    panel.map.hovered.emit(-1, -1)
    assert len(panel.row.curve("row").series) == 12, "the last loss again"
    panel.map.picked.emit(6, 3)
    panel.map.hovered.emit(-1, -1)
    assert len(panel.row.curve("row").series) == 7, "the clicked one stays"
    panel.row.hovered.emit(5.0)
    assert session.cursor.t == 1
    assert panel.map._cursor == (6, 1)


def test_bars_are_shares_of_norms_that_fill_every_column(qtbot, viewing) -> None:
    panel = showing(qtbot, TimeMapPanel(viewing("char-lstm")))
    reading = time_map()
    answered(panel, reading)
    shares = shares_of(reading.log10_h)
    np.testing.assert_allclose(shares.sum(0), 1.0)
    assert (shares[np.triu_indices(12, 1)[0], np.triu_indices(12, 1)[1]] == 0).all()
    QTest.mouseClick(panel._picture._buttons["shares"], LEFT)
    assert panel._stack.currentWidget() is panel.shares
    assert "share of norms" in panel.shares._y_title
    assert panel.shares.loss_at(11, 0.5) == 11, "only the last loss reaches the last state"
    assert panel.shares.loss_at(0, 0.01) == 0
    assert panel.shares.share_of(3, 0) == pytest.approx(shares[3, 0])
    assert panel._share_told(5.0).rows[0][1] == "share of loss 5", "the greatest, unasked"
    panel.shares.loss_hovered.emit(4)
    assert panel._share_told(2.0).rows[0][1] == "share of loss 4"
    assert len(panel.row.curve("row").series) == 5


def test_the_total_lies_below_the_sum_of_norms_and_the_sum_is_checked(qtbot, viewing) -> None:
    panel = showing(qtbot, TimeMapPanel(viewing("char-lstm")))
    reading = time_map()
    answered(panel, reading)
    total, sums = panel.total.curve("total"), panel.total.curve("sum of norms")
    np.testing.assert_allclose(total.series.y * 2, sums.series.y)
    assert dict(panel.measured())["Sum of rows"].endswith("1.0e-7")
    found = panel.numbers()
    np.testing.assert_array_equal(found["log10_c"], reading.log10_c)
    QTest.mouseClick(panel._state._buttons["c"], LEFT)
    np.testing.assert_array_equal(panel.values, reading.log10_c)


def test_a_small_panel_leaves_out_what_has_no_room(qtbot, viewing) -> None:
    panel = showing(qtbot, TimeMapPanel(viewing("char-lstm")), 420, 300)
    answered(panel, time_map())
    assert not panel.row.isVisible()
    assert not panel.total.isVisible()
    assert panel.map.isVisible()
