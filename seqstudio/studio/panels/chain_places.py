"""Where everything of an unrolled graph stands, in pixels of its widget."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF

from seqstudio.studio.panels.chain import Chain

#: Least and greatest width of a column: a disc of 4 nats and its number fit into the least.
COLUMN = (76.0, 92.0)
HANDLE = (8.0, 24.0)
#: The largest disc of a loss; `loss_radius` grows until there.
MOST_RADIUS = 14.0
_RIGHT, _TOP, _CAPTION = 12.0, 4.0, 20.0
# A line to a far position needs height, else all of them lie on the circles.
_ATTENTION_GAP = 3.0


@dataclass(frozen=True)
class Sizes:
    """Heights of the parts, and the least room between two of them."""

    loss: float
    circle: float
    cell: tuple[float, float]
    gap: float


ROOMY = Sizes(loss=28, circle=24, cell=(44, 32), gap=11)
DENSE = Sizes(loss=22, circle=22, cell=(44, 26), gap=7)
_MOST_GAP = 34.0


@dataclass(frozen=True)
class Places:
    """The geometry of one painting.

    Attributes:
        area: The columns; row names stand left of it, the caption below.
        pitch: Width of a column.
        first: The leftmost column in view.
        count: Columns in view.
        loss: Middle of the row of losses; the other rows alike.
        output: Middle of the outputs.
        cells: Middle of each layer, the one next to the input first.
        input: Middle of the inputs.
        sizes: Sizes of the parts.
        scale: Of the text.
    """

    area: QRectF
    pitch: float
    first: int
    count: int
    loss: float
    output: float
    cells: tuple[float, ...]
    input: float
    sizes: Sizes
    scale: float

    @property
    def last(self) -> int:
        """The rightmost column in view."""
        return self.first + self.count - 1

    @property
    def radius(self) -> float:
        """Radius of inputs and outputs."""
        return self.sizes.circle * self.scale / 2

    def x(self, column: float) -> float:
        """Return the middle of a column, in view or not."""
        return self.area.left() + (column - self.first + 0.5) * self.pitch

    def cell(self, column: int, row: int) -> QRectF:
        """Return the box of a layer in a column."""
        width, height = (side * self.scale for side in self.sizes.cell)
        middle = QPointF(self.x(column), self.cells[row])
        return QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)

    def column(self, column: int) -> QRectF:
        """Return the outline around a column."""
        width = self.pitch - 6
        top = self.loss - self.sizes.loss * self.scale / 2 - 2
        bottom = self.input + self.radius + 5
        return QRectF(self.x(column) - width / 2, top, width, bottom - top)

    @property
    def wall(self) -> float:
        """Return where the window begins, in view or not."""
        return self.x(0) - self.pitch / 2

    def handle(self) -> QRectF:
        """Return the handle of the window, in view or not; above the state that is carried."""
        width, height = HANDLE
        middle = (self.output + min(self.cells, default=self.input)) / 2
        return QRectF(self.wall - width / 2, middle - height / 2, width, height)

    def sees(self, x: float) -> bool:
        """Return whether an abscissa lies among the columns."""
        return self.area.left() - 1 <= x <= self.area.right() + 1

    def column_at(self, place: QPointF) -> int | None:
        """Return the column under a pixel, None beside them."""
        if not self.area.contains(place):
            return None
        column = self.first + int((place.x() - self.area.left()) // self.pitch)
        return column if column <= self.last else None

    def row_at(self, place: QPointF) -> int | None:
        """Return the layer whose box is under a pixel, None beside the boxes."""
        column = self.column_at(place)
        if column is None:
            return None
        boxes = [self.cell(column, row) for row in range(len(self.cells))]
        return next((row for row, box in enumerate(boxes) if box.contains(place)), None)


def places_of(well: QRectF, chain: Chain, first: int, left: float, scale: float) -> Places:
    """Lay a chain out in a well.

    Args:
        well: The whole widget.
        chain: What is shown.
        first: The leftmost column wished for; it is moved so that columns fill the well.
        left: Room for the names of the rows.
        scale: Of the text, at least 1.
    """
    area = well.adjusted(left, _TOP, -_RIGHT, -_CAPTION * scale)
    least, most = (side * scale for side in COLUMN)
    columns = chain.steps - chain.start
    count = max(1, min(columns, int(area.width() // least)))
    pitch = min(most, area.width() / count) if count == columns else area.width() / count
    first = max(chain.start, min(first, chain.steps - count))
    sizes = ROOMY if fits(area.height(), chain, ROOMY, scale) else DENSE
    places = Places(area, pitch, first, count, 0.0, 0.0, (), 0.0, sizes, scale)
    return _with_rows(places, chain)


def fits(height: float, chain: Chain, sizes: Sizes, scale: float = 1.0) -> bool:
    """Return whether all layers of a chain have room in columns of a height."""
    gaps = len(chain.rows) + 2 + (_ATTENTION_GAP - 1) * (chain.link == "attention")
    return height >= (_parts(chain, sizes) + gaps * sizes.gap) * scale


def rows_fit(well_height: float, chain: Chain, scale: float) -> bool:
    """Return whether all layers of a chain have room in a well."""
    return fits(well_height - _TOP - _CAPTION * scale, chain, DENSE, scale)


def _parts(chain: Chain, sizes: Sizes) -> float:
    return sizes.loss + 2 * sizes.circle + len(chain.rows) * sizes.cell[1] + 8


def _with_rows(places: Places, chain: Chain) -> Places:
    """Share the height among the rows; what is left over goes above and below."""
    sizes, scale, area = places.sizes, places.scale, places.area
    shares = [1.0] * (len(chain.rows) + 1)
    shares.append(_ATTENTION_GAP if chain.link == "attention" else 1.0)
    room = area.height() - _parts(chain, sizes) * scale
    gap = max(2.0, min(_MOST_GAP * scale, room / sum(shares)))
    heights = [sizes.loss, sizes.circle, *[sizes.cell[1]] * len(chain.rows), sizes.circle]
    y = area.top() + 4 + max(0.0, room - gap * sum(shares)) / 2
    middles = []
    for height, share in zip(heights, [*shares, 0.0], strict=True):
        middles.append(y + height * scale / 2)
        y += height * scale + gap * share
    loss, output, *cells, lowest = middles
    return replace(places, loss=loss, output=output, cells=tuple(reversed(cells)), input=lowest)


def loss_radius(nats: float) -> float:
    """Return the radius of a disc in pixels: 2.5 + 2.4 a nat, at most `MOST_RADIUS`."""
    return min(MOST_RADIUS, 2.5 + 2.4 * max(0.0, nats))
