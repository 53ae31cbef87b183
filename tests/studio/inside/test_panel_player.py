"""The BPTT player: its formulas hold, its code runs, and a person steps through a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.project import project_text
from seqstudio.engine.inside.looker import Looker
from seqstudio.records.inside.player import MATRICES, Played, PlayOf, sum_from
from seqstudio.records.looking import LookAt, Looked
from seqstudio.studio.inside import looks
from seqstudio.studio.inside.playing.listing import formulas, listing
from seqstudio.studio.inside.playing.panel import BpttPanel
from seqstudio.studio.inside.playing.playhead import Playhead
from seqstudio.studio.inside.playing.scene import Line, scene
from seqstudio.studio.inside.playing.sums import MOST_CELLS, Sums, reduced
from seqstudio.studio.session import Session
from seqstudio.studio.theme import equation_svg
from tests.small_runs import small_project

KINDS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
TEMPLATES = {"rnn_tanh": "char-rnn", "rnn_relu": "adding-irnn", "lstm": "char-lstm",
             "gru": "char-gru"}  # fmt: skip


@pytest.fixture(scope="module")
def readings(small_text) -> dict[str, Played]:
    """One reading of every kind of cell, of small untrained models."""
    found = {}
    for kind, template in TEMPLATES.items():
        project = small_project(template, small_text, 10)
        looker = Looker()
        looker.wish(LookAt(1, "here", PlayOf(), project_text(project), "", text="a cat sat"))
        told = None
        while looker.busy:
            told = looker.advance() or told
        found[kind] = told.reading
    return found


# ---------------------------------------------------------------------------- the playhead


def test_play_goes_forward_then_back_over_the_same_steps() -> None:
    head = Playhead(3)
    way = [head := head.on() if place else head for place in range(6)]
    assert [(each.phase[0], each.t) for each in way] == [
        ("f", 0), ("f", 1), ("f", 2), ("b", 2), ("b", 1), ("b", 0)
    ]  # fmt: skip
    assert way[-1].at_end
    assert way[-1].on() == way[-1]
    assert way[0].on(-1) == way[0]


def test_one_step_forward_and_one_step_back_know_their_sweep() -> None:
    here = Playhead(4, "forward", 1)
    assert here.forward_step() == Playhead(4, "forward", 2)
    assert here.backward_step() == Playhead(4, "backward", 3)
    assert here.backward_step().backward_step() == Playhead(4, "backward", 2)
    assert Playhead(4, "backward", 2).forward_step() == Playhead(4, "forward", 0)
    assert Playhead(4, "backward", 3).fitted(2) == Playhead(2, "backward", 1)


# ------------------------------------------------------------------- formulas and the code


def value(line: Line) -> np.ndarray:
    """Compute a line from its terms, products before sums; the result is left out."""
    total, product = 0.0, None
    for term in line.terms:
        if term.sign in {"=", "σ", "tanh"}:
            break
        if term.sign == "⊙":
            product = product * term.values
            continue
        total = total + (product if product is not None else 0.0)
        product = term.values
    return total + product


SQUASH = {"σ": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh, "ReLU": lambda z: np.maximum(z, 0)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_the_formula_holds(readings, kind: str) -> None:
    played = readings[kind]
    sums = {matrix: Sums(played, matrix) for matrix in MATRICES}
    checked = 0
    for position in range(2 * played.steps):
        head = Playhead(played.steps).at(position)
        for line in scene(played, head, sums["w_hh"]):
            signs = [term.sign for term in line.terms]
            if any(term.picture and term.picture.patch != (1, 1) for term in line.terms):
                continue  # reduced: the largest of sums is no sum of the largest
            if line.terms and line.terms[0].sign in SQUASH:
                first, last = line.terms
                np.testing.assert_allclose(SQUASH[first.sign](first.values), last.values,
                                           rtol=1e-9, atol=1e-12)  # fmt: skip
                checked += 1
            elif "=" in signs:
                result = line.terms[signs.index("=")].values
                np.testing.assert_allclose(value(line), result, rtol=1e-9, atol=1e-12)
                checked += 1
            if signs and signs[-1] in {"σ", "tanh"}:
                z, gate = line.terms[-2:]
                np.testing.assert_allclose(SQUASH[gate.sign](z.values), gate.values, rtol=1e-9)
                checked += 1
    lines = {"rnn_tanh": 5, "rnn_relu": 4, "lstm": 16, "gru": 11}[kind]
    assert checked == lines * played.steps


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_beside_gives_the_numbers_that_are_shown(readings, kind: str) -> None:
    played = readings[kind]
    names = {"w_ih": "W_ih", "w_hh": "W_hh", "b_ih": "b_ih", "b_hh": "b_hh", "x": "x",
             "direct": "e", "h0": "h0", "c0": "c0"}  # fmt: skip
    given = {
        name: torch.from_numpy(getattr(played, field).astype(float))
        for field, name in names.items()
        if getattr(played, field) is not None
    }
    sums = {
        "dW_hh": torch.zeros(played.w_hh.shape, dtype=torch.float64),
        "dW_ih": torch.zeros(played.w_ih.shape, dtype=torch.float64),
        "db": torch.zeros(len(played.b_ih), dtype=torch.float64),
    }
    room = {**given, **sums, "torch": torch, "T": played.steps, "N": played.units}
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        exec(listing(kind).text, room)  # our own text, which is what is tested
    finally:
        torch.set_default_dtype(default)
    for name, matrix in (("dW_hh", "w_hh"), ("dW_ih", "w_ih"), ("db", "b")):
        want = sum_from(played, matrix, 0).reshape(sums[name].shape)
        np.testing.assert_allclose(room[name], want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_has_code_and_every_formula_can_be_typeset(readings, kind: str) -> None:
    played, found = readings[kind], listing(kind)
    for head in (Playhead(played.steps, "forward", 1), Playhead(played.steps, "backward", 1)):
        first, last = found.sweeps[head.phase]
        for line in scene(played, head, Sums(played, "w_hh")):
            lines = [n for key in line.key.split() for n in found.lines.get(key, ())]
            assert lines, line.key
            if line.key != "read":
                assert all(first <= n <= last for n in lines)
        for latex in formulas(kind, head.phase):
            assert b"<svg" in equation_svg(latex, 15.0, "#000000")


def test_running_sums_and_reduction_keep_the_largest(readings) -> None:
    played = readings["lstm"]
    sums = Sums(played, "w_hh")
    for t in (0, 3, played.steps - 1):
        total = sum_from(played, "w_hh", t)
        assert sums.since(t).norm == pytest.approx(np.linalg.norm(total), rel=1e-9)
        assert np.abs(sums.since(t).values).max() == pytest.approx(np.abs(total).max())
    assert sums.reached(0) == pytest.approx(1.0)
    values = np.random.default_rng(0).normal(size=(130, 65))
    small = reduced(values)
    assert max(small.values.shape) <= MOST_CELLS
    assert small.patch == (3, 2)
    patch = values[3:6, 2:4]
    assert small.values[1, 1] == patch.flat[np.abs(patch).argmax()]


# ------------------------------------------------------------------------------- the panel


@pytest.fixture
def session(qtbot, small_text):
    made = Session(Document(small_project("char-lstm", small_text, 100_000)), threads=True)
    yield made
    made.begin_close()
    qtbot.waitUntil(lambda: made.closed, timeout=20_000)
    made.end_close()


@pytest.fixture
def panel(qtbot, session) -> BpttPanel:
    made = BpttPanel(session)
    qtbot.addWidget(made)
    made.resize(1200, 800)
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: made.looked is not None, timeout=30_000)
    return made


def press(widget, place: QPointF) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=QPoint(*map(int, place.toTuple())))


def test_keys_mouse_and_shared_cursor_move_the_play(qtbot, session, panel) -> None:
    steps = panel.reading.steps
    panel.film.setFocus()
    for _ in range(3):
        QTest.keyClick(panel.film, Qt.Key.Key_Right)
    assert panel.head == Playhead(steps, "forward", 3)
    assert session.cursor.t == 3
    session.move_cursor(t=7)
    assert panel.head.t == 7
    QTest.keyClick(panel.film, Qt.Key.Key_End)
    assert panel.head == Playhead(steps, "backward", 0)
    assert panel.stage.lines[-1].share == pytest.approx(1.0)
    QTest.keyClick(panel.film, Qt.Key.Key_Home)
    QTest.keyClick(panel.film, Qt.Key.Key_Left)
    assert panel.head == Playhead(steps)
    press(panel.film, panel.film.column_rect(5).center())
    assert panel.head.t == session.cursor.t == 5
    QTest.keyClick(panel.film, Qt.Key.Key_Space)
    assert panel.controls.playing
    qtbot.waitUntil(lambda: panel.head.t > 5, timeout=10_000)
    QTest.keyClick(panel.film, Qt.Key.Key_Space)
    assert not panel.controls.playing


def test_a_number_says_what_it_is_and_a_click_takes_its_unit(session, panel) -> None:
    panel.controls.go(Playhead(panel.reading.steps, "forward", 4))
    tile = panel.stage.tile("h", 2)
    place = tile.unit_rects(6)[0].center()
    words = tile.told(place)
    assert words.startswith("h_t\nunit 6: ")
    shown = float(words.splitlines()[1].rpartition(" ")[2].replace("\u2212", "-"))
    assert shown == pytest.approx(panel.reading.h[4, 6], rel=1e-3)
    press(panel.stage, place)
    assert session.cursor.unit == 6
    line = panel.stage.tile("c", 0).rect.center()
    move = QMouseEvent(
        QMouseEvent.Type.MouseMove, line, panel.stage.mapToGlobal(line), Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    panel.stage.mouseMoveEvent(move)
    marked = [s.cursor.block().text().strip() for s in panel.code.extraSelections()]
    assert marked == ["c = f * c + i * g"]


def test_training_does_not_disturb_the_play_until_refreshed(qtbot, session, panel) -> None:
    untrained, before = panel.reading.h, panel.looked
    session.play()
    qtbot.waitUntil(lambda: session.history.step > 0, timeout=30_000)
    qtbot.waitUntil(
        lambda: panel.looked is not None and panel.looked is not before, timeout=30_000
    )
    first, asked_at = panel.looked, session.history.step
    qtbot.waitUntil(lambda: session.history.step > asked_at + 20, timeout=30_000)
    panel.controls.step_on()
    session.run_changed.emit()  # such as a run that is drawn beside
    assert panel.looked is first
    qtbot.waitUntil(panel.controls.fresh.isVisible, timeout=10_000)
    panel.controls.fresh.click()
    qtbot.waitUntil(lambda: panel.looked.step > asked_at, timeout=30_000)
    assert panel.looked.weights == f"step {panel.looked.step:,}"
    assert panel.head == Playhead(panel.reading.steps, "forward", 1), "the play stays where it was"
    session.move_cursor(step=0)
    qtbot.waitUntil(lambda: panel.looked.step == 0, timeout=30_000)
    np.testing.assert_array_equal(panel.reading.h, untrained)


def test_bad_texts_and_layers_are_answered_in_words(qtbot, session, panel) -> None:
    panel.probe.chosen.emit("t")
    qtbot.waitUntil(lambda: panel.refused is not None, timeout=30_000)
    assert panel.is_empty
    assert "too short" in panel.refused.what
    assert panel.probe.isVisible(), "the text can be mended"
    panel.probe.chosen.emit("the c\u4e2dat " + "sat " * 2500)
    qtbot.waitUntil(lambda: panel.refused is None, timeout=30_000)
    assert not panel.is_empty
    subtitle = panel.header.subtitle
    qtbot.waitUntil(lambda: "left off" in subtitle(), timeout=5_000)
    assert "\u4e2d" in subtitle()
    panel._matrix.set_value("w_ih")
    panel._matrix.committed.emit("w_ih")
    panel.controls.to_end()
    whole = panel.stage.lines[-1].terms[-1]
    want = np.linalg.norm(sum_from(panel.reading, "w_ih", 0))
    assert whole.norm == pytest.approx(want)
    numbers = panel.numbers()
    assert numbers["share_w_hh"].sum() == pytest.approx(1.0)
    assert panel.measured()[3][0] == "Sum of the parts against autograd"


def test_a_model_without_memory_offers_one(qtbot, small_text) -> None:
    session = Session(Document(small_project("char-attention", small_text, 10)), threads=True)
    panel = BpttPanel(session)
    qtbot.addWidget(panel)
    panel.resize(700, 420)
    panel.show()
    qtbot.waitUntil(lambda: panel.refused is not None, timeout=30_000)
    panel.refresh()
    assert panel.refused.what == "This model has nothing to step through"
    assert panel.is_empty
    before = len(session.project.graph.blocks)
    panel.empty_action("Add an LSTM", lambda: None, icon="plus").click()
    assert len(session.project.graph.blocks) == before + 1
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
    assert panel.reading.kind == "lstm"
    session.begin_close()
    qtbot.waitUntil(lambda: session.closed, timeout=20_000)
    session.end_close()


def test_several_layers_and_both_directions_can_be_chosen(qtbot) -> None:
    project = make("tagger-bilstm")
    session = Session(Document(replace(project)), threads=True)
    panel = BpttPanel(session)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
    panel._layers.committed.emit(panel.reading.choices[1])
    qtbot.waitUntil(lambda: panel.reading.layer.back, timeout=30_000)
    last = panel.reading.steps - 1
    panel.controls.go(Playhead(panel.reading.steps, "forward", 1))
    assert session.cursor.t == last - 1, "the second step from the end"
    session.begin_close()
    qtbot.waitUntil(lambda: session.closed, timeout=20_000)
    session.end_close()


def test_actions_of_the_window_bring_the_player_and_step(qtbot, small_text) -> None:
    from seqstudio.studio.window import MainWindow

    project = small_project("char-rnn", small_text, 10)
    window = MainWindow(Session(Document(project), threads=True))
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    window.menus.act("time.forward").trigger()
    assert window.page == "inside"
    panel = window.inside.show_panel(BpttPanel)
    assert isinstance(panel, BpttPanel)
    assert panel.isVisible()
    qtbot.waitUntil(lambda: panel.looked is not None, timeout=30_000)
    window.menus.act("time.forward").trigger()
    window.menus.act("time.forward").trigger()
    assert panel.head == Playhead(panel.reading.steps, "forward", 2)
    window.menus.act("time.back").trigger()
    assert panel.head == Playhead(panel.reading.steps, "backward", panel.reading.steps - 1)
    window.begin_close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)


def test_answers_about_the_past_are_kept_up_to_a_size(session, readings, monkeypatch) -> None:
    monkeypatch.setattr(looks, "KEPT_BYTES", 2_500_000)
    desk = session.looks
    reading = replace(readings["lstm"], x=np.zeros((1000, 125)))  # a megabyte
    aims = [looks.Aim(PlayOf(), "run", step, "", 1) for step in range(4)]
    for request, aim in enumerate(aims, 1):
        desk._asked[request] = aim, False, 0.0
        desk.take(Looked(request, "view", reading, aim.step, "", 0.0))
    assert [desk.known(aim) is not None for aim in aims] == [False, False, True, True]
