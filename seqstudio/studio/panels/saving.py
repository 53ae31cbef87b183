"""A panel as a file: a picture to look at, a drawing to print, or its numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QIODevice, QRect, QSize
from PySide6.QtGui import QPainter
from PySide6.QtSvg import QSvgGenerator

from seqstudio.core.errors import DataError
from seqstudio.core.files import write_atomic
from seqstudio.records.tables import csv_bytes, long_rows, npz_bytes

if TYPE_CHECKING:
    from seqstudio.studio.panels.base import Panel

FILTERS = {
    ".png": "PNG picture (*.png)",
    ".svg": "SVG drawing (*.svg)",
    ".csv": "Numbers as a CSV table (*.csv)",
    ".npz": "Numbers as NumPy arrays (*.npz)",
}
NUMBERS = (".csv", ".npz")
SHARP = 2.0


def save_panel(panel: Panel, path: Path) -> None:
    """Write what a panel shows: PNG or SVG as it is seen, CSV or NPZ as numbers.

    Raises:
        DataError: The kind of file is unknown, or there are no numbers yet.
        StorageError: It cannot be written.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        kinds = ", ".join(FILTERS)
        raise DataError(
            f"{path.name} was not saved", "the kind of file is unknown", f"Use {kinds}"
        )
    write_atomic(path, writer(panel))


def _png(panel: Panel) -> bytes:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    panel.to_image(panel.width(), panel.height(), ratio=SHARP).save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def _svg(panel: Panel) -> bytes:
    buffer, size = QBuffer(), QSize(panel.width(), panel.height())
    drawing = QSvgGenerator()
    drawing.setOutputDevice(buffer)
    drawing.setSize(size)
    drawing.setViewBox(QRect(0, 0, size.width(), size.height()))
    drawing.setTitle(panel.title)
    painter = QPainter(drawing)
    try:
        panel.paint_picture(painter, size.width(), size.height())
    finally:
        painter.end()
    return bytes(buffer.data().data())


def _csv(panel: Panel) -> bytes:
    return csv_bytes(long_rows(_numbers(panel)))


def _npz(panel: Panel) -> bytes:
    return npz_bytes(_numbers(panel))


def _numbers(panel: Panel) -> dict[str, NDArray[Any]]:
    panel.refresh()
    numbers = {} if panel.is_empty else panel.numbers()
    if not numbers:
        raise DataError(
            f"{panel.title} has no numbers to save",
            "there is nothing in view yet",
            "Train the model, or save a picture",
        )
    return numbers


_WRITERS: dict[str, Callable[[Panel], bytes]] = {
    ".png": _png,
    ".svg": _svg,
    ".csv": _csv,
    ".npz": _npz,
}
