"""Dense curves are filled column by column: the same pixels that a stroked zigzag covers."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from seqstudio.studio.plots.frame import path_of
from seqstudio.studio.plots.mass import columns, paint_mass
from seqstudio.studio.plots.series import FloatArray, Series

WIDE, HIGH = 120, 80


def test_columns_take_the_ends_of_their_points_and_the_line_between() -> None:
    x = np.array([0.2, 0.8, 1.5, 4.5])
    top = np.array([10.0, 8.0, 20.0, 20.0])
    bottom = top + 4
    upper, lower = columns(x, (top, bottom), 6)
    assert np.isnan(upper[5])
    assert (upper[0], lower[0]) == (8.0, 17.0)  # down to half way to the next column
    assert (upper[1], lower[1]) == (17.0, 24.0)
    assert upper[2:5].tolist() == [20.0, 20.0, 20.0]


def test_a_gap_between_columns_is_closed_from_both_sides() -> None:
    upper, lower = columns(np.array([0.5, 1.5]), (np.array([30.0, 0.0]), np.array([32.0, 2.0])), 2)
    assert (upper.tolist(), lower.tolist()) == ([16.0, 0.0], [32.0, 16.0])


def noise() -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(3)
    x = np.arange(WIDE) + 0.5
    middle = HIGH / 2 + 8 * np.sin(x / 9)
    return x, middle - 6 - 9 * rng.random(WIDE), middle + 6 + 9 * rng.random(WIDE)


def painted(ratio: int, *, mass: bool) -> FloatArray:
    image = QImage(WIDE * ratio, HIGH * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor("black"))
    painter = QPainter(image)
    x, top, bottom = noise()
    if mass:
        paint_mass(painter, QRectF(0, 0, WIDE, HIGH), (x, top, bottom), 1.0, QColor("white"))
    else:
        painter.setPen(QColor("white"))
        for at, one, other in zip(x, top, bottom, strict=True):
            painter.drawLine(QPointF(at, one), QPointF(at, other))
        painter.drawPath(path_of(x, top))
        painter.drawPath(path_of(x, bottom))
    painter.end()
    shape = (HIGH * ratio, WIDE * ratio, 4)
    return np.frombuffer(image.constBits(), np.uint8).reshape(shape)[..., 0] / 255


@pytest.mark.parametrize("ratio", [1, 2])
def test_it_covers_what_lines_cover(qapp, ratio: int) -> None:
    ours = painted(ratio, mass=True)
    x, top, bottom = noise()
    for at in range(WIDE):
        filled = np.flatnonzero(ours[:, at * ratio + ratio // 2])
        assert filled[0] <= np.ceil(top[at] * ratio)
        assert filled[-1] >= np.floor(bottom[at] * ratio) - 1
        assert len(filled) == filled[-1] - filled[0] + 1
    assert abs(ours.mean() - painted(ratio, mass=False).mean()) < 0.03
    assert x.size == WIDE


def test_a_curve_outside_the_plot_paints_nothing(qapp) -> None:
    image = QImage(WIDE, HIGH, QImage.Format.Format_RGB32)
    image.fill(QColor("black"))
    painter = QPainter(image)
    x, top, bottom = noise()
    place = QRectF(0, 0, WIDE, HIGH)
    paint_mass(painter, place, (x, top + 1e6, bottom + 1e6), 1.0, QColor("white"))
    paint_mass(painter, place, (x - 1e4, top, bottom), 1.0, QColor("white"))
    painter.end()
    assert not np.frombuffer(image.constBits(), np.uint8).reshape(HIGH, WIDE, 4)[..., :3].any()


def test_what_is_reduced_again_after_a_sample_is_not_what_was_kept() -> None:
    series = Series()
    series.extend(np.arange(1000.0), np.zeros(1000))
    first = series.reduce(0.0, 2000.0, 50)
    assert series.reduce(0.0, 2000.0, 50) is first
    series.append(1000.0, 7.0)
    assert np.nanmax(series.reduce(0.0, 2000.0, 50).high) == 7.0
    series.clear()
    assert not len(series.reduce(0.0, 2000.0, 50).x)
