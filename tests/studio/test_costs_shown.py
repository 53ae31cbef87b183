"""Costs on the canvas and in the inspector follow every edit."""

from __future__ import annotations

import pytest

from seqstudio.blocks.cost import bytes_in_words, costs, in_words, total
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.document.edits import SetParam, SetSetting
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.inspector import BlockPage, Inspector

FACTS = DataFacts("A text", "next token", "ids", 65, batch=32, window=128, unit="nats")


@pytest.fixture
def view(qtbot):
    canvas = CanvasView(Document(make("char-lstm")))
    qtbot.addWidget(canvas)
    canvas.set_facts(FACTS)
    return canvas


def test_the_corner_tells_what_the_model_costs_now(view):
    document = view.editor.document
    before = view.dimensions.accessibleName()
    document.apply(SetParam("lstm", "hidden", 64))
    whole = total(document.project.graph, view.report)
    told = view.dimensions.accessibleName()
    assert told != before
    memory = bytes_in_words(whole.memory(document.project.training).total)
    for words in (f"{whole.parameters:,} param.", memory, in_words(whole.macs)):
        assert words in told


def test_the_inspector_tells_what_a_block_costs(view, qtbot):
    document = view.editor.document
    inspector = Inspector(document)
    qtbot.addWidget(inspector)
    inspector.set_report(view.report)
    inspector.set_selection(("lstm",))
    page = inspector.findChild(BlockPage)
    assert page is not None
    cost = costs(document.project.graph, view.report)["lstm"]

    def rows(optimizer: str) -> dict[str, str]:
        document.apply(SetSetting("training", "optimizer", optimizer))
        block = document.project.graph.blocks["lstm"]
        found = page._shape_rows(block, page.kind, document.project, view.report)
        return {name: value for name, value, _ in found}

    adamw = rows("adamw")
    assert adamw["multiply-adds"] == in_words(cost.macs)
    assert adamw["memory"] == bytes_in_words(cost.memory(document.project.training).total)
    assert rows("sgd")["memory"] == bytes_in_words(cost.memory(document.project.training).total)
    assert rows("sgd")["memory"] != adamw["memory"]
