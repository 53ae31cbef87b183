"""The canvas with hundreds of blocks: opening, every gesture, and the check after an edit.

Each figure is the time that one event keeps the thread of the window busy, painting included.
Processor time is measured, not the clock: what else runs on the computer does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from seqstudio.bench.results import Row, quantile
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.graph import Block, Graph, Wire
from seqstudio.document.param import Value
from seqstudio.document.project import Project, parse_project, project_text

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint

    from seqstudio.studio.canvas import CanvasView

BLOCKS = 500
WIDTH, HEIGHT = 1200, 800
OPEN_MS, EVENT_MS, CHECK_MS = 1000.0, 16.0, 50.0
ZOOMS = (("all in view", 0.0), ("zoom 30 %", 0.3), ("zoom 50 %", 0.5), ("zoom 100 %", 1.0))
UNLIMITED = float("nan")
_COLUMN, _ROW, _STRIDE = 240.0, 144.0, 10


def crowd(count: int = BLOCKS) -> Graph:
    """Return a model of residual chains with branches, `count` blocks in all.

    Every link is h + Linear(h) beside Dropout(Linear(h)), so there are skips, forks and joins.
    """
    graph = _with(Graph(), "tokens", "tokens", 0.0, 0.0)
    graph = _with(graph, "embedding", "embedding", _COLUMN, 0.0, ("tokens",), width=64)
    last, link = "embedding", 0
    while len(graph.blocks) + 5 <= count:
        x, y = _COLUMN * (2 + 4 * (link % _STRIDE)), 3 * _ROW * (link // _STRIDE)
        wide, side, drop, total = (f"{name}{link}" for name in ("wide", "side", "drop", "total"))
        graph = _with(graph, wide, "linear", x, y, (last,), width=64)
        graph = _with(graph, side, "linear", x, y + _ROW, (last,), width=64)
        graph = _with(graph, drop, "dropout", x + _COLUMN, y + _ROW, (side,))
        graph = _with(graph, total, "add", x + 2 * _COLUMN, y, (wide, drop))
        last, link = total, link + 1
    while len(graph.blocks) + 1 < count:
        key = f"norm{len(graph.blocks)}"
        place = _ROW * (count - len(graph.blocks))
        graph = _with(graph, key, "layer_norm", -_COLUMN, place, (last,))
        last = key
    return _with(graph, "head", "next_token", -_COLUMN, 0.0, (last,))


def _with(
    graph: Graph,
    key: str,
    kind: str,
    x: float,
    y: float,
    fed: tuple[str, ...] = (),
    **given: Value,
) -> Graph:
    block = Block(key, kind, x, y, {**KINDS[kind].defaults(), **given})
    graph = graph.with_block(block)
    for source, port in zip(fed, KINDS[kind].inputs, strict=False):
        graph = graph.with_wire(Wire(source, "out", key, port.name))
    return graph


def measure(events: int) -> dict[str, list[float]]:
    """Return the milliseconds of every event, by what was done; needs a Qt platform.

    Args:
        events: How many of each.
    """
    from seqstudio.studio.app import application
    from seqstudio.studio.theme import themes

    application()
    themes().set_mode("dark")
    text = project_text(Project(crowd()))
    facts = DataFacts("Benchmark", "next token", "ids", 65)
    found: dict[str, list[float]] = {}
    for _ in range(3):
        before = time.thread_time()
        view = _opened(text, facts)
        found.setdefault("opening", []).append(1e3 * (time.thread_time() - before))
        view.close()
    view = _opened(text, facts)
    for words, zoom in ZOOMS:
        found |= _gestures(view, words, zoom, events)
    found |= _edits(view, max(events // 4, 5))
    view.close()
    return found


def _opened(text: str, facts: DataFacts) -> CanvasView:
    """Return a canvas in which the text of a project was opened and painted."""
    from PySide6.QtWidgets import QApplication

    from seqstudio.document.document import Document
    from seqstudio.studio.canvas import CanvasView

    view = CanvasView(Document(parse_project(text)))
    view.set_facts(facts)
    view.resize(WIDTH, HEIGHT)
    view.show()
    QApplication.processEvents()
    return view


def _timed(act: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that an action and its painting take."""
    from PySide6.QtWidgets import QApplication

    before = time.thread_time()
    act()
    QApplication.processEvents()
    return 1e3 * (time.thread_time() - before)


