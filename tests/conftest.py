"""What every test shares: no screen, no settings of the user, nothing left behind.

Works without PySide6 too: the tests of the window are then left out and the rest runs.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time: a commit must not fail for what another one brought in. New ones
# are looked for by hand: --hypothesis-profile=search.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000)
settings.load_profile("steady")

# Before the first Qt import. A person may still ask for a real screen: QT_QPA_PLATFORM=xcb.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Before the first import of torch. The files of the suite run side by side, one a core: threads of
# two of them on the same core wait for each other, and small models take five times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

HAS_QT = importlib.util.find_spec("PySide6") is not None
_WITHOUT_QT = ["studio", "gui", "journeys"]
collect_ignore = [] if HAS_QT else _WITHOUT_QT

# What the offscreen platform says about things that it cannot do.
_PLATFORM_TALK = r"^This plugin does not support"
_QT_SETTINGS = ("qt_api", "qt_log_level_fail")
_THREADS_END_S = 5.0
_MUCH_GARBAGE = 50_000
_ALLOWED_WINDOWS = {"QTipLabel"}


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the settings of pytest-qt where it is not there, or strict mode refuses them."""
    if not pluginmanager.hasplugin("pytest-qt"):
        for name in _QT_SETTINGS:
            parser.addini(name, "read by pytest-qt")


# ziafont 1.3 asks importlib for its fonts in the old way; nothing of ours can change that.
_FONT_WARNING = "ignore:path is deprecated:DeprecationWarning"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", _FONT_WARNING)
    if config.pluginmanager.hasplugin("pytest-qt"):
        config.addinivalue_line("qt_log_ignore", _PLATFORM_TALK)


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_user() -> Iterator[None]:
    """Point settings and data folders to a place that goes away."""
    names = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="seqstudio-test-") as folder:
        for name in names:
            os.environ[name] = str(Path(folder) / name.lower())
        yield
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@pytest.fixture(autouse=True, scope="session")
def garbage_dies_in_the_main_thread() -> Iterator[None]:
    """Collect between tests only, as the window does: Qt objects must not die in a worker."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def garbage_goes_between_tests(garbage_dies_in_the_main_thread: None) -> Iterator[None]:
    yield
    if gc.get_count()[0] > _MUCH_GARBAGE:
        gc.collect()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a thread running or a window open."""
    threads = set(threading.enumerate())
    windows = _windows()
    yield
    left = _threads_left(threads)
    assert not left, f"threads still run: {', '.join(left)}"
    left = _windows_left(windows)
    assert not left, f"windows still there: {', '.join(left)}"


def _threads_left(before: set[threading.Thread]) -> list[str]:
    deadline = time.monotonic() + _THREADS_END_S
    new = [t for t in threading.enumerate() if t not in before and not t.daemon]
    for thread in new:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [f"{t.name} ({t})" for t in new if t.is_alive()]


def _windows() -> dict[int, object]:
    """Return the parentless widgets by the address of their C++ object."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    app = widgets.QApplication.instance() if widgets else None
    if app is None:
        return {}
    import shiboken6

    return {
        shiboken6.getCppPointer(window)[0]: window
        for window in app.topLevelWidgets()
        if window.parent() is None
    }


def _windows_left(before: dict[int, object]) -> list[str]:
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is None or widgets.QApplication.instance() is None:
        return []
    from PySide6.QtCore import QCoreApplication, QEvent

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    if _new_windows(before):
        gc.collect()  # a window that only a cycle of references kept
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    return _new_windows(before)


def _new_windows(before: dict[int, object]) -> list[str]:
    new = [window for address, window in _windows().items() if address not in before]
    names = [f"{type(w).__name__} {w.objectName()!r}" for w in new]  # type: ignore[attr-defined]
    return [name for name in names if name.split()[0] not in _ALLOWED_WINDOWS]
