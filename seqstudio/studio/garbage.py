"""Python's garbage, collected in the GUI thread only.

Python collects cycles in whichever thread happens to allocate. A timer or a widget that dies in
a worker stays in Qt's lists, and the program crashes when the timer is due. So the automatic
collection is off in a program with a window, and a timer of the GUI thread does its work.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

CHECK_MS = 200


class GarbageCollector(QObject):
    """Takes the place of Python's automatic collection for as long as it lives.

    Args:
        parent: An object of the GUI thread, the application as a rule.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=CHECK_MS)
        self._timer.timeout.connect(self.check)
        self._timer.start()

    @Slot()
    def check(self) -> None:
        """Collect each generation that is due by Python's own thresholds."""
        for generation, threshold in enumerate(gc.get_threshold()):
            if gc.get_count()[generation] <= threshold:
                return
            gc.collect(generation)

    def end(self) -> None:
        """Give the work back to Python: no window is left."""
        self._timer.stop()
        gc.enable()
