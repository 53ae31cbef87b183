"""The views of attention in real widgets, asked of a real trainer's thread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.insight.alignment import straightness
from seqstudio.studio.inside.attention.ablation import HeadsOffPanel
from seqstudio.studio.inside.attention.alignment import (
    AlignmentPanel,
    WeightsPanel,
    key_name,
)
from seqstudio.studio.inside.attention.bars import WeightBars
from seqstudio.studio.inside.attention.desk import desk_of
from seqstudio.studio.inside.attention.edit import WeightEditPanel
from seqstudio.studio.inside.attention.flow import FlowPanel, agreement
from seqstudio.studio.inside.attention.products import ProductsPanel
from seqstudio.studio.inside.attention.query import OneQueryPanel
from seqstudio.studio.session import Session
from tests.small_runs import small_project

LEFT = Qt.MouseButton.LeftButton
PANELS = [AlignmentPanel, OneQueryPanel, ProductsPanel, FlowPanel, HeadsOffPanel, WeightEditPanel]
TEXT = "the cat sat on the mat"


@pytest.fixture
def session_of(qtbot, small_text):
    made = []

    def build(template: str, text: str = "") -> Session:
        if template.startswith("char"):
            project = small_project(template, small_text, 1000)
        else:
            project = make(template)
        sampling = project.sampling.with_value("probe_text", text)
        session = Session(Document(replace(project, sampling=sampling)), threads=True)
        made.append(session)
        return session

    yield build
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda session=session: session.closed, timeout=20_000)
        session.end_close()


def shown(qtbot, panel, until=lambda reading: True, size=(620, 760)):
    """Show a panel and wait for an answer that fits."""
    qtbot.addWidget(panel)
    panel.resize(*size)
    panel.show()
    qtbot.waitUntil(lambda: panel.looked is not None and until(panel.reading), timeout=30_000)
    panel.refresh()
    return panel


def test_an_alignment_has_written_words_down_and_source_words_across(qtbot, session_of) -> None:
    session = session_of("reverse-attention")
    panel = shown(qtbot, AlignmentPanel(session))
    read = panel.reading.read
    assert panel._matrix._row_labels == read.targets
    assert panel._matrix._column_labels == read.source
    np.testing.assert_allclose(panel.weights().sum(1), 1, atol=1e-6)
    panel._cell_picked(2, 1)
    assert session.cursor.t == 2
    assert panel._lines._cursor == 2
    assert panel._told.text().startswith(f"“{read.targets[2]}” at 3 takes ")
    QTest.mouseClick(panel.bar.next, LEFT)
    qtbot.waitUntil(lambda: panel.reading.read.source != read.source, timeout=30_000)
    panel._views._buttons["lines"].click()
    assert panel._stack.currentWidget() is panel._lines
    panel.bar.writer._buttons["model"].click()
    qtbot.waitUntil(lambda: panel.reading.read.written, timeout=30_000)
    assert panel.bar.note.text().startswith(("Wanted: ", "Written exactly right"))


def test_a_picture_is_looked_at_word_by_word(qtbot, session_of) -> None:
    session = session_of("caption-attention")
    panel = shown(qtbot, AlignmentPanel(session))
    assert panel._stack.currentWidget() is panel._picture
    picture = panel._picture
    third = picture.thumb_rect(3).center().toPoint()
    QTest.mouseClick(picture, LEFT, pos=third)
    assert session.cursor.t == 3
    places = panel.weights()[3]
    strongest = int(places.argmax())
    assert f"from place {strongest + 1}" in panel._told.text()
    lit = QPointF(picture.large_rect().left() + 1, picture.large_rect().top() + 1)
    assert picture._place_at(lit) == (3, 0)


def test_a_class_token_is_no_place_of_the_picture(qtbot, session_of) -> None:
    panel = shown(qtbot, WeightsPanel(session_of("shapes-vit")))
    first = panel.reading.sites[0]
    assert key_name(first, 0) == "the class token"
    assert key_name(first, 16) == "place 16"
    panel._place_hovered(0, 4)
    assert panel._told.text() == (
        f"“class” at 1 takes {float(first.weights[0, 0, 5]):.3f} of place 5"
    )


def test_a_model_that_attends_to_itself_alone_has_no_alignment(qtbot, session_of) -> None:
    panel = shown(qtbot, AlignmentPanel(session_of("char-gpt", TEXT)))
    assert panel.is_empty
    button = next(b for b in panel.findChildren(QPushButton) if "additive" in b.text())
    with qtbot.waitSignal(panel.template_wanted) as caught:
        QTest.mouseClick(button, LEFT)
    assert caught.args == ["reverse-attention"]


@pytest.mark.parametrize("kind", PANELS)
def test_without_attention_every_view_offers_a_model_that_has_it(qtbot, session_of, kind) -> None:
    session = session_of("char-lstm")
    panel = kind(session)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: session.facts is not None)
    panel.refresh()
    assert panel.is_empty
    button = next(b for b in panel.findChildren(QPushButton) if b.text() == "Open Small GPT")
    with qtbot.waitSignal(panel.template_wanted) as caught:
        QTest.mouseClick(button, LEFT)
    assert caught.args == ["char-gpt"]


def test_one_query_follows_the_cursor_and_moves_the_head_of_all(qtbot, session_of) -> None:
    session = session_of("char-gpt", TEXT)
    panel = shown(qtbot, OneQueryPanel(session))
    session.move_cursor(t=9)
    panel.refresh()
    want = panel.reading.sites[0].weights[0, 9].astype(float)
    np.testing.assert_allclose(panel._bars._rows[0], want)
    assert panel.numbers()["weights"].shape == (2, len(panel.reading.read.tokens))
    panel._head_picked(1, 0)
    assert (desk_of(session).head, session.cursor.head) == (1, 1)
    panel.refresh()
    np.testing.assert_allclose(panel._bars._rows[0], panel.reading.sites[0].weights[1, 9])
    masked = panel._layers._masked
    assert masked[:, 10:].all()
    assert not masked[:, :10].any()


def test_a_long_text_asks_for_one_row_at_a_time(qtbot, session_of) -> None:
    session = session_of("char-gpt", TEXT * 30)
    panel = OneQueryPanel(session)
    panel.desk.set_steps(512)
    from seqstudio.engine.inside.attention import maps

    before, maps.MOST_NUMBERS = maps.MOST_NUMBERS, 1000
    try:
        shown(qtbot, panel, lambda reading: reading.query == 0)
        session.move_cursor(t=400)
        full = panel.reading.sites[0].full[400]
        np.testing.assert_array_equal(panel._bars._rows[0], full)  # at once, before it is asked
        assert "on its way" in panel.words(panel.reading)
        qtbot.waitUntil(lambda: panel.reading.query == 400, timeout=30_000)
    finally:
        maps.MOST_NUMBERS = before
    assert panel.reading.sites[0].pool == 8
    row = panel.rows(panel.reading.sites[0])
    assert row.shape == (2, 512)
    np.testing.assert_allclose(row.sum(1), 1, atol=1e-5)


def test_the_map_of_a_long_text_is_whole_for_the_head_in_view(qtbot, session_of) -> None:
    from seqstudio.engine.inside.attention import maps

    panel = WeightsPanel(session_of("char-gpt", TEXT * 30))
    panel.desk.set_steps(512)
    before, maps.MOST_NUMBERS = maps.MOST_NUMBERS, 1000
    try:
        shown(qtbot, panel, lambda reading: reading.sites[0].full is not None)
        panel.desk.choose(panel.key, 1)
        qtbot.waitUntil(lambda: panel.reading.head == 1, timeout=30_000)
    finally:
        maps.MOST_NUMBERS = before
    panel.refresh()
    assert panel._matrix.shape() == (512, 512)
    np.testing.assert_allclose(panel.weights().sum(1), 1, atol=1e-5)
    assert panel._matrix._masked[3, 4]
    panel._log.click()
    assert panel._matrix.value(5, 2) == pytest.approx(np.log10(panel.weights()[5, 2]))
    assert not panel._views._buttons["lines"].isEnabled()


def test_the_products_are_stepped_through_in_words_and_numbers(qtbot, session_of) -> None:
    session = session_of("char-gpt", TEXT)
    session.move_cursor(t=7)
    panel = shown(qtbot, ProductsPanel(session), lambda reading: reading.query == 7)
    p = panel.reading.plain
    panel._key_picked(2)
    panel._steps.set_value("scores")
    told = {}
    for _ in range(5):
        panel._show_key()
        told[panel._steps.value()] = panel.sentence()
        QTest.mouseClick(panel._on, LEFT)
    assert told["scores"].startswith("q · k = ")
    assert f"{p.scores[2]:.2f}".replace("-", "−") in told["scale"]
    assert "may be seen" in told["mask"]
    assert f"{p.weights[2]:.4f}" in told["softmax"]
    assert f"{p.weights[2]:.3f} of its value" in told["values"]
    assert panel._table.cells(9)[2] == "−∞"
    assert panel._table.cells(2)[0] == f"{p.scores[2]:.2f}".replace("-", "−")
    facts = dict(panel.measured())
    assert facts["Softmax again from the numbers shown"].startswith("within ")


def test_without_scale_both_maps_stand_side_by_side_with_their_losses(qtbot, session_of) -> None:
    panel = shown(qtbot, ProductsPanel(session_of("char-gpt", TEXT)))
    assert not panel._pair.isVisible()
    panel._scaled.click()
    qtbot.waitUntil(lambda: panel.reading.other is not None, timeout=30_000)
    panel.refresh()
    assert panel._pair.isVisible()
    plain, other = panel.reading.plain, panel.reading.other
    assert panel._captions[0].text() == f"As learnt: loss {plain.mean:.3f}"
    assert panel._captions[1].text().startswith(f"Without scale: loss {other.mean:.3f} (")
    assert panel._maps[1].value(5, 2) == pytest.approx(float(other.matrix[5, 2]))


def test_rollout_says_that_weights_are_not_explanations(qtbot, session_of) -> None:
    panel = FlowPanel(session_of("char-gpt", TEXT))
    shown(qtbot, panel, lambda reading: reading.done == len(reading.losses))
    assert panel._note.text().startswith("Weights are not explanations. Rank correlation")
    maps = panel.maps()
    size = len(panel.reading.tokens)
    ahead = np.triu_indices(size, 1)
    np.testing.assert_allclose(maps["rollout"].sum(1), 1, atol=1e-5)
    assert (maps["gradient"][ahead] == 0).all()
    assert (np.diag(maps["gradient"]) > 0).all()
    panel._by_row.click()
    assert panel._maps["rollout"].value(size - 1, int(maps["rollout"][-1].argmax())) == 1


def test_heads_are_switched_off_together_and_on_again(qtbot, session_of) -> None:
    panel = HeadsOffPanel(session_of("char-gpt", TEXT))
    shown(qtbot, panel, lambda reading: not np.isnan(reading.held[0]).any())
    assert "All heads on" in panel._together.text()
    panel._heat.picked.emit(0, 1)
    qtbot.waitUntil(lambda: bool(panel.reading.off), timeout=30_000)
    panel.refresh()
    assert panel.reading.off == ((panel.reading.sites[0].key, 1),)
    assert f"{panel.reading.held_off:.4f}" in panel._together.text()
    assert panel._heat._off == ((0, 1),)
    QTest.mouseClick(panel._clear, LEFT)
    qtbot.waitUntil(lambda: not panel.reading.off, timeout=30_000)


def test_a_dragged_weight_changes_the_output(qtbot, session_of) -> None:
    session = session_of("char-gpt", TEXT)
    session.move_cursor(t=8)
    panel = shown(qtbot, WeightEditPanel(session), lambda reading: reading.query == 8)
    qtbot.waitUntil(lambda: bool(panel.key))
    bars = panel._bars
    assert isinstance(bars, WeightBars)
    place = QPoint(int(bars.bar_rect(3, 0.5).center().x()), int(bars.bar_rect(3, 0.75).top()))
    QTest.mousePress(bars, LEFT, pos=place)
    assert bars._rows[0][3] == pytest.approx(0.75, abs=0.02)
    QTest.mouseRelease(bars, LEFT, pos=place)
    qtbot.waitUntil(lambda: panel.reading.after[3] > 0.5, timeout=30_000)
    panel.refresh()
    reading = panel.reading
    assert reading.after.sum() == pytest.approx(1)
    assert panel._outputs._choices == reading.choices
    assert "the output moved by" in panel._told.text()
    session.move_cursor(t=5)
    qtbot.waitUntil(lambda: panel.reading.query == 5, timeout=30_000)
    np.testing.assert_array_equal(panel.reading.before, panel.reading.after)


def test_correlation_of_an_alignment() -> None:
    assert straightness(np.eye(6)) == pytest.approx(1)
    assert straightness(np.eye(6)[::-1]) == pytest.approx(-1)
    assert np.isnan(straightness(np.full((5, 4), 0.25)))
    assert np.isnan(straightness(np.eye(2)))


def test_agreement_ranks_the_tokens_before_a_step() -> None:
    rng = np.random.default_rng(0)
    values = np.tril(rng.random((8, 8)))
    masked = np.triu(np.ones((8, 8), bool), 1)
    assert agreement(values, values**3, masked) == pytest.approx(1)
    assert agreement(values, -values, masked) == pytest.approx(-1)
    assert np.isnan(agreement(values[:4, :4], values[:4, :4], masked[:4, :4]))
