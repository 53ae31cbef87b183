"""Cycles with Qt objects in them die in the GUI thread, whoever allocates."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject

from seqstudio.studio.garbage import GarbageCollector

WINDOW = """
import gc, sys, threading
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from seqstudio.studio.app import application

app = application()
died = []

class Cycle(QWidget):
    def __init__(self):
        super().__init__()
        self.me = self
        self.timer = QTimer(self, interval=1)
        self.timer.timeout.connect(self.update)
        self.timer.start()

    def __del__(self):
        died.append(threading.current_thread() is threading.main_thread())

over = threading.Event()

def allocate():
    while not over.is_set():
        [[number] for number in range(2000)]

def make():
    for _ in range(20):
        Cycle()
    if len(died) > 200:
        over.set()
        app.quit()

worker = threading.Thread(target=allocate)
worker.start()
timer = QTimer(interval=5)
timer.timeout.connect(make)
timer.start()
app.exec()
worker.join()
print(len(died) > 200, all(died))
"""


@pytest.fixture
def collector(qapp) -> Iterator[GarbageCollector]:
    owner = QObject()
    before = gc.isenabled()
    collector = GarbageCollector(owner)
    yield collector
    collector.end()
    if not before:
        gc.disable()


def cycles(count: int) -> None:
    for _ in range(count):
        each: list[object] = []
        each.append(each)


def test_cycles_go_when_there_are_enough_of_them(collector: GarbageCollector) -> None:
    assert not gc.isenabled()
    gc.collect()
    collector.check()
    cycles(10 * gc.get_threshold()[0])
    assert gc.get_count()[0] > 5 * gc.get_threshold()[0]
    collector.check()
    assert gc.get_count()[0] < gc.get_threshold()[0]


def test_a_worker_collects_nothing(collector: GarbageCollector) -> None:
    threads: list[str] = []

    def note(phase: str, _info: dict[str, int]) -> None:
        threads.append(threading.current_thread().name + phase)

    gc.callbacks.append(note)
    try:
        worker = threading.Thread(target=cycles, args=(20_000,))
        worker.start()
        worker.join()
        assert threads == []
        collector.check()
        assert threads[:2] == ["MainThreadstart", "MainThreadstop"]
    finally:
        gc.callbacks.remove(note)


def test_the_end_gives_the_work_back_to_python(collector: GarbageCollector) -> None:
    collector.end()
    assert gc.isenabled()


def test_widgets_in_cycles_die_in_the_gui_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WINDOW], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True True\n", "")
