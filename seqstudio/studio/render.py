"""Panels and pages as pictures, without a screen: what `seqstudio render` draws."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import (
    QBuffer,
    QCoreApplication,
    QEvent,
    QMessageLogContext,
    QSize,
    Qt,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from seqstudio.core.errors import DataError, RunError, SeqError
from seqstudio.document.document import Document
from seqstudio.document.project import load_project
from seqstudio.records.looking import Looked
from seqstudio.records.messages import StateChanged
from seqstudio.records.readings import AttentionReading, GradientReading
from seqstudio.runtime.history import RunHistory
from seqstudio.studio.app import application, open_window
from seqstudio.studio.background import POLL_MS, at_work
from seqstudio.studio.canvas import CanvasView
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.session import Notice, Session
from seqstudio.studio.theme import theme, themes
from seqstudio.studio.window import MainWindow

PANELS = {
    "curves": "panels.curves:CurvesPanel",
    "norms": "panels.norms:NormsPanel",
    "unrolled": "panels.unrolled:UnrolledPanel",
    "horizon": "panels.horizon:HorizonPanel",
    "gradients": "panels.through_time:ThroughTimePanel",
    "bptt": "inside.playing.panel:BpttPanel",
    "time-map": "inside.gradients.time_map:TimeMapPanel",
    "spectrum": "inside.gradients.spectrum:SpectrumPanel",
    "waterfall": "inside.gradients.waterfall:WaterfallPanel",
    "health": "inside.health.panel:HealthPanel",
    "findings": "inside.health.findings:FindingsPanel",
    "gates": "inside.gates.panel:GatesPanel",
    "trajectory": "inside.gates.trajectory:TrajectoryPanel",
    "cells": "inside.cells.panel:CellsPanel",
    "surgery": "inside.surgery.panel:SurgeryPanel",
    "predictions": "inside.predictions.panel:PredictionsPanel",
    "embedding": "inside.embedding.panel:EmbeddingPanel",
    "attention": "panels.attention:AttentionPanel",
    "weights": "inside.attention.alignment:WeightsPanel",
    "alignment": "inside.attention.alignment:AlignmentPanel",
    "one-query": "inside.attention.query:OneQueryPanel",
    "products": "inside.attention.products:ProductsPanel",
    "rollout": "inside.attention.flow:FlowPanel",
    "heads-off": "inside.attention.ablation:HeadsOffPanel",
    "edit-weights": "inside.attention.edit:WeightEditPanel",
    "distance": "trying.distance:DistancePanel",
    "try-symbols": "trying.symbols:SymbolsPanel",
    "try-adding": "trying.adding:AddingPanel",
    "forecast": "trying.series:SeriesPanel",
    "ball": "trying.ball:BallPanel",
    "sound": "trying.sound:SoundPanel",
    "bases": "trying.bases:BasesPanel",
    "samples": "panels.samples:SamplesPanel",
    "code": "panels.code:CodePanel",
    "data": "panels.data:DataPanel",
    "runs": "panels.runs:RunsPanel",
    "sweep": "panels.sweep:SweepPanel",
    "roll": "listen.roll_panel:PianoRollPanel",
    "score": "listen.score_panel:ScorePanel",
    "abc": "listen.text_panel:TextPanel",
    "measures": "listen.measures_panel:MeasuresPanel",
    "ages": "listen.ages_panel:AgesPanel",
    "takes": "listen.shelf_panel:ShelfPanel",
    "jam": "listen.jam_panel:JamPanel",
}
CANVAS, WINDOW = "canvas", "window"
PANEL_SIZE, WINDOW_SIZE = (1120, 700), (1440, 900)
SMALLEST, LARGEST = 64, 8192
PLATFORM_TALK = "This plugin does not support"
JOBS_S = 20.0
DATA_S = 60.0
LOOK_S = 60.0
PANEL_SETTLES_S, WINDOW_SETTLES_S = 0.1, 0.4  # tables take their rows, docks their sizes


@dataclass(frozen=True)
class Order:
    """What to draw.

    Attributes:
        path: Project file.
        name: Panel, page, "canvas" or "window".
        run: Name of the run to show, "" for the newest.
        size: Width and height in pixels, None for what suits.
        mode: Colours.
    """

    path: Path
    name: str
    run: str = ""
    size: tuple[int, int] | None = None
    mode: Literal["dark", "light"] = "dark"


def picture(order: Order) -> bytes:
    """Draw a panel or a page and return it as a PNG file.

    Raises:
        SeqError: The project or the run cannot be read, the name or the size does not fit.
    """
    project = load_project(order.path)
    if order.size is not None and not all(SMALLEST <= n <= LARGEST for n in order.size):
        why = f"{order.size[0]} × {order.size[1]} pixels were asked for"
        raise SeqError("The picture cannot have that size", why, f"Use {SMALLEST} to {LARGEST:,}")
    with _quiet_platform():
        if order.name not in {*PANELS, CANVAS}:
            return _window_picture(order)
        document = Document(project)
        document.path = order.path
        with _session(document) as session, _colours(order.mode):
            _show_run(session, order.run)
            if order.name == CANVAS:
                return png_bytes(_canvas_image(session, order.size))
            return png_bytes(_panel_image(session, order.name, *(order.size or PANEL_SIZE)))


def picture_of_readings(
    path: Path,
    run: str,
    readings: Sequence[GradientReading | AttentionReading],
    size: tuple[int, int],
    text: str = "",
) -> bytes:
    """Draw fresh readings of a run as their panels show them; return a PNG file.

    Args:
        path: Project file.
        run: Name of the run.
        readings: Of one training step, at least one.
        size: Width and height in pixels.
        text: What was looked at, "" for the start of the held-out part.
    """
    project = load_project(path)
    sampling = project.sampling.with_value("probe_text", text)
    document = Document(replace(project, sampling=sampling))
    document.path = path
    with _quiet_platform(), _session(document) as session, _colours("dark"):
        found = list(readings)
        session.history = RunHistory(run)
        session.history.extend([*found, StateChanged("finished", found[0].step)])
        session.run_project = document.project
        session.run_changed.emit()
        attention = any(isinstance(reading, AttentionReading) for reading in found)
        names = ["attention"] if attention else ["horizon", "gradients"]
        return png_bytes(_stacked(session, names, size))


def picture_of_look(
    path: Path, run: str, name: str, looked: Looked, size: tuple[int, int], text: str = ""
) -> bytes:
    """Draw an answer of a look inside as its panel shows it; return a PNG file.

    Args:
        path: Project file.
        run: Name of the run.
        name: Of the panel, as in `PANELS`.
        looked: What was seen.
        size: Width and height in pixels.
        text: What was looked at, "" for the start of the held-out part.
    """
    project = load_project(path)
    sampling = project.sampling.with_value("probe_text", text)
    document = Document(replace(project, sampling=sampling))
    document.path = path
    with _quiet_platform(), _session(document) as session, _colours("dark"):
        session.history = RunHistory(run)
        session.history.extend([StateChanged("finished", looked.step)])
        session.run_project = document.project
        panel = _panel(session, name)
        assert isinstance(panel, LookPanel)
        panel.pin(looked)
        return png_bytes(_image_of(panel, *size))


def png_bytes(image: QImage) -> bytes:
    """Return an image as a PNG file."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # its stub is wrong: bytes fail
    return bytes(buffer.data().data())


