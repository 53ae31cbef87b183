"""The Python binding of Qt keeps its reference counts.

PySide6 6.12.0 on CPython 3.11 and older loses a reference to True with each emit and several to
None with each redraw, until the interpreter aborts. Every supported pair has to pass this. All
of it runs in children: the faulty pair would take the test run with it.
"""

import os
import subprocess
import sys

import pytest

COUNTS = """
import sys
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QLabel

class Emitter(QObject):
    fired = Signal(int)

app = QApplication([])
label, emitter = QLabel("x"), Emitter()
before = sys.getrefcount(None), sys.getrefcount(True)
for _ in range(100):
    label.parentWidget()
    emitter.fired.emit(1)
after = sys.getrefcount(None), sys.getrefcount(True)
print(after[0] - before[0], after[1] - before[1])
sys.exit(after[0] < before[0] - 50 or after[1] < before[1] - 50)
"""

WORK = """
import sys
import numpy
import pyqtgraph
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

class Emitter(QObject):
    fired = Signal(bool)

class Receiver(QObject):
    received = 0
    @Slot(bool)
    def take(self, value):
        self.received += value

class CountedCurve(pyqtgraph.PlotCurveItem):
    painted = 0
    def paint(self, *arguments):
        super().paint(*arguments)
        self.painted += 1

emits, redraws = int(sys.argv[1]), int(sys.argv[2])
app = QApplication([])
emitter, receiver = Emitter(), Receiver()
emitter.fired.connect(receiver.take)
for _ in range(emits):
    emitter.fired.emit(True)

view = pyqtgraph.PlotWidget()
curve = CountedCurve()
view.addItem(curve)
view.resize(320, 200)
view.show()
app.processEvents()
curve.painted = 0
waves = numpy.random.default_rng(1).normal(size=(16, 400)).cumsum(axis=1)
for number in range(redraws):
    curve.setData(waves[number % 16])
    view.viewport().repaint()
print(receiver.received, curve.painted)
view.close()
"""


def child(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=280,
    )


def emit_and_redraw(emits: int, redraws: int) -> None:
    done = child(WORK, str(emits), str(redraws))
    assert done.returncode == 0, done.stderr
    received, painted = map(int, done.stdout.split())
    assert received == emits
    assert painted >= redraws


def test_binding_keeps_reference_counts() -> None:
    done = child(COUNTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_binding_survives_emits_and_redraws() -> None:
    emit_and_redraw(20_000, 300)


@pytest.mark.long
def test_binding_survives_a_million_emits() -> None:
    emit_and_redraw(1_000_000, 10_000)
