"""The inspector and its forms: real fields changed by hand, the document answers."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.document.document import Document
from seqstudio.document.edits import Connect
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import Param
from seqstudio.document.project import Project
from seqstudio.document.settings import TrainingSettings
from seqstudio.studio.forms import Form, has_track, number_form
from seqstudio.studio.inspector import BlockPage, Inspector, ProjectPage, SeveralPage
from seqstudio.studio.inspector_parts import share_of
from seqstudio.studio.theme import themes
from seqstudio.studio.widgets import (
    CheckField,
    ComboField,
    IconButton,
    NumberField,
    Segments,
    SliderField,
    TextField,
)

KEY = Qt.Key
LEFT = Qt.MouseButton.LeftButton
FACTS = DataFacts("A text", "next token", "ids", 65)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def document(clock):
    return Document(make("char-lstm"), clock)


@pytest.fixture
def inspector(qtbot, document):
    widget = Inspector(document)
    qtbot.addWidget(widget)

    def report(_change=None):
        widget.set_report(check(document.project.graph, FACTS))

    document.changed.connect(report)
    report()
    widget.resize(304, 900)
    widget.show()
    return widget


def retype(field, text, key=KEY.Key_Return):
    number = field.number if isinstance(field, SliderField) else field
    number.setFocus()
    number.selectAll()
    QTest.keyClicks(number, text)
    if key:
        QTest.keyClick(number, key)


def params(document, block="lstm"):
    return document.project.graph.blocks[block].params


# One block


def test_a_typed_number_changes_the_block_and_its_shapes(inspector, document):
    inspector.set_selection(["lstm"])
    retype(inspector.page.form.field("hidden"), "128")
    assert params(document)["hidden"] == 128
    assert ("output", "B·T·128", "float32") in inspector.page.shapes.rows
    assert ("parameters", f"{4 * 128 * (64 + 128 + 2):,}", "") in inspector.page.shapes.rows
    document.undo()
    assert params(document)["hidden"] == 512
    assert inspector.page.form.field("hidden").value() == 512, "the form follows"
    assert document.undo_label == ""


def test_a_drag_of_the_track_is_one_step_and_two_drags_are_two(inspector, document):
    inspector.set_selection(["lstm"])
    track = inspector.page.form.field("forget_bias").track
    seen = set()
    for end in (20, 60):
        start = track.rect().center()
        QTest.mousePress(track, LEFT, pos=start)
        for step in range(1, 6):
            QTest.mouseMove(track, start + QPoint((end - 40) * step // 5, 0))
            seen.add(params(document)["forget_bias"])
        QTest.mouseRelease(track, LEFT, pos=start + QPoint(end - 40, 0))
    assert len(seen) > 4, "the block follows while dragging"
    assert document.undo()
    assert document.undo()
    assert params(document)["forget_bias"] == 1.0
    assert not document.undo()


def test_a_number_out_of_range_keeps_the_old_one_and_shows_the_range(inspector, document):
    inspector.set_selection(["lstm"])
    retype(inspector.page.form.field("dropout"), "1.4")
    assert params(document)["dropout"] == 0.0
    assert "0 to 0.95" in inspector.page.form.reason("dropout").replace("0.00", "0")
    assert document.undo_label == ""
    retype(inspector.page.form.field("dropout"), "0.3")
    assert inspector.page.form.reason("dropout") == ""
    assert params(document)["dropout"] == 0.3


def test_the_radius_is_offered_only_where_it_counts(inspector, document):
    inspector.set_selection(["lstm"])
    form = inspector.page.form
    assert not form.field("radius").isVisible()
    combo = form.field("init")
    combo.setFocus()
    QTest.keyClick(combo, KEY.Key_End)
    QTest.keyClick(combo, KEY.Key_Return)
    combo.activated.emit(combo.count() - 1)
    assert params(document)["init"] == "scaled"
    assert form.field("radius").isVisible()


def test_the_cell_is_switched_in_place_with_wires_and_settings(inspector, document):
    inspector.set_selection(["lstm"])
    switch = inspector.page.switch
    QTest.mouseClick(switch._buttons["gru"], LEFT)
    graph = document.project.graph
    assert graph.blocks["gru"].params["hidden"] == 512
    assert graph.into("gru")["in"].source == "embedding"
    assert graph.into("dropout")["in"].source == "gru"
    assert document.undo_label == "Change LSTM to GRU"
    document.undo()
    assert document.project == make("char-lstm")


def test_a_switch_in_the_form_changes_a_bool(inspector, document):
    inspector.set_selection(["next_token"])
    field = inspector.page.form.field("tie")
    assert isinstance(field, CheckField)
    field.setFocus()
    QTest.keyClick(field, KEY.Key_Space)
    assert params(document, "next_token")["tie"] is True


def test_a_problem_is_told_with_the_block_that_mends_it(inspector, document):
    document.apply(Connect(Wire("tokens", "out", "lstm", "in")))
    inspector.set_selection(["lstm"])
    problems = inspector.page.problems
    assert problems.isVisible()
    assert problems.cards[0].accessibleName() == "Tokens cannot feed LSTM"
    assert [button.text() for button in problems.remedies] == ["Insert Embedding"]
    QTest.mouseClick(problems.remedies[0], LEFT)
    graph = document.project.graph
    assert graph.into("lstm")["in"].source == "embedding2"
    assert graph.into("embedding2")["in"].source == "tokens"
    assert not check(graph, FACTS).errors
    assert not problems.isVisible()
    assert document.undo_label == "Insert Embedding"
    lefts = [graph.blocks[key].x for key in ("tokens", "embedding2", "lstm", "dropout")]
    assert lefts == sorted(lefts)
    assert lefts[2] - lefts[1] >= 228


def test_the_open_button_asks_to_open(inspector, qtbot):
    from seqstudio.studio.widgets import Button

    inspector.set_selection(["lstm"])
    button = next(b for b in inspector.page.findChildren(Button) if b.text() == "Code")
    with qtbot.waitSignal(inspector.opened) as told:
        QTest.mouseClick(button, LEFT)
    assert told.args == ["lstm"]


def test_the_state_is_told_with_its_shape_and_whether_it_is_carried(inspector, document):
    inspector.set_selection(["lstm"])
    assert ("state h, c", "1·B·512", "carried") in inspector.page.shapes.rows


def test_what_happens_right_now_is_shown_and_goes(inspector):
    inspector.set_selection(["lstm"])
    inspector.set_live("lstm", {"forget gate": "0.87", "gradient norm": "4.2e-3"})
    bars = inspector.page._live._rows
    assert bars["forget gate"][1].text() == "0.87"
    assert bars["forget gate"][0].isVisible()
    assert not bars["gradient norm"][0].isVisible()
    inspector.set_selection(["dropout"])
    inspector.set_selection(["lstm"])
    assert inspector.page._live._rows["forget gate"][1].text() == "0.87", "it is remembered"
    inspector.set_live("lstm", {})
    assert not inspector.page._live.isVisible()


@pytest.mark.parametrize(
    ("text", "share"),
    [("0.87", 0.87), ("31 %", 0.31), ("100%", 1.0), ("1.5", None), ("4.2e-3", None), ("x", None)],
)
def test_shares(text, share):
    assert share_of(text) == share


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_block_has_a_page(qtbot, kind):
    document = Document(Project(Graph().with_block(editing.new_block(Graph(), kind, 0, 0))))
    widget = Inspector(document)
    qtbot.addWidget(widget)
    widget.set_selection([kind])
    assert isinstance(widget.page, BlockPage)
    assert [row[0] for row in widget.page.shapes.rows]
    widget.resize(280, 900)
    widget.show()
    assert widget.page.width() <= 280, "no horizontal scrolling in the smallest window"


def test_an_unknown_block_has_a_page_too(qtbot):
    document = Document(Project(Graph().with_block(Block("magic", "magic", 0, 0, {}))))
    widget = Inspector(document)
    qtbot.addWidget(widget)
    widget.set_selection(["magic"])
    assert widget.page.form is None


# Several blocks, none


def test_several_blocks_are_counted_and_acted_on(inspector, qtbot):
    inspector.set_selection(["embedding", "lstm"])
    page = inspector.page
    assert isinstance(page, SeveralPage)
    assert page.count.text() == "2 blocks"
    with qtbot.waitSignal(inspector.action) as told:
        QTest.mouseClick(page.buttons["delete"], LEFT)
    assert told.args == ["delete"]


def test_no_selection_shows_the_project_and_its_settings(inspector, document):
    page = inspector.page
    assert isinstance(page, ProjectPage)
    assert ("parameters", "1,221,249", "") in page.facts.rows
    retype(page.training.field("batch"), "16")
    assert document.project.training.batch == 16
    assert document.undo_label == "Change batch"
    document.undo()
    assert page.training.field("batch").value() == 32


def test_settings_without_effect_are_hidden(inspector, document):
    page = inspector.page
    data, training = page.data, page.training
    assert data.field("path").isVisible()
    assert not data.field("length").isVisible()
    assert training.field("minutes").isVisible()
    assert not training.field("steps").isVisible()
    combo = data.field("kind")
    combo.activated.emit(combo.findText("Adding problem"))
    assert document.project.data.kind == "adding"
    assert data.field("length").isVisible()
    assert not data.field("path").isVisible()
    budget = training.field("budget")
    QTest.mouseClick(budget._buttons["steps"], LEFT)
    assert document.project.training.budget == "steps"
    assert training.field("steps").isVisible()
    assert not training.field("minutes").isVisible()


def test_a_file_is_chosen_and_taken_back(inspector, document, monkeypatch, tmp_path):
    path = str(tmp_path / "own.txt")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    holder = inspector.page.data.field("path").parentWidget()
    choose, clear = holder.findChildren(IconButton)
    QTest.mouseClick(choose, LEFT)
    assert document.project.data.path == path
    QTest.mouseClick(clear, LEFT)
    assert document.project.data.path == ""


def test_a_deleted_block_gives_way_to_the_project(inspector, document):
    inspector.set_selection(["dropout"])
    document.apply(editing.remove(document.project.graph, ["dropout"]))
    assert isinstance(inspector.page, ProjectPage)


def test_the_inspector_lets_go_of_its_document(qtbot, document):
    widget = Inspector(document)
    widget.deleteLater()
    del widget
    qtbot.waitUntil(lambda: not document.changed._listeners)


# Forms


FIELDS = (
    Param("layers", "Layers", "int", 1, 1, 32),
    Param("hidden", "Hidden", "int", 256, 1, 16384),
    Param("rate", "Rate", "float", 1e-3, 1e-6, 10.0, log=True),
    Param("share", "Share", "float", 0.1, 0.0, 0.95),
    Param("beta", "Beta", "float", 0.99, 0.5, 0.99999),
    Param("clip", "Clip", "float", 1.0, 0.0, 1e4, log=True),
    Param("act", "Activation", "choice", "tanh", choices=(("tanh", "tanh"), ("relu", "ReLU"))),
    Param(
        "init", "Init", "choice", "a", choices=(("a", "Uniform, as usual"), ("b", "Orthogonal"))
    ),
    Param("on", "On", "bool", False),
    Param("prompt", "Prompt", "text", ""),
    Param("file", "File", "path", ""),
)


def test_each_declaration_gets_the_field_that_suits_it(qtbot):
    form = Form(FIELDS, {}, lambda *_: None)
    qtbot.addWidget(form)
    kinds = {param.name: type(form.field(param.name)) for param in FIELDS}
    assert kinds["layers"] is NumberField
    assert kinds["hidden"] is kinds["rate"] is kinds["share"] is kinds["beta"] is SliderField
    assert kinds["clip"] is NumberField, "a logarithm has no zero"
    assert kinds["act"] is Segments
    assert kinds["init"] is ComboField
    assert kinds["on"] is CheckField
    assert kinds["prompt"] is TextField
    assert issubclass(kinds["file"], TextField)
    assert [number_form(p) for p in FIELDS[:5]] == ["int", "int", "sci", ".2f", "auto"]
    assert not has_track(Param("n", "N", "int", 0, 0, 2**31 - 1))


def test_a_refusal_from_outside_is_shown_and_a_switch_goes_back(qtbot):
    def refuse(name, value):
        raise GraphError("Too wide", "the model would not fit", "Take less")

    form = Form(FIELDS, {}, refuse)
    qtbot.addWidget(form)
    form.show()
    QTest.mouseClick(form.field("act")._buttons["relu"], LEFT)
    assert form.field("act").value() == "tanh"
    assert form.reason("act") == "Too wide: the model would not fit. Take less."
    retype(form.field("layers"), "3")
    assert form.reason("layers").startswith("Too wide")


def test_values_from_outside_are_shown_without_a_call_back(qtbot):
    calls = []
    form = Form(FIELDS, {}, lambda *call: calls.append(call))
    qtbot.addWidget(form)
    form.set_values({"layers": 4, "share": 0.5, "act": "relu", "init": "b", "on": True})
    form.set_values({"prompt": "hello", "file": "a.txt", "rate": 0.01, "unknown": 1})
    names = ("layers", "share", "act", "init", "on", "prompt", "file", "rate")
    assert [form.field(name).value() for name in names] == [
        4, 0.5, "relu", "b", True, "hello", "a.txt", 0.01
    ]  # fmt: skip
    assert calls == []


def test_a_damaged_value_shows_the_default(qtbot):
    form = Form(FIELDS, {"layers": 99, "act": "nothing"}, lambda *_: None)
    qtbot.addWidget(form)
    assert form.field("layers").value() == 1
    assert form.field("act").value() == "tanh"


def test_text_is_one_change_at_its_end(qtbot):
    calls = []
    form = Form(FIELDS, {}, lambda *call: calls.append(call))
    qtbot.addWidget(form)
    form.show()
    retype(form.field("prompt"), "hello")
    assert calls == [("prompt", "hello")]


def test_all_training_settings_fit_into_the_smallest_inspector(qtbot):
    form = Form(TrainingSettings.PARAMS, {}, lambda *_: None)
    qtbot.addWidget(form)
    assert form.minimumSizeHint().width() <= 280 - 24 - 10  # margins and scroll bar


def test_a_page_that_goes_does_not_wait_for_its_equations(qtbot, document):
    widget = Inspector(document)
    qtbot.addWidget(widget)
    for kind in ("embedding", "lstm", "next_token"):
        themes().set_mode("light" if kind == "lstm" else "dark")  # nothing is typeset yet
        widget.set_selection([kind])
        assert widget.page.identity == (kind, kind)
    themes().set_mode("system")
