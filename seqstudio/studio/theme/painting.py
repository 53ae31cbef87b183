"""`painting`: a painter that ends with its block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtGui import QPaintDevice, QPainter


@contextmanager
def painting(device: QPaintDevice) -> Iterator[QPainter]:
    """Give a painter on a widget or image and end it whatever happens.

    An exception inside `paintEvent` otherwise keeps the painter alive through its traceback, and
    Qt brings the process down at the next painting.
    """
    painter = QPainter(device)
    try:
        yield painter
    finally:
        painter.end()
