"""Plots of the studio: painted by hand from numpy arrays, no knowledge of projects or runs.

plot      Plot: curves, floor, thresholds, truncation, cursor, read-out, zoom, to_image
items     Curve (append, extend, set_data, set_band), and the paint words
heatmap   HeatMap: a matrix on fixed levels; masked, undefined and zero look different
maps      map_image: the same as a thumbnail
series    Series: samples with a min/max pyramid
scale     Scale, ticks, spread (labels that move apart)
frame     hatch_brush, paint_hatch, paint_cursor_line for panels that paint their own

Paint words: a colour token ("textHi"), "arch:lstm", "role:gradient".
"""

from seqstudio.studio.plots.frame import hatch_brush, paint_cursor_line, paint_hatch
from seqstudio.studio.plots.heatmap import HeatMap
from seqstudio.studio.plots.items import Curve, resolve
from seqstudio.studio.plots.maps import map_image
from seqstudio.studio.plots.names import ReadOut
from seqstudio.studio.plots.plot import Plot
from seqstudio.studio.plots.scale import Scale, power_text, spread, ticks
from seqstudio.studio.plots.series import Series

__all__ = [
    "Curve",
    "HeatMap",
    "Plot",
    "ReadOut",
    "Scale",
    "Series",
    "hatch_brush",
    "map_image",
    "paint_cursor_line",
    "paint_hatch",
    "power_text",
    "resolve",
    "spread",
    "ticks",
]
