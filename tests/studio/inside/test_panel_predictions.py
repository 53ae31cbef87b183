"""The predictions panel: cursor, sliders, layers, beam tree, long texts, other tasks."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.insight.choosing import next_probabilities
from seqstudio.records.inside.predictions import BeamTree, Predictions
from seqstudio.studio.inside.predictions.beam_view import BeamTreeLayout, words_to
from seqstudio.studio.inside.predictions.panel import PredictionsPanel, content, mean_loss
from seqstudio.studio.inside.predictions.text import GuessContent, GuessText, line_starts
from seqstudio.studio.session import Session
from tests.small_runs import small_project

LEFT = Qt.MouseButton.LeftButton
TEXT = "the cat sat on the mat"


@pytest.fixture
def asking(qtbot, shown):
    """Give a shown panel with its first answer, for a project; sessions end with the test."""
    made: list[Session] = []

    def give(project, text: str = "") -> PredictionsPanel:
        session = Session(Document(project), threads=True)
        made.append(session)
        if text:
            session.set_probe_text(text)
        panel = shown(PredictionsPanel(session), 960, 620)
        qtbot.waitUntil(lambda: panel.looked is not None and panel.looked.done, timeout=90_000)
        panel.refresh()
        return panel

    yield give
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda session=session: session.closed, timeout=60_000)
        assert session.end_close()


@pytest.fixture
def panel(asking, small_text) -> PredictionsPanel:
    return asking(small_project("char-gpt", small_text, 100), TEXT)


def place_of(panel: PredictionsPanel, token: int) -> QPoint:
    return panel.text_view.cell_rect(token).center().toPoint()


def test_pointing_at_a_token_moves_the_shared_cursor_and_shows_its_distribution(panel) -> None:
    QTest.mouseMove(panel.text_view.viewport(), place_of(panel, 4))
    assert (panel.session.cursor.t, panel.session.cursor.token) == (4, TEXT[4])
    panel.refresh()
    reading = panel.reading
    best = panel.side.bars.rows[0]
    assert best[1] == pytest.approx(float(reading.p[4, 0]), abs=1e-6)
    assert panel.text_view.cursor_at == 4


def test_a_click_holds_the_cursor_and_a_second_one_lets_it_go(panel) -> None:
    QTest.mouseClick(panel.text_view.viewport(), LEFT, pos=place_of(panel, 6))
    panel._hovered(9)
    assert panel.session.cursor.t == 6
    assert "held" in panel._remark.text()
    QTest.mouseClick(panel.text_view.viewport(), LEFT, pos=place_of(panel, 6))
    panel._hovered(9)
    assert panel.session.cursor.t == 9


def test_the_sliders_do_what_writing_does_without_asking_again(panel) -> None:
    asked: list[object] = []
    panel.session.send_look = asked.append  # type: ignore[method-assign]
    panel.session.move_cursor(t=7)
    panel.side.temperature.set_value(0.5)
    panel.side.top_k.set_value(6)
    panel.side.top_p.set_value(0.9)
    panel.side._moved()
    want = next_probabilities(panel.reading.logits[7], 0.5, 6, 0.9)
    np.testing.assert_array_equal(panel.side.probabilities(), want)
    assert sum(p for _, p in panel.side.bars.rows) == pytest.approx(1.0)
    assert f"{(want > 0).sum()} of {len(want)} kept" in panel.side._told.text()
    assert not asked


def test_guesses_layers_and_text_show_the_same_reading(panel) -> None:
    reading = panel.reading
    guesses = content(reading, "guesses", "p")
    assert guesses.rows == tuple(f"guess {i}" for i in (1, 2, 3, 4, 5))
    surprise = dict(guesses.numbers)["surprise"]
    np.testing.assert_allclose(surprise, -np.log2(reading.true_p))
    assert mean_loss(reading) == pytest.approx(surprise.mean() * np.log(2))
    layers = content(reading, "layers", "entropy")
    assert layers.rows == ("transformer", "embedding")
    np.testing.assert_array_equal(layers.best[:, 0], reading.best[:, 0])
    assert content(reading, "plain", "surprise").rows == ()
    np.testing.assert_allclose(guesses.shade, 1.0 - reading.true_p)


def test_the_beam_tree_grows_from_the_cursor_and_a_branch_can_be_read(qtbot, panel) -> None:
    panel.session.move_cursor(t=5)
    panel.beam.depth_field.set_value(4)
    panel._mode.set_value("beam")
    panel._switched()
    look = panel.beam.look
    qtbot.waitUntil(lambda: look.looked is not None and look.looked.done, timeout=90_000)
    tree = panel.beam.tree
    assert isinstance(tree, BeamTree)
    assert tree.at == 5
    assert "".join(tree.context) == TEXT[:6]
    names = [name.split()[0] for name, _ in panel.beam.lines.rows]
    assert names[-2:] == ["greedy", "sampled"]
    other = tree.ends[-1]
    QTest.mouseClick(panel.beam.view, LEFT, pos=panel.beam.view.place(other).toPoint())
    assert panel.beam.view.chosen == other
    assert f"ln p = \u2212{-tree.total[other]:.2f}" in panel.beam._chosen.text()
    QTest.keyClick(panel.beam.view, Qt.Key.Key_Left)
    assert panel.beam.view.chosen == tree.parent[other]


def test_typed_text_is_an_edit_of_the_project_and_its_unknown_characters_are_named(
    qtbot, panel
) -> None:
    panel._probe.chosen.emit("a \u4e2d dog")
    qtbot.waitUntil(lambda: len(panel.reading.tokens) == 5, timeout=90_000)
    panel.refresh()
    panel.tell()
    assert "\u4e2d" in panel._remark.text()
    panel.session.document.undo()
    assert panel.session.project.sampling.probe_text == ""


def test_a_text_that_cannot_be_read_can_be_left_from_where_it_is_refused(qtbot, panel) -> None:
    panel._probe.chosen.emit("t")
    qtbot.waitUntil(lambda: panel.refused is not None, timeout=90_000)
    panel.refresh()
    assert panel.is_empty
    panel._read_held_out()
    qtbot.waitUntil(lambda: panel.refused is None and panel.looked.done, timeout=90_000)
    panel.refresh()
    assert not panel.is_empty
    assert len(panel.reading.tokens) > 100


def test_numbers_are_those_in_view(panel) -> None:
    numbers = panel.numbers()
    np.testing.assert_array_equal(numbers["logits"], panel.reading.logits)
    np.testing.assert_allclose(numbers["loss_nats"], -np.log(panel.reading.true_p))
    assert "lens_best" in numbers


@pytest.mark.parametrize(
    ("template", "words"),
    [("order-gru", "bright = the true class"), ("adding-rnn", "violet predicted"),
     ("forecast-lstm", "band = one standard deviation")],
)  # fmt: skip
def test_other_tasks_show_what_fits_them(asking, template: str, words: str) -> None:
    panel = asking(make(template))
    panel.tell()
    assert words in panel._remark.text()
    assert not panel.side.isVisible()
    assert not panel._mode.isVisible()
    assert panel.numbers()


# ------------------------------------------------------------------------- without a session


def long_reading(steps: int, symbols: int = 40) -> Predictions:
    rng = np.random.default_rng(0)
    names = (*(chr(97 + i) for i in range(symbols - 1)), "\n")
    true = rng.integers(0, symbols, steps)
    p = np.sort(rng.dirichlet(np.ones(5), steps), 1)[:, ::-1]
    return Predictions(
        tuple(names[i] for i in rng.integers(0, symbols, steps)), names, (), True, true,
        np.zeros((steps, 1), np.float32), rng.integers(0, symbols, (steps, 5)), p, p[:, 2],
        p[:, 1], (), 0, None, "",
    )  # fmt: skip


def test_ten_thousand_tokens_are_drawn_only_where_they_are_seen(shown, monkeypatch) -> None:
    view = shown(GuessText(), 800, 500)
    view.set_content(content(long_reading(10_000), "guesses", "p"))
    painted: list[range] = []
    paint = view._paint_tokens
    monkeypatch.setattr(
        view, "_paint_tokens", lambda painter, tokens, *at: (
            painted.append(tokens), paint(painter, tokens, *at))
    )  # fmt: skip
    view.set_cursor(9_990)
    view.viewport().repaint()
    seen = {token for tokens in painted for token in tokens}
    assert 9_990 in seen
    assert len(seen) < 400
    assert view.token_at(view.cell_rect(9_990).center()) == 9_990


def test_lines_end_at_the_edge_and_at_line_breaks_that_are_worth_it() -> None:
    assert line_starts(tuple("ab\ncdefg"), 3).tolist() == [0, 3, 6, 8]
    assert line_starts(tuple("a\n\nbcdefgh"), 8).tolist() == [0, 3, 10], "none for an empty one"
    assert line_starts((), 3).tolist() == [0, 0]
    view = GuessContent(tuple("ab"))
    assert view.rows == ()


def test_parents_stand_between_their_children_and_survivors_are_marked() -> None:
    tree = BeamTree(
        0, ("x",), ("a", "b"),
        np.array([-1, -1, 0, 0, 1]), np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 0]),
        np.zeros(5), np.zeros(5), (2, 3), (), 2,
    )  # fmt: skip
    layout = BeamTreeLayout(tree)
    assert layout.row.tolist() == [0.5, 2.0, 0.0, 1.0, 2.0]
    assert layout.rows == 3
    assert layout.alive.tolist() == [True, False, True, True, False]
    assert words_to(tree, 3) == ("a", "b")
