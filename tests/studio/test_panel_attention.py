"""The attention panel: its numbers against closed forms, and the real widgets under a pointer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.records.readings import AttentionReading, LayerAttention, freeze
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.panels.attending import (
    choosing_rows,
    entropies,
    head_numbers,
    row_error,
    strongest,
)
from seqstudio.studio.panels.attention import AttentionPanel
from seqstudio.studio.panels.head_grid import HeadGrid, largest_of_blocks, layer_names
from seqstudio.studio.session import Session
from seqstudio.studio.theme import themes

LEFT = Qt.MouseButton.LeftButton
TEXT = "the cat sat on the mat and the dog sat on the log\n" * 60
TOKENS = tuple("the cat sat")
STEPS = len(TOKENS)


def causal(steps=STEPS):
    return np.triu(np.ones((steps, steps), bool), 1)


def uniform(steps=STEPS):
    """Every query looks at all that it may see alike."""
    allowed = ~causal(steps)
    return (allowed / allowed.sum(axis=1, keepdims=True)).astype(np.float32)


def one_hot(back, steps=STEPS):
    """Every query looks `back` steps back, as far as there is something."""
    keys = np.maximum(np.arange(steps) - back, 0)
    return np.eye(steps, dtype=np.float32)[keys]


def reading(step=10, heads=3, layers=2, tokens=TOKENS, block="transformer"):
    """Head h looks h steps back; the last head of every layer looks everywhere alike."""
    steps = len(tokens)
    weights = np.stack([*(one_hot(h, steps) for h in range(heads - 1)), uniform(steps)])
    parts = tuple(
        LayerAttention(block, layer, freeze(weights), freeze(causal(steps)))
        for layer in range(layers)
    )
    return AttentionReading(step, tuple(tokens), parts, 0.001)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def make_session(qtbot, corpus):
    made = []

    def build(template="char-gpt"):
        session = Session(Document(make(template, str(corpus))), threads=True)
        made.append(session)
        qtbot.waitUntil(lambda: session.dataset is not None)
        return session

    themes().set_mode("dark")
    yield build
    for session in made:
        session.begin_close()
        assert session.end_close()


@pytest.fixture
def session(make_session):
    return make_session()


@pytest.fixture
def panel(qtbot, session):
    panel = AttentionPanel(session)
    panel.resize(900, 520)
    qtbot.addWidget(panel)
    return panel


def arrive(session, *events):
    session.events.emit(session.history.extend(events))


def shown(panel):
    panel.show()
    panel.refresh()
    return panel


# Numbers


def test_equal_weights_have_the_greatest_entropy_and_half_the_distance():
    numbers = head_numbers(uniform(), causal())
    rows = np.arange(1, STEPS)
    assert numbers.entropy == pytest.approx(np.log2(rows + 1).mean(), rel=1e-6)
    assert numbers.most == pytest.approx(numbers.entropy, rel=1e-6)
    assert numbers.distance == pytest.approx((rows / 2).mean(), rel=1e-6)
    assert numbers.first == pytest.approx((1 / (rows + 1)).mean(), rel=1e-6)
    assert numbers.previous == pytest.approx((1 / (rows + 1)).mean(), rel=1e-6)


def test_a_head_that_looks_at_one_key_has_no_entropy():
    previous = head_numbers(one_hot(1), causal())
    assert previous.entropy == 0.0
    assert (previous.distance, previous.previous) == (1.0, 1.0)
    assert previous.first == pytest.approx(1 / (STEPS - 1))
    sink = head_numbers(one_hot(STEPS), causal())
    assert (sink.entropy, sink.first) == (0.0, 1.0)
    assert sink.distance == pytest.approx(np.arange(1, STEPS).mean())


def test_a_head_without_a_mask_counts_every_row():
    everywhere = np.full((4, 4), 0.25, np.float32)
    free = np.zeros((4, 4), bool)
    numbers = head_numbers(everywhere, free)
    assert numbers.entropy == pytest.approx(2.0)
    assert numbers.most == pytest.approx(2.0)
    assert numbers.distance == pytest.approx(0.0)
    assert numbers.previous == pytest.approx(3 * 0.25 / 4)
    assert list(choosing_rows(free)) == [0, 1, 2, 3]


def test_the_entropies_of_all_heads_are_those_of_each():
    layer = reading().layers[0]
    one_by_one = [head_numbers(head, layer.masked).entropy for head in layer.weights]
    assert entropies(layer.weights, layer.masked) == pytest.approx(one_by_one, abs=1e-5)


def test_a_single_token_has_no_numbers():
    numbers = head_numbers(np.ones((1, 1)), np.zeros((1, 1), bool))
    assert np.isnan([numbers.entropy, numbers.most, numbers.distance]).all()
    assert np.isnan(entropies(np.ones((2, 1, 1), np.float32), np.zeros((1, 1), bool))).all()


def test_rows_that_do_not_sum_to_one_are_found():
    weights = uniform()[np.newaxis].copy()
    assert row_error(weights) < 1e-6
    weights[0, 4, 0] += 0.125
    assert row_error(weights) == pytest.approx(0.125, rel=1e-4)


def test_the_strongest_keys_leave_out_masked_ones():
    row = np.array([0.1, 0.5, 0.4, 0.0])
    masked = np.array([False, False, False, True])
    assert strongest(row, masked, 2) == [1, 2]
    assert strongest(row, masked, 9) == [1, 2, 0]


@pytest.mark.parametrize("tokens", [64, 65, 130, 200])
def test_a_thumbnail_keeps_the_largest_weight_of_every_block(tokens):
    rng = np.random.default_rng(tokens)
    weights = rng.random((2, tokens, tokens)).astype(np.float32)
    weights[:, causal(tokens)] = 0.0
    small, masked = largest_of_blocks(weights, causal(tokens), 64)
    side = -(-tokens // 64)
    assert small.shape[1] == -(-tokens // side)
    assert small.shape[1] <= 64
    assert small.max() == weights.max()
    last = weights[:, (small.shape[1] - 1) * side :, :side]
    assert np.array_equal(small[:, -1, 0], last.max(axis=(1, 2)))
    assert masked[0, -1]
    assert not masked.diagonal().any()


def test_layers_are_named_by_block_only_where_there_are_several():
    assert layer_names(reading().layers) == ("layer 1", "layer 2")
    both = (*reading(layers=1).layers, *reading(layers=1, block="self_attention").layers)
    assert layer_names(both) == ("transformer, 1", "self_attention, 1")


# The panel


def test_the_newest_reading_at_the_step_in_view_is_shown(session, panel):
    shown(panel)
    arrive(session, reading(10), reading(50, tokens=tuple("on the mat")))
    session.history.step = 50
    panel.refresh()
    assert "".join(panel._reading.tokens) == "on the mat"
    assert "step 50" in panel.header.subtitle()
    session.move_cursor(step=20)
    panel.refresh()
    assert "".join(panel._reading.tokens) == "the cat sat"
    assert "layer 1, head 1, step 10" in panel.header.subtitle()


def test_masked_cells_are_masked_and_the_scale_is_fixed(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    panel.refresh()
    heat = panel._matrix.heat
    assert np.array_equal(heat._masked, causal())
    assert heat._levels == (0.0, 1.0)
    assert heat.value(3, 3) == 1.0
    panel._log.click()
    assert heat._levels == (-4.0, 0.0)
    assert heat.value(3, 3) == pytest.approx(0.0)


def test_a_click_in_the_grid_chooses_layer_and_head(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    panel.refresh()
    place = panel._grid.thumb_rect(1, 2).center().toPoint()
    QTest.mouseClick(panel._grid, LEFT, pos=place)
    cursor = session.cursor
    assert (cursor.block, cursor.layer, cursor.head) == ("transformer", 1, 2)
    panel.refresh()
    assert panel.head_numbers().entropy == pytest.approx(panel.head_numbers().most, rel=1e-6)
    assert "layer 2, head 3" in panel.header.subtitle()
    QTest.keyClick(panel._grid, Qt.Key.Key_Left)
    assert session.cursor.head == 1
    QTest.keyClick(panel._grid, Qt.Key.Key_Up)
    assert (session.cursor.layer, session.cursor.head) == (0, 1)


def test_the_cursor_of_another_block_leaves_the_head_alone(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    session.move_cursor(block="transformer", layer=1, head=2)
    panel.refresh()
    session.move_cursor(block="lstm", layer=0, head=0)
    panel.refresh()
    assert (panel.layer.layer, panel.head) == (1, 2)


def test_hovering_a_cell_tells_weight_and_both_tokens(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    session.move_cursor(head=2)
    panel.refresh()
    heat = panel._matrix.heat
    rect, cell = heat.frame().rect, heat.frame().cell
    QTest.mouseMove(
        heat, QPoint(int(rect.left() + 4.5 * cell[0]), int(rect.top() + 6.5 * cell[1]))
    )
    assert panel._told.text() == "“t” at 7 gives 0.143 to “c” at 5"
    QTest.mouseMove(
        heat, QPoint(int(rect.left() + 9.5 * cell[0]), int(rect.top() + 1.5 * cell[1]))
    )
    assert "cannot look ahead" in panel._told.text()


def test_a_click_on_a_cell_moves_the_sequence_clock_to_the_query(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    panel.refresh()
    heat = panel._matrix.heat
    centre = heat.frame().row_rect(7).center()
    QTest.mouseClick(heat, LEFT, pos=QPointF(heat.frame().rect.left() + 5, centre.y()).toPoint())
    assert session.cursor.t == 7


def test_lines_are_offered_for_short_texts_only(session, panel):
    shown(panel)
    arrive(session, reading(10), reading(20, tokens=tuple("abcd" * 11)))
    session.history.step = 10
    panel.refresh()
    panel._view._buttons["lines"].click()
    assert panel._stack.currentWidget() is panel._lines
    row = panel._lines.token_rect(5, key=False).center().toPoint()
    QTest.mouseMove(panel._lines, row)
    assert panel._lines.query == 5
    assert panel._told.text().startswith("“a” at 6:")
    QTest.mouseClick(panel._lines, LEFT, pos=row)
    assert session.cursor.t == 5
    session.history.step = 20
    panel.refresh()
    assert panel._view.value() == "matrix"
    assert not panel._view._buttons["lines"].isEnabled()
    assert "44" in panel._view._buttons["lines"].toolTip()


def test_the_grid_says_when_it_shows_the_largest_of_a_block(session, panel):
    shown(panel)
    arrive(session, reading(10, tokens=tuple("ab" * 64)))
    session.history.step = 10
    panel.refresh()
    assert panel._grid.reduction() == 2
    assert "largest of 2 × 2" in panel._heads._note.text()


def test_enter_sends_the_typed_text_and_unknown_characters_are_named(session, panel):
    shown(panel)
    field = panel._probe.field
    QTest.keyClicks(field, "the cQt #")
    assert panel._probe.unknown() == ("#", "Q")
    assert "#, Q" in panel._probe.note()
    assert session.project.sampling.probe_text == ""
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert session.project.sampling.probe_text == "the cQt #"
    assert panel._probe.known("the cQt #") == "the ct "


def test_a_pause_sends_the_typed_text(qtbot, session, panel):
    shown(panel)
    panel._probe._pause.setInterval(1)
    QTest.keyClicks(panel._probe.field, "on the log")
    qtbot.waitUntil(lambda: session.project.sampling.probe_text == "on the log")


def test_undo_brings_the_earlier_text_back(session, panel):
    shown(panel)
    session.set_probe_text("the dog")
    panel.refresh()
    assert panel._probe.field.value() == "the dog"
    session.document.undo()
    panel.refresh()
    assert panel._probe.field.value() == ""


def test_it_says_while_the_reading_is_still_of_another_text(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    session.set_probe_text("on the mat")
    panel.refresh()
    assert panel._told.text().startswith("Still the earlier text")
    session.set_probe_text("the cat sat on the mat")
    panel.refresh()
    assert panel._told.text().startswith("First 11 characters")


def test_before_the_first_reading_the_axes_of_the_text_stand(session, panel):
    session.set_probe_text("the mat€")
    shown(panel)
    assert panel.is_empty
    heat = panel._matrix.heat
    assert heat._row_labels == tuple("the mat")
    assert np.isnan(heat._values).all()
    assert np.array_equal(heat._masked, causal(7))
    arrive(session, reading())
    session.history.step = 10
    panel.refresh()
    assert not panel.is_empty


def test_a_model_without_attention_offers_one_that_has_it(qtbot, make_session):
    panel = AttentionPanel(make_session("char-lstm"))
    qtbot.addWidget(panel)
    shown(panel)
    assert panel.is_empty
    button = next(b for b in panel.findChildren(QPushButton) if b.text() == "Open Small GPT")
    with qtbot.waitSignal(panel.template_wanted) as caught:
        QTest.mouseClick(button, LEFT)
    assert caught.args == ["char-gpt"]


def test_another_run_forgets_the_reading(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    panel.refresh()
    session.history = RunHistory("gpt-2")
    session.run_changed.emit()
    assert panel.is_empty
    assert panel.head_numbers() is None
    assert panel.measured() == []


def test_the_explanation_states_the_row_sums_and_the_step(session, panel):
    shown(panel)
    arrive(session, reading())
    session.history.step = 10
    panel.refresh()
    facts = dict(panel.measured())
    assert facts["Training step"] == "10"
    assert facts["Row sums"].startswith("checked")
    assert "not explanations" in panel.explanation.words


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("size", [(900, 520), (440, 700)])
def test_pictures_show_the_matrix_in_both_themes(session, panel, mode, size):
    themes().set_mode(mode)
    arrive(session, reading())
    session.history.step = 10
    picture = panel.to_image(*size)
    assert (picture.width(), picture.height()) == size
    bright = {picture.pixelColor(x, y).name() for x in range(0, 440, 2) for y in range(80, 400, 3)}
    assert "#fde725" in bright  # the weights of 1 have the last colour of the map
    assert "#440154" in bright


def test_a_real_model_is_looked_at(session, panel):
    from seqstudio.engine.model import GraphModel
    from seqstudio.engine.probe_text import ProbeText

    graph = session.project.graph
    for block in graph:
        if block.kind == "transformer":
            graph = graph.with_block(block.with_param("layers", 2).with_param("heads", 2))
    model = GraphModel(graph, replace(session.facts, window=32))
    events = list(ProbeText(model, session.dataset, "the cat€").readings(1))
    shown(panel)
    arrive(session, *events)
    session.history.step = 1
    panel.refresh()
    assert "".join(panel._reading.tokens) == "the cat"
    assert row_error(panel.layer.weights) < 1e-5
    numbers = panel.head_numbers()
    assert 0 < numbers.entropy <= numbers.most
    assert isinstance(panel._grid, HeadGrid)
    assert len(panel._grid._entropies) == 2
