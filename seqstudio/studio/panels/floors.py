"""`FloorCounter`: the floor of the data before the first run, counted aside."""

from __future__ import annotations

import threading

from PySide6.QtCore import QObject, Signal

from seqstudio.core.errors import SeqError
from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import Floor, floor


class FloorCounter(QObject):
    """Counts in a thread, once for each dataset; a floor of a text takes seconds the first time.

    Signals:
        counted(): Another floor is known.
    """

    counted = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._asked = ""
        self._found: dict[str, Floor] = {}

    def found(self, dataset: Dataset | None) -> Floor | None:
        """Return the floor of a dataset, or None and begin to count it."""
        if dataset is None:
            return None
        if dataset.content_hash not in self._found and dataset.content_hash != self._asked:
            self._asked = dataset.content_hash
            # A daemon: closing the window does not wait for it, and nothing is lost.
            threading.Thread(
                target=self._count, args=(dataset,), name="seqstudio-floor", daemon=True
            ).start()
        return self._found.get(dataset.content_hash)

    def _count(self, dataset: Dataset) -> None:
        try:
            self._found[dataset.content_hash] = floor(dataset)
            self.counted.emit()
        except (SeqError, OSError, MemoryError, ValueError, RuntimeError):
            return  # the run counts again and tells what is wrong; or the panel is gone