# ------------------------------------------------------------------------------------ stages


@contextmanager
def _quiet_platform() -> Iterator[None]:
    """Make sure that Qt runs, and keep from the terminal what its platform without screen says."""

    def tell(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        if not message.startswith(PLATFORM_TALK):
            (before or _tell_plainly)(kind, context, message)

    before = qInstallMessageHandler(tell)
    try:
        application()
        yield
    finally:
        qInstallMessageHandler(before)


def _tell_plainly(_kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    sys.stderr.write(message + "\n")


@contextmanager
def _colours(mode: Literal["dark", "light"]) -> Iterator[None]:
    """Draw in a theme; what was drawn must outlive this, for it follows the theme back."""
    before = themes().mode
    themes().set_mode(mode)
    themes().apply()
    try:
        yield
    finally:
        themes().set_mode(before)
        themes().apply()


@contextmanager
def _session(document: Document) -> Iterator[Session]:
    """Give a session that only looks: what panels ask is answered in a thread of this process."""
    session = Session(document, threads=True)
    try:
        _wait_for_data(session)
        yield session
    finally:
        _end(session)
        session.deleteLater()
        _bury()


def _end(session: Session) -> None:
    session.begin_close()
    session.end_close()


def _bury() -> None:
    _run_events(JOBS_S, lambda: not at_work())
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _wait_for_data(session: Session) -> None:
    def known() -> bool:
        return session.facts is not None or session.data_error is not None

    if not _run_events(DATA_S, known):
        raise DataError("The data were not read", f"it took more than {DATA_S:.0f} s")
    if session.data_error is not None:
        raise session.data_error


def _run_events(limit_s: float, over: Callable[[], bool]) -> bool:
    """Let Qt work until `over`, at most for `limit_s`; return whether it is over."""
    end = time.monotonic() + limit_s
    while not over() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    return over()


def _settle(seconds: float) -> None:
    _run_events(seconds, lambda: False)
    end = time.monotonic() + JOBS_S
    busy = True
    while busy and time.monotonic() < end:
        _run_events(JOBS_S, lambda: not at_work())
        _run_events(2 * POLL_MS / 1000, lambda: False)  # what was found is taken, the next begins
        busy = at_work()


def _show_run(session: Session, wanted: str) -> None:
    """Show the run that is named, or the newest; without runs the panels say so.

    Raises:
        RunError: There is no run of that name, or it cannot be read.
    """
    names = [run.name for run in session.runs()]
    if wanted and wanted not in names:
        hint = "Choose one of: " + ", ".join(names) if names else "Train it first"
        raise RunError(f"There is no run {wanted!r}", "", hint)
    if not names:
        return
    refused: list[object] = []

    def hear(notice: object) -> None:
        refused.append(notice)

    session.notice.connect(hear)
    session.open_run(wanted or names[0])
    session.notice.disconnect(hear)
    for notice in refused:
        if isinstance(notice, Notice):
            raise RunError(notice.what, notice.why, notice.hint)


# ------------------------------------------------------------------------------------ drawing


def _panel(session: Session, name: str) -> Panel:
    module, _, kind = PANELS[name].partition(":")
    found = getattr(importlib.import_module(f"seqstudio.studio.{module}"), kind)
    panel: Panel = found(session)
    return panel


def _panel_image(session: Session, name: str, width: int, height: int) -> QImage:
    return _image_of(_panel(session, name), width, height)


def _image_of(panel: Panel, width: int, height: int) -> QImage:
    looks = panel.session.looks
    try:
        panel.resize(width, height)
        panel.refresh()
        _run_events(LOOK_S, lambda: not looks.waiting)  # a panel may ask the trainer's process
        _settle(PANEL_SETTLES_S)  # unseen: showing it would open the sound output for a tune
        return panel.to_image(width, height)
    finally:
        panel.deleteLater()


def _canvas_image(session: Session, size: tuple[int, int] | None) -> QImage:
    """Draw the graph in the middle; without a size, as high as it needs at the usual width."""
    canvas = CanvasView(session.document)
    try:
        if session.facts is not None:
            canvas.set_facts(session.facts)
        canvas.resize(*PANEL_SIZE)
        canvas.show()
        _settle(PANEL_SETTLES_S)
        content = canvas.canvas.content().size()
        room = QSize(*size) if size else QSize(PANEL_SIZE[0], LARGEST)
        graph = canvas.to_image(content.scaled(room, Qt.AspectRatioMode.KeepAspectRatio).toSize())
        return _centred(graph, room) if size else graph
    finally:
        canvas.close()
        canvas.deleteLater()


def _centred(inner: QImage, size: QSize) -> QImage:
    image = QImage(size, inner.format())
    image.fill(theme().color("canvas"))
    painter = QPainter(image)
    spare = size - inner.size()
    painter.drawImage(spare.width() // 2, spare.height() // 2, inner)
    painter.end()
    return image


def _stacked(session: Session, names: list[str], size: tuple[int, int]) -> QImage:
    """Draw panels below one another."""
    width, height = size[0], size[1] // len(names)
    image = QImage(width, height * len(names), QImage.Format.Format_ARGB32_Premultiplied)
    painter = QPainter(image)
    for place, name in enumerate(names):
        painter.drawImage(0, place * height, _panel_image(session, name, width, height))
    painter.end()
    return image


def _window_picture(order: Order) -> bytes:
    """Draw the whole window with a page in front.

    Raises:
        SeqError: There is no such page or panel, or the window cannot be that small.
    """
    window = open_window(order.path)
    try:
        QApplication.processEvents()  # what the window put off until now must not come after it
        if order.name not in {*window.pages, WINDOW}:
            names = ", ".join([CANVAS, *PANELS, WINDOW, *window.pages])
            raise SeqError(f"There is no panel {order.name!r}", "", f"Choose one of: {names}")
        width, height = order.size or WINDOW_SIZE
        least = window.minimumSize()
        if width < least.width() or height < least.height():
            hint = f"Use at least {least.width()}x{least.height()}, or draw a panel"
            raise SeqError("The window cannot be that small", "", hint)
        _wait_for_data(window.session)
        with _colours(order.mode):
            _show_run(window.session, order.run)
            return png_bytes(_grabbed(window, order.name, width, height))
    finally:
        _end(window.session)
        window.hide()
        window.deleteLater()
        _bury()


def _grabbed(window: MainWindow, name: str, width: int, height: int) -> QImage:
    window.resize(width, height)
    if name != WINDOW:
        window.show_page(name)
    for toast in window.toasts.toasts():
        toast.hide()  # news of this moment, not of the run
    window.show()
    _settle(WINDOW_SETTLES_S)
    return window.grab().toImage()