def _gestures(view: CanvasView, words: str, zoom: float, events: int) -> dict[str, list[float]]:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtWidgets import QApplication

    view.fit()
    if zoom:
        view.zoom_by(zoom / view.zoom())
        view.go_to(view.canvas.blocks["total20"].frame.center())
    item = min(
        view.canvas.blocks.values(),
        key=lambda each: (each.frame.center() - view.place()).manhattanLength(),
    )
    _timed(QApplication.processEvents)
    steps = range(events)
    ways = [QPoint(7 if n % 40 < 20 else -7, 3 if n % 30 < 15 else -3) for n in steps]
    found = {f"pan, {words}": [_timed(partial(view.shift_by, way)) for way in ways]}
    found[f"zoom, {words}"] = [
        _timed(partial(view.zoom_by, 1.15 if n % 2 else 1 / 1.15)) for n in steps
    ]
    grip = view.mapFromScene(item.frame.topLeft() + QPointF(item.layout.width / 2, 14))
    found[f"drag, {words}"] = _drag(view, grip, events)
    _timed(QApplication.processEvents)
    spots = [QPoint((60 + 9 * n) % WIDTH, (90 + 5 * n) % HEIGHT) for n in steps]
    found[f"hover, {words}"] = [_timed(partial(_move, view, at, held=False)) for at in spots]
    return found


def _drag(view: CanvasView, grip: QPoint, events: int) -> list[float]:
    """Drag the block at a point of the viewport about, and leave it where it was."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest

    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=grip)
    places = [grip + QPoint(5 * n % 120, 3 * n % 80) for n in range(1, events + 1)]
    found = [_timed(partial(_move, view, at, held=True)) for at in places]
    view.cancel_gesture()
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=grip)
    return found


def _move(view: CanvasView, at: QPoint, *, held: bool) -> None:
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    button = Qt.MouseButton.LeftButton if held else Qt.MouseButton.NoButton
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(at), QPointF(view.viewport().mapToGlobal(at)),
        Qt.MouseButton.NoButton, button, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(view.viewport(), event)


def _edits(view: CanvasView, events: int) -> dict[str, list[float]]:
    """Change settings, wires and places; each is checked and shown before the next."""
    from seqstudio.blocks.editing import set_param
    from seqstudio.document.edits import MoveBlocks

    document, editor = view.editor.document, view.editor
    graph = document.project.graph
    found: dict[str, list[float]] = {
        "check alone": [],
        "a setting changed": [],
        "a block moved": [],
    }
    for number in range(events):
        found["check alone"].append(_timed(partial(editor.checked, editor.graph)))
        key = f"drop{number % 50}"
        edit = set_param(graph, key, "share", 0.1 + 0.01 * (number % 50))
        found["a setting changed"].append(_timed(partial(document.apply, edit)))
        block = graph.blocks[key]
        move = MoveBlocks({key: (block.x, block.y + 12 * (1 + number))})
        found["a block moved"].append(_timed(partial(document.apply, move)))
    return found


def rows(found: Mapping[str, list[float]]) -> Iterator[Row]:
    """Yield the figures of `measure`: median, 99th percentile and largest of each."""
    for what, values in found.items():
        goal = {"opening": OPEN_MS, "check alone": CHECK_MS}.get(what, EVENT_MS)
        if what.startswith("a "):
            goal = CHECK_MS
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            limit = goal if name == "p99" else UNLIMITED
            yield Row(f"{what} {name}", "ms", quantile(values, share), goal=limit)


def bench_canvas(seconds: float, platform: str) -> Iterator[Row]:
    """Measure in a window of a process of its own."""
    from seqstudio.bench.live import ask

    found: dict[str, Any] = ask("canvas", platform, events=max(int(5 * seconds), 20))
    yield from rows(found)
