"""What the canvas shows: faces, routes, states, pictures; and that undo is exact."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest

from seqstudio.blocks import editing
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.clipboard import Paste, copied
from seqstudio.blocks.declaration import DataFacts, Shape
from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Document
from seqstudio.document.edits import Connect, Disconnect, MoveBlocks
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.project import Project
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.canvas.items.geometry import Obstacles, crossed, curve, distance, through
from seqstudio.studio.canvas.items.pictures import spark_path
from seqstudio.studio.canvas.items.wire_item import gradient_width, label_runs
from seqstudio.studio.canvas.peek import known_lines, shape_in_full
from seqstudio.studio.theme import theme, themes
from tests.templates import made_of, one_of_each

FACTS = DataFacts("A text", "next token", "ids", 65, batch=32, window=128, unit="nats")


@pytest.fixture
def document():
    return Document(make("char-lstm"))


@pytest.fixture
def view(qtbot, document):
    canvas = CanvasView(document)
    qtbot.addWidget(canvas)
    canvas.set_facts(FACTS)
    canvas.resize(1100, 600)
    canvas.show()
    return canvas


@pytest.fixture
def _restore_theme(qapp):
    yield
    themes().set_mode("system")


# What a block says


def test_blocks_say_what_they_do_and_what_they_cost(view):
    blocks = view.canvas.blocks
    assert blocks["embedding"].face.lines == ("65 → 64", "4,160 param.")
    assert blocks["lstm"].face.lines == ("512 units, 1 layer", "1,183,744 param.")
    assert blocks["tokens"].face.lines == ("A text", "65 symbols")
    assert blocks["lstm"].face.loop == "h, c"
    assert blocks["dropout"].face.loop == ""


def test_a_gru_carries_only_h(view, document):
    document.apply(editing.switch_kind(document.project.graph, "lstm", "gru"))
    assert view.canvas.blocks["gru"].face.loop == "h"


def test_wires_carry_the_shape_with_letters_and_numbers_apart(view):
    labels = {wire.target: item.label for wire, item in view.canvas.wires.items()}
    assert labels["embedding"] == "B·T"
    assert labels["lstm"] == "B·T·64"
    assert label_runs("B·T·64") == [
        ("B", "textMid"), ("·", "textLow"), ("T", "textMid"), ("·", "textLow"), ("64", "textHi")
    ]  # fmt: skip


def test_an_error_is_shown_on_its_block_and_its_wire_and_downstream_loses_labels(view, document):
    document.apply(Connect(Wire("tokens", "out", "lstm", "in")))
    blocks = view.canvas.blocks
    assert "Tokens cannot feed LSTM" in blocks["lstm"].face.problem
    assert view.canvas.wires[Wire("tokens", "out", "lstm", "in")].wrong
    behind = view.canvas.wires[Wire("lstm", "out", "dropout", "in")]
    assert behind.label == ""
    assert not behind.wrong
    assert blocks["dropout"].face.problem == ""
    assert blocks["next_token"].face.lines[0] == "512 → 65", "the lines stay as they were"
    document.undo()
    assert blocks["lstm"].face.problem == ""
    assert behind.label == "B·T·512"


def test_a_problem_is_found_by_its_block(view, document):
    document.apply(Disconnect(Wire("lstm", "out", "dropout", "in")))
    problem = view.report.errors[0]
    view.focus_problem(problem)
    assert view.selection == (problem.block,)
    assert view.seen().contains(view.canvas.blocks[problem.block].frame)


def test_an_unknown_kind_is_shown_and_named(qtbot):
    graph = Graph().with_block(Block("magic", "magic", 0, 0, {}))
    view = CanvasView(Document(Project(graph)))
    qtbot.addWidget(view)
    assert "not known" in view.canvas.blocks["magic"].face.problem
    assert not view.grab().isNull()


def test_a_block_that_cannot_tell_its_sizes_says_why_not(view, document):
    view.add_kind("linear", QPointF(300, 400))
    assert view.canvas.blocks["linear"].face.lines == ("no input yet",)
    view.editor.connect_ports(Wire("embedding", "out", "linear", "in"))
    assert view.canvas.blocks["linear"].face.lines == ("64 → 128", "8,320 param.")
    view.add_kind("last_step", QPointF(300, 600))
    view.add_kind("mean_time", QPointF(500, 600))
    view.editor.connect_ports(Wire("embedding", "out", "mean_time", "in"))
    document.apply(Connect(Wire("mean_time", "out", "last_step", "in")))
    assert view.canvas.blocks["last_step"].face.lines == ("does not fit",)


def test_the_report_is_told(view, document, qtbot):
    with qtbot.waitSignal(view.report_changed) as told:
        document.apply(editing.set_param(document.project.graph, "lstm", "hidden", 8))
    assert told.args[0] is view.report
    assert view.report.counts["lstm"] == 4 * 8 * (64 + 8 + 2)


def test_a_change_of_kind_keeps_the_block_selected(view, document):
    view.select(["lstm"])
    document.apply(editing.switch_kind(document.project.graph, "lstm", "rnn"))
    assert view.selection == ("rnn",)
    document.undo()
    assert view.selection == ("lstm",)


def test_a_new_project_replaces_all_items_and_is_fitted(view, document):
    document.reset(make("char-attention"))
    assert set(view.canvas.blocks) == set(document.project.graph.blocks)
    assert view.seen().contains(view.canvas.content())


# Measures and routes


def test_the_wire_bends_at_least_24_and_starts_level(view):
    path = curve(QPointF(0, 0), QPointF(20, 50))
    assert path.elementAt(1).x == 24
    assert path.elementAt(1).y == 0
    assert curve(QPointF(0, 0), QPointF(200, 0)).elementAt(1).x == pytest.approx(90)


def test_a_wire_goes_around_the_blocks_in_its_way():
    body = QRectF(100, 0, 100, 100)
    obstacles = Obstacles(
        {"a": (-100, 0, 90, 100), "b": (100, 0, 100, 100), "c": (300, 0, 90, 100)}
    )
    route = obstacles.route(QPointF(-10, 50), QPointF(300, 50), "a", "c")
    points = [route.path.pointAtPercent(i / 200) for i in range(201)]
    assert not any(body.contains(point) for point in points)
    assert route.path.boundingRect().bottom() > 100
    free = obstacles.route(QPointF(-10, 50), QPointF(100, 50), "a", "b")
    assert free.path.boundingRect().height() < 1
    above = obstacles.route(QPointF(-10, 10), QPointF(300, 20), "a", "c")
    assert above.path.boundingRect().top() < 0, "the shorter way"
    level = obstacles.route(QPointF(-10, -40), QPointF(300, 60), "a", "c")
    assert level.path.boundingRect().top() == -40, "on its own height where that is free"


def test_a_bent_wire_is_smooth_passes_its_dots_and_has_room_for_its_label():
    dots = [QPointF(100, 200), QPointF(300, 150)]
    route = through(QPointF(0, 0), dots, QPointF(400, 0))
    points = [route.path.pointAtPercent(n / 400) for n in range(401)]
    for dot in dots:
        assert min((point - dot).manhattanLength() for point in points) < 2
    assert route.path.angleAtPercent(0.0) == pytest.approx(0, abs=0.5)
    assert route.path.angleAtPercent(1.0) % 360 == pytest.approx(0, abs=0.5)
    turns = [route.path.angleAtPercent(n / 400) for n in range(401)]
    steps = [abs((b - a + 180) % 360 - 180) for a, b in itertools.pairwise(turns)]
    assert max(steps) < 12, "no corner"
    assert route.room == 200
    assert any((point - route.label).manhattanLength() < 3 for point in points)


def test_how_far_a_point_is_from_a_line_and_what_a_stroke_crosses():
    line = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)])
    assert distance(line, (5.0, 3.0)) == pytest.approx(3)
    assert distance(line, (13.0, 14.0)) == pytest.approx(5)
    assert crossed(line, (5.0, -1.0), (5.0, 1.0))
    assert crossed(line, (9.0, 5.0), (11.0, 5.0))
    assert not crossed(line, (0.0, 5.0), (9.0, 5.0))
    assert not crossed(line, (5.0, 1.0), (5.0, 1.0))


def test_no_wire_of_a_template_runs_through_a_block(qtbot):
    for name in TEMPLATES:
        view = CanvasView(Document(make(name)))
        qtbot.addWidget(view)
        for wire, item in view.canvas.wires.items():
            points = [item.route.path.pointAtPercent(i / 100) for i in range(101)]
            for key, block in view.canvas.blocks.items():
                inner = block.frame.adjusted(1, 1, -1, -1)
                hit = key not in (wire.source, wire.target) and any(map(inner.contains, points))
                assert not hit, f"{name}: {wire} runs through {key}"


@pytest.mark.parametrize("name", one_of_each(made_of))
def test_blocks_of_templates_keep_their_distance(qtbot, name):
    view = CanvasView(Document(make(name)))
    qtbot.addWidget(view)
    frames = [item.frame.adjusted(-8, -8, 8, 8) for item in view.canvas.blocks.values()]
    for index, one in enumerate(frames):
        assert not any(one.intersects(other) for other in frames[index + 1 :])


def test_tidy_puts_columns_in_order_without_overlap_in_one_step(view, document):
    places = {key: (7.0 * i, 3.0 * i) for i, key in enumerate(document.project.graph.blocks)}
    document.apply(MoveBlocks(places))
    view.tidy()
    assert document.undo_label == "Tidy"
    blocks = document.project.graph.blocks
    lefts = [blocks[key].x for key in ("tokens", "embedding", "lstm", "dropout", "next_token")]
    assert lefts == sorted(lefts)
    sizes = {k: (v.layout.width, v.layout.height) for k, v in view.canvas.blocks.items()}
    frames = [QRectF(b.x, b.y, *sizes[b.id]) for b in blocks.values()]
    for index, one in enumerate(frames):
        assert not any(one.intersects(other) for other in frames[index + 1 :])


def test_gradient_width_is_linear_over_six_decades():
    assert gradient_width(-6.0) == 1.0
    assert gradient_width(-3.0) == 3.5
    assert gradient_width(0.0) == 6.0
    assert gradient_width(2.0) == 6.0
    assert gradient_width(-6.01) == 0.0


def test_a_spark_line_fills_its_place_and_leaves_gaps():
    place = QRectF(10, 20, 90, 40)
    assert spark_path([3.0, 1.0, 2.0], place).boundingRect() == place
    gap = spark_path([3.0, 1.0, math.nan, 2.0, 1.0], place)
    moves = [gap.elementAt(i) for i in range(gap.elementCount()) if gap.elementAt(i).isMoveTo()]
    assert len(moves) == 2
    assert spark_path([1.0], place).isEmpty()


def test_the_peek_tells_sizes_and_gradient():
    view_facts = DataFacts(batch=4, window=7)
    assert shape_in_full(Shape("tensor", ("B", "T", 64)), view_facts) == "B 4 · T 7 · C 64"
    assert known_lines(None, view_facts, None) == ("shape not known yet",)
    assert known_lines(Shape("ids", ("B", "T")), view_facts, -2.0) == (
        "B 4 · T 7", "whole numbers, int64", "gradient 10^−2.0"
    )  # fmt: skip


# Pictures and states


def picture_of(view, key):
    view.viewport().repaint()
    frame = view.canvas.blocks[key].frame.toRect()
    return view.grab(view.mapFromScene(QRectF(frame)).boundingRect()).toImage()


def test_thumbnail_text_and_spark_make_room_and_are_painted(view):
    plain = view.canvas.blocks["lstm"].layout.height
    red = QImage(4, 4, QImage.Format.Format_RGB32)
    red.fill(QColor("#ff0000"))
    view.set_thumbnail("lstm", red)
    item = view.canvas.blocks["lstm"]
    assert item.layout.height > plain
    assert item.layout.body.contains(item.layout.picture)
    middle = view.mapFromScene(item.pos() + item.layout.picture.center())
    assert view.grab().toImage().pixelColor(middle) == QColor("#ff0000")
    view.set_thumbnail("lstm", None)
    assert view.canvas.blocks["lstm"].layout.height == plain
    before = picture_of(view, "next_token")
    view.set_spark("next_token", [4.0, 3.0, 2.5], "2.50\nfloor 1.67")
    assert picture_of(view, "next_token") != before
    view.set_block_text("tokens", ["one", "two"])
    assert view.canvas.blocks["tokens"].picture.lines == ("one", "two")


def test_running_turns_a_ring_and_stops(view, qtbot):
    view.set_running(["lstm", "gone"], True)
    first = view.canvas.blocks["lstm"].turn
    qtbot.waitUntil(lambda: view.canvas.blocks["lstm"].turn != first)
    view.set_running(["lstm"], False)
    assert view.canvas.blocks["lstm"].turn is None
    assert not view.canvas.turn_rings()


@pytest.mark.usefixtures("_restore_theme")
def test_reduced_motion_shows_a_ring_that_stands(view, qtbot):
    themes().set_reduced_motion(True)
    view.set_running(["lstm"], True)
    turn = view.canvas.blocks["lstm"].turn
    qtbot.wait(200)
    assert turn is not None
    assert view.canvas.blocks["lstm"].turn == turn
    themes().set_reduced_motion(False)


def test_stale_marks_exactly_the_blocks_given(view):
    view.set_stale(["lstm"])
    view.set_stale(["dropout"])
    assert [key for key, item in view.canvas.blocks.items() if item.stale] == ["dropout"]


def test_the_path_of_the_selection_stays_and_other_wires_step_back(view):
    view.add_kind("linear", QPointF(300, 400))
    view.editor.connect_ports(Wire("embedding", "out", "linear", "in"))
    view.select(["linear"])
    aside = {wire.target for wire, item in view.canvas.wires.items() if item.aside}
    assert aside == {"lstm", "dropout", "next_token"}
    view.select([])
    assert not any(item.aside for item in view.canvas.wires.values())


@pytest.mark.usefixtures("_restore_theme")
@pytest.mark.parametrize("mode", ["dark", "light"])
def test_the_whole_canvas_follows_the_theme_at_once(view, mode):
    themes().set_mode(mode)
    image = view.grab().toImage()
    assert image.pixelColor(400, 15) == theme().color("canvas")
    header = view.canvas.blocks["lstm"].pos() + QPointF(100, 4)
    seen = image.pixelColor(view.mapFromScene(header))
    assert seen.name() == theme().role_header("cell").name()


def test_text_goes_and_headers_stay_when_far_away(view):
    near = picture_of(view, "lstm")
    view.zoom_by(0.3 / view.zoom())
    far = picture_of(view, "lstm")
    colours = {far.pixelColor(x, 2).name() for x in range(4, far.width() - 4)}
    assert theme().role_header("cell").name() in colours
    assert far.size() != near.size()


def test_the_picture_for_export_shows_no_selection(view):
    plain = view.to_image(QSize(800, 300))
    view.select(["lstm"])
    assert view.to_image(QSize(800, 300)) == plain
    assert view.selection == ("lstm",)
    assert view.canvas.blocks["lstm"].chosen
    assert plain.pixelColor(2, 2) == theme().color("canvas")


def test_the_gradient_overlay_comes_and_goes(view):
    wire = Wire("lstm", "out", "dropout", "in")
    plain = view.to_image(QSize(900, 300))
    view.set_gradient({wire: -1.0})
    assert view.to_image(QSize(900, 300)) != plain
    view.set_gradient({wire: -math.inf})
    view.set_gradient(None)
    assert view.to_image(QSize(900, 300)) == plain


def test_the_view_lets_go_of_its_document(qtbot, document):
    canvas = CanvasView(document)
    canvas.deleteLater()
    del canvas
    qtbot.waitUntil(lambda: not document.changed._listeners)
    document.apply(editing.add(document.project.graph, "linear", 0, 0))


# Size and history


def test_five_hundred_blocks_build_and_drag(qtbot):
    graph = Graph().with_block(editing.new_block(Graph(), "tokens", 0, 0))
    last = "tokens"
    kinds = ["embedding", *["layer_norm"] * 498, "next_token"]
    for index, kind in enumerate(kinds, 1):
        block = editing.new_block(graph, kind, 228.0 * (index % 25), 200.0 * (index // 25))
        graph = graph.with_block(block).with_wire(Wire(last, "out", block.id, "in"))
        last = block.id
    document = Document(Project(graph))
    view = CanvasView(document)
    qtbot.addWidget(view)
    view.set_facts(FACTS)
    view.resize(1000, 700)
    view.show()
    assert len(view.canvas.blocks) == 501
    view.select(["layer_norm7"])
    view.zoom_by(0.8 / view.zoom())
    view.reveal(["layer_norm7"])
    start = view.mapFromScene(view.canvas.blocks["layer_norm7"].frame.center())
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    for step in range(10):
        QTest.mouseMove(view.viewport(), start + QPoint(6 * step, 4 * step))
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=start + QPoint(60, 40))
    assert document.undo_label == "Move"
    assert not view.grab().isNull()


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "connect", "delete", "set", "move", "switch", "insert",
                               "paste", "undo", "redo"]), st.integers(0, 10_000)),
    max_size=14,
)  # fmt: skip


def edit_for(graph, name, seed):  # noqa: PLR0911 - a table of cases
    """Return some edit of that sort, or None when there is none."""
    ids = list(graph.blocks)
    kinds = list(KINDS)
    some = ids[seed % len(ids)] if ids else ""
    kind = kinds[seed % len(kinds)]
    if name == "add":
        return editing.add(graph, kind, seed % 997, seed % 331)
    if name == "paste":
        return Paste(copied(graph, ids[:3]), (24, 24)) if ids else None
    if name == "insert" and graph.wires:
        wire = graph.wires[seed % len(graph.wires)]
        fits = editing.can_insert(graph, kind, wire)
        return editing.insert_on_wire(graph, kind, wire) if fits else None
    if not ids or name == "insert":
        return None
    if name == "connect":
        other = ids[(seed // 7) % len(ids)]
        outs = KINDS[graph.blocks[some].kind].outputs
        wire = editing.best_input(graph, some, outs[0].name, other) if outs else None
        return Connect(wire) if wire and some != other else None
    if name == "delete":
        return editing.remove(graph, ids[seed % len(ids) :][:2])
    if name == "move":
        return MoveBlocks({some: (float(seed % 500), float(seed % 77))})
    if name == "switch":
        return editing.switch_kind(graph, some, kind)
    params = KINDS[graph.blocks[some].kind].params
    number = next((p for p in params if p.kind == "int"), None)
    return editing.set_param(graph, some, number.name, 1 + seed % 64) if number else None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(actions=ACTIONS)
def test_any_edits_are_mirrored_and_undo_and_redo_are_exact(qtbot, actions):
    start = make("char-lstm")
    document = Document(start, clock=iter(range(10_000_000)).__next__)
    view = CanvasView(document)
    try:
        view.set_facts(FACTS)
        for name, seed in actions:
            if name in ("undo", "redo"):
                getattr(document, name)()
            else:
                try:
                    edit = edit_for(document.project.graph, name, seed)
                except SeqError:
                    edit = None
                if edit is not None:
                    document.apply(edit)
            mirrors(view, document)
        end = document.project
        while document.undo():
            mirrors(view, document)
        assert document.project == start
        while document.redo():
            pass
        mirrors(view, document)
        if not any(name in ("undo", "redo") for name, _ in actions):
            assert document.project == end
    finally:
        view.deleteLater()
        QCoreApplication.sendPostedEvents(view, QEvent.Type.DeferredDelete.value)


def mirrors(view, document):
    graph = document.project.graph
    assert set(view.canvas.blocks) == set(graph.blocks)
    assert set(view.canvas.wires) == set(graph.wires)
    for block in graph:
        item = view.canvas.blocks[block.id]
        assert (item.x(), item.y()) == (block.x, block.y)
    assert len(view.canvas.items()) == len(graph.blocks) + len(graph.wires) + 2


def test_a_solved_problem_leaves_no_message_painted(view, document, qtbot):
    wire = next(w for w in document.project.graph.wires if w.target == "embedding")
    document.apply(Disconnect(wire))
    view.select(["embedding"])
    told = view.canvas.blocks["embedding"].sceneBoundingRect()
    qtbot.wait(30)
    repainted = []
    view.canvas.changed.connect(repainted.extend)
    document.apply(Connect(wire))
    qtbot.waitUntil(lambda: any(area.contains(told) for area in repainted))
    assert view.canvas.blocks["embedding"].sceneBoundingRect().height() < told.height()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=st.lists(st.tuples(st.integers(0, 6), st.integers(-9, 9), st.integers(-9, 9)),
                      min_size=1, max_size=8))  # fmt: skip
def test_wires_laid_one_by_one_are_those_laid_all_at_once(qtbot, moves):
    document = Document(make("char-attention"))
    view = CanvasView(document)
    qtbot.addWidget(view)
    keys = list(document.project.graph.blocks)
    for which, dx, dy in moves:
        block = document.project.graph.blocks[keys[which % len(keys)]]
        document.apply(MoveBlocks({block.id: (block.x + 36 * dx, block.y + 36 * dy)}))
        shown = {wire: item.route.path for wire, item in view.canvas.wires.items()}
        view.canvas.reroute()
        assert shown == {wire: item.route.path for wire, item in view.canvas.wires.items()}
