"""The panel that translates what is typed: both ways of writing, alignment, right answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.session import Session
from seqstudio.studio.trying.translation import TranslationPanel

Asking = Callable[[str], TranslationPanel]


@pytest.fixture
def asking(qtbot, shown) -> Iterator[Asking]:  # type: ignore[no-untyped-def]
    """Give a shown panel with its first answer for a template that was never trained."""
    made: list[Session] = []

    def give(template: str) -> TranslationPanel:
        session = Session(Document(make(template)), threads=True)
        made.append(session)
        qtbot.waitUntil(lambda: session.facts is not None, timeout=60_000)
        panel = shown(TranslationPanel(session), 520, 720)
        qtbot.waitUntil(lambda: panel.looked is not None and panel.looked.done, timeout=90_000)
        panel.refresh()
        return panel

    yield give
    for session in made:
        session.begin_close()
        qtbot.waitUntil(lambda session=session: session.closed, timeout=60_000)
        assert session.end_close()


def test_a_held_out_sentence_comes_first_and_a_typed_one_is_read(qtbot, asking: Asking) -> None:
    panel = asking("translate-attention")
    dataset = panel.session.dataset
    assert dataset is not None
    task = dataset.held_out_task
    assert panel.field.value() in task.source.texts  # type: ignore[union-attr]
    assert panel.right.text().startswith("Right: ")
    assert "chrF" in panel.score.text()

    first = panel.looked
    panel.field.set_value("we are eating bread")
    panel.field.committed.emit("we are eating bread")
    qtbot.waitUntil(lambda: panel.looked is not first and panel.looked.done, timeout=90_000)
    panel.refresh()
    assert panel.reading.source == ("we", "are", "eating", "bread")
    assert panel.right.text() == "Right: estamos comiendo pan"

    rows = len(panel.reading.greedy.tokens)
    assert panel.matrix.shape() == (rows, 4)
    np.testing.assert_allclose(panel.weights().sum(1), 1.0, atol=1e-5)
    panel.ways.set_value("beam")
    panel.ways.value_changed.emit("beam")
    assert panel.weights().shape == (len(panel.reading.beam.tokens), 4)
    panel.views.value_changed.emit("tree")
    assert panel.tree.tree is panel.reading.tree

    panel.views.value_changed.emit("alignment")
    beside = TranslationPanel(panel.session)
    assert beside.field.value() == "we are eating bread"
    panel.take_another()
    assert beside.field.value() == panel.field.value() != "we are eating bread"

    seen: list[object] = []
    panel.read.set_values = lambda values, **_: seen.append(values)  # type: ignore[assignment]
    panel.told.hovered.emit(1)
    np.testing.assert_array_equal(np.asarray(seen[-1]), panel.weights()[1])
    panel.told.hovered.emit(-1)
    assert seen[-1] is None


def test_a_fixed_vector_says_that_nothing_is_aligned(asking: Asking) -> None:
    panel = asking("copy-seq2seq")
    assert panel.reading.greedy.aligned == ()
    assert "one vector" in panel.nothing.text()
    assert panel._stack.currentWidget() is panel.nothing
