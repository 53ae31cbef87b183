"""Starting the application: Qt, theme, faults, signals, session, window; and ending it."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

from platformdirs import user_config_dir, user_log_dir
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from seqstudio.blocks.suggesting import Habits
from seqstudio.blocks.templates import FIRST, make
from seqstudio.core.errors import SeqError
from seqstudio.document.document import Document
from seqstudio.studio.faults import FaultCatcher
from seqstudio.studio.garbage import GarbageCollector
from seqstudio.studio.recovery import Recovery, offers, recovery_folder
from seqstudio.studio.session import Notice, Session
from seqstudio.studio.theme import themes
from seqstudio.studio.window import MainWindow, recent_files

TOUR_MS = 900  # after the first start only
WARM_UP_MS = 400  # after the first paint: loading torch must not compete with it


def run(path: Path | None, *, threads: bool = False) -> int:
    """Open the window and stay until it is closed.

    Args:
        path: Project to open, None for the last one or the first template.
        threads: Train in a thread of this process instead of a process of its own.

    Returns:
        Exit code.
    """
    app = application()
    faults = FaultCatcher()
    faults.install(Path(user_log_dir("seqstudio")))
    settings = QSettings("seqstudio", "seqstudio")
    take_appearance(settings)
    window = open_window(path, settings=settings, faults=faults, threads=threads)
    window.recovery = Recovery(window.session, recovery_folder())
    window.build.canvas.editor.habits = Habits(Path(user_config_dir("seqstudio")) / "links.json")
    for found in offers(recovery_folder())[:1]:
        window.banner.show_offer(found)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.begin_close())
    window.show()
    if settings.value("toured") is None:
        settings.setValue("toured", True)
        QTimer.singleShot(TOUR_MS, window.tour.start)
    QTimer.singleShot(WARM_UP_MS, window.session.warm_up)
    code = app.exec()
    window.session.end_close()
    faults.remove()
    window.deleteLater()
    app.sendPostedEvents(None, 0)
    return code


def application() -> QApplication:
    """Return the Qt application, made if there is none."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    present = QApplication.instance()
    app = present if isinstance(present, QApplication) else QApplication(sys.argv[:1])
    if app.findChild(GarbageCollector) is None:
        GarbageCollector(app)
    app.setApplicationName("SeqStudio")
    app.setOrganizationName("seqstudio")
    return app


def take_appearance(settings: QSettings) -> None:
    """Put the theme of the settings into force."""
    mode = str(settings.value("theme", "system"))
    themes().set_safe_colours(str(settings.value("safe", "false")).lower() == "true")
    themes().set_mode(mode if mode in {"dark", "light"} else "system")  # type: ignore[arg-type]
    themes().apply()


def open_window(
    path: Path | None,
    *,
    settings: QSettings | None = None,
    faults: FaultCatcher | None = None,
    threads: bool = False,
) -> MainWindow:
    """Make the window with a project in it; it is not shown yet."""
    document = Document(make(FIRST))
    session = Session(document, threads=threads)
    window = MainWindow(session, settings, faults)
    first_start = settings is None or settings.value("recent") is None
    target = path or _last(settings)
    if target is not None:
        try:
            session.open(target)
        except SeqError as error:
            notice = Notice(error.what, error.why, error.hint, "error")
            QTimer.singleShot(0, window, lambda: window.show_notice(notice))
    window.build.show_gallery(target is None and first_start)
    QTimer.singleShot(0, window.build.canvas.fit)
    return window


def _last(settings: QSettings | None) -> Path | None:
    """Return the project that was open last, if it is still there."""
    names = recent_files(settings) if settings is not None else []
    return Path(names[0]) if names else None
