"""Blocks that read pictures and make sequences of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from seqstudio.blocks.declaration import OUT, BlockKind, Call, Context, Port, Shape, ShapeError
from seqstudio.blocks.kinds.rules import no_macs
from seqstudio.document.param import Param

PICTURE_IN = Port("in", "picture", "picture", "Channels, height, width")
PICTURE_OUT = Port("out", "picture", "picture", "Channels, height, width")


def _picture_shape(context: Context) -> Mapping[str, Shape]:
    facts = context.facts
    if not facts.picture:
        raise ShapeError(
            "The data have no pictures",
            f"{facts.title} gives {'symbols' if facts.input == 'ids' else 'vectors'}",
            f"Use the block {'Tokens' if facts.input == 'ids' else 'Vectors'} as input",
        )
    return {"out": Shape("picture", ("B", *facts.picture))}


def _sides(context: Context) -> tuple[int, int, int]:
    """Return channels, height and width of the picture at "in"."""
    channels, height, width = (int(dim) for dim in context.ins["in"].dims[1:])
    return channels, height, width


def _patches_shape(context: Context) -> Mapping[str, Shape]:
    (channels, height, width), size = _sides(context), context.integer("size")
    if height % size or width % size:
        common = gcd(height, width)
        fitting = [n for n in range(1, common + 1) if common % n == 0]
        best = min(fitting, key=lambda n: abs(n - size))
        raise ShapeError(
            f"Patches of {size} × {size} do not fill a picture of {height} × {width}",
            "the size has to divide both sides",
            f"Use a size of {best}",
        )
    places = (height // size) * (width // size)
    return {"out": Shape("tensor", ("B", f"{places}P", channels * size * size))}


def _conv_sides(context: Context) -> tuple[int, int, int, int]:
    """Return height and width after the convolution, and after the maximum over squares."""
    _, height, width = _sides(context)
    kernel, stride, pool = (context.integer(name) for name in ("kernel", "stride", "pool"))
    high, wide = ((side + 2 * (kernel // 2) - kernel) // stride + 1 for side in (height, width))
    return high, wide, high // pool, wide // pool


def _conv_shape(context: Context) -> Mapping[str, Shape]:
    *_, height, width = _conv_sides(context)
    if min(height, width) < 1:
        raise ShapeError(
            f"Nothing is left of a picture {context.ins['in']}",
            "kernel, stride and pooling are larger than the picture",
            "Make the kernel, the stride or the pooling smaller",
        )
    return {"out": Shape("picture", ("B", context.integer("channels"), height, width))}


def _conv_count(context: Context) -> int:
    return context.integer("channels") * (_sides(context)[0] * context.integer("kernel") ** 2 + 1)


def _conv_macs(context: Context) -> int:
    height, width, *_ = _conv_sides(context)
    weights = context.integer("channels") * _sides(context)[0] * context.integer("kernel") ** 2
    return weights * height * width


def _conv_call(context: Context) -> Call:
    names = ("channels", "kernel", "stride", "function", "pool")
    chosen = {name: context.params[name] for name in names}
    return Call("Convolution", {"in_channels": _sides(context)[0], **chosen})


def _places_shape(context: Context) -> Mapping[str, Shape]:
    channels, height, width = _sides(context)
    return {"out": Shape("tensor", ("B", f"{height * width}P", channels))}


PICTURE = BlockKind(
    kind="picture",
    title="Picture",
    family="Input",
    icon="image",
    role="input",
    inputs=(),
    outputs=(PICTURE_OUT,),
    params=(),
    shape=_picture_shape,
    module=lambda _: Call("nn.Identity"),
    summary=lambda c: (c.facts.title, " × ".join(map(str, c.facts.picture))),
    equations=(r"x \in [0, 1]^{C \times H \times W}",),
    source="Lecture: captioning (S45), attention on pictures (S72, S80)",
    help="Pictures of the data: what has to be recognised, or described in words.",
    stream="picture",
    place="top",
)

PATCHES = BlockKind(
    kind="patches",
    title="Patches",
    family="Input",
    icon="grid",
    role="features",
    inputs=(PICTURE_IN,),
    outputs=(OUT,),
    params=(
        Param(
            "size", "Size", "int", 4, 1, 256, unit="pixels",
            help="Side of a square; it has to divide height and width of the picture.",
        ),
    ),
    shape=_patches_shape,
    module=lambda c: Call("Patches", {"size": c.integer("size")}),
    summary=lambda c: (
        f"{_sides(c)[1] // c.integer('size') * (_sides(c)[2] // c.integer('size'))} patches",
    ),
    equations=(r"x_p \in \mathbb{R}^{C s^2}, \quad p = 1 \ldots \frac{H W}{s^2}",),
    source="Dosovitskiy et al. 2021, section 3.1; lecture: vision transformer (S81)",
    help="Cuts a picture into squares and lays each out as a vector, line by line: a picture as a "
    "sequence that attention can read.",
    macs=no_macs,
)  # fmt: skip

CONV = BlockKind(
    kind="conv",
    title="Convolution",
    family="Input",
    icon="image",
    role="features",
    inputs=(PICTURE_IN,),
    outputs=(PICTURE_OUT,),
    params=(
        Param("channels", "Channels", "int", 32, 1, 2048, help="Features found at each place."),
        Param("kernel", "Kernel", "int", 3, 1, 31, unit="pixels", help="Side of what it sees."),
        Param("stride", "Stride", "int", 1, 1, 16, unit="pixels", help="Step between two places."),
        Param(
            "function", "Activation", "choice", "relu",
            choices=(("relu", "ReLU"), ("gelu", "GELU"), ("tanh", "tanh"), ("none", "None")),
            help="Applied to every number.",
        ),
        Param(
            "pool", "Pooling", "int", 1, 1, 16, unit="pixels",
            help="Keeps the largest value of each square of this side; 1 keeps all.",
        ),
    ),
    shape=_conv_shape,
    module=_conv_call,
    count=_conv_count,
    summary=lambda c: (
        f"{c.integer('channels')} channels, {c.integer('kernel')} × {c.integer('kernel')}",
    ),
    equations=(
        r"y_{k,i,j} = \varphi\left(b_k + \sum_{c,u,v} W_{k,c,u,v}\, x_{c,i+u,j+v}\right)",
    ),
    source="LeCun et al. 1998; lecture: CNN features for captions (S45, S87)",
    help="The same small filters at every place of the picture. Stacked, they find edges, then "
    "parts, then things. Edges are padded with 0.",
    macs=_conv_macs,
)  # fmt: skip

PLACES = BlockKind(
    kind="places",
    title="Places",
    family="Input",
    icon="map",
    role="features",
    inputs=(PICTURE_IN,),
    outputs=(OUT,),
    params=(),
    shape=_places_shape,
    module=lambda _: Call("Places"),
    summary=lambda c: (f"{_sides(c)[1] * _sides(c)[2]} places, {_sides(c)[0]} wide",),
    equations=(r"a_p = x_{:,i,j}, \quad p = i W + j",),
    source="Xu et al. 2015, section 3.1.1; lecture: grid of CNN features (S87)",
    help="Every place of a picture as one step of a sequence, line by line, for attention to "
    "look at.",
    macs=no_macs,
)

PICTURES = (PICTURE, PATCHES, CONV, PLACES)
