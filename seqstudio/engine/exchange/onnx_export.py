"""Models as ONNX files, each checked with onnxruntime before anybody relies on it.

The file takes what the model takes (`inputs`, and where the data have them `source`, `lengths`
and `source_lengths`) and gives `predictions`; states start at zero.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from typing_extensions import override

from seqstudio.blocks.check import title_of
from seqstudio.blocks.plan import Node, Plan
from seqstudio.core.errors import SeqError
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import GraphModel

TOLERANCE = 1e-4
SHORT = 6
"""Steps of the inputs that a model for any number of steps is traced with."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_NAMES = {"main": "inputs", "source": "source", "lengths": "lengths",
          "source_lengths": "source_lengths"}  # fmt: skip


class OnnxError(SeqError):
    """A model cannot become an ONNX file."""


@dataclass(frozen=True)
class OnnxModel:
    """A checked ONNX file.

    Attributes:
        content: The file.
        difference: Largest difference from the model's predictions, seen at two sizes.
        notes: What it cannot do, in sentences.
    """

    content: bytes
    difference: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Way:
    """A way to export: with true lengths or for full rows, for any number of steps or one."""

    lengths: bool
    any_steps: bool


class _Predictions(nn.Module):
    """The model as a function of plain tensors."""

    def __init__(self, model: GraphModel, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    @override
    def forward(self, *streams: Tensor) -> Tensor:
        given = dict(zip(self.names, streams, strict=True))
        result: Tensor = self.model(Inputs(**given))[0]
        return result


def missing_packages() -> tuple[str, ...]:
    """Return the packages for ONNX that are not installed."""
    from importlib.util import find_spec

    return tuple(name for name in PACKAGES if find_spec(name) is None)


def onnx_model(model: GraphModel, example: Inputs) -> OnnxModel:
    """Return a model as an ONNX file that onnxruntime runs like torch.

    Args:
        model: On the processor; it is put into its evaluating form.
        example: Inputs of at least two rows to trace with and to compare on.

    Raises:
        OnnxError: A package is missing, or a block cannot be told in ONNX.
    """
    missing = missing_packages()
    if missing:
        raise OnnxError(
            "ONNX files cannot be written here",
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            "Install them: pip install seqstudio[onnx]",
        )
    model.eval()
    for way in _ways(example):
        exported = _exported(model, example, way)
        if exported is not None:
            return exported
    raise _refusal(model, example)


def _ways(example: Inputs) -> Iterator[_Way]:
    for lengths in (True, False) if example.lengths is not None else (False,):
        yield _Way(lengths, any_steps=True)
    yield _Way(lengths=False, any_steps=False)


def _exported(model: GraphModel, example: Inputs, way: _Way) -> OnnxModel | None:
    """Return the checked file; None when this way does not work."""
    given = _given(example, way)
    smaller = _smaller(given, way)
    if way.any_steps:  # a short trace is a quick one, and any other length has to work too
        given, smaller = smaller, given
    try:
        content = _written(model, given, way)
        difference = max(_difference(model, content, each) for each in (given, smaller))
    except Exception:  # noqa: BLE001  the exporter fails with errors of every kind
        return None
    if not difference <= TOLERANCE:
        return None
    return OnnxModel(content, difference, tuple(_notes(model, example, way)))


def _given(example: Inputs, way: _Way) -> dict[str, Tensor]:
    streams: dict[str, Tensor | None] = {"main": example.main, "source": example.source}
    if way.lengths:
        streams |= {"lengths": example.lengths, "source_lengths": example.source_lengths}
    return {name: stream for name, stream in streams.items() if stream is not None}


def _smaller(given: Mapping[str, Tensor], way: _Way) -> dict[str, Tensor]:
    """Return fewer rows, and where steps are free fewer of them, to compare at a second size."""
    rows = {name: stream[1:] for name, stream in given.items()}
    if not way.any_steps:
        return rows
    short = {
        name: s[:, : min(SHORT, max(s.shape[1] - 1, 1))] if _has_steps(s) else s
        for name, s in rows.items()
    }
    for name, stream in (("lengths", "main"), ("source_lengths", "source")):
        if name in short and _has_steps(short[stream]):
            short[name] = short[name].clamp(max=short[stream].shape[1])
    return short


def _has_steps(stream: Tensor) -> bool:
    return stream.dim() in {2, 3}


def _written(model: GraphModel, given: Mapping[str, Tensor], way: _Way) -> bytes:
    names = tuple(given)
    rows, steps = Dim("rows"), {"main": Dim("steps"), "source": Dim("source_steps")}
    shapes = tuple(
        {0: rows} | ({1: steps[name]} if way.any_steps and _has_steps(stream) else {})
        for name, stream in given.items()
    )
    with _quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Predictions(model, names), tuple(given.values()), dynamo=True, verbose=False,
            dynamic_shapes=(shapes,), input_names=[_NAMES[name] for name in names],
            output_names=["predictions"],
        )  # fmt: skip
    assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    return content


class _quiet:  # noqa: N801  reads like a function
    """Keeps the exporter from talking."""

    def __enter__(self) -> None:
        self._before = logging.root.manager.disable
        logging.disable(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.disable(self._before)


def _difference(model: GraphModel, content: bytes, given: Mapping[str, Tensor]) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options)
    with torch.no_grad():
        wanted = model(Inputs(**given))[0]
    (got,) = session.run(None, {_NAMES[name]: s.numpy() for name, s in given.items()})
    return float((wanted - torch.from_numpy(got)).abs().max())


def _notes(model: GraphModel, example: Inputs, way: _Way) -> Iterator[str]:
    if example.lengths is not None and not way.lengths:
        blocks = _named(model, lambda node: bool(node.lengths))
        yield f"It takes rows of full length only: {blocks} with padding cannot be told in ONNX"
    if not way.any_steps:
        blocks = _named(model, _loops) or _named(model, lambda node: node.memory == "state")
        steps = " x ".join(str(size) for size in example.main.shape[1:])
        where = blocks or "the model"
        yield f"It takes inputs of {steps} only: {where} has that size written into it"


def _loops(node: Node) -> bool:
    """Tell whether a block has the number of steps written into it; torch unrolls nn.RNN."""
    if node.inner is not None:
        return node.inner.home == "cell"
    sized = node.call.args.get("peepholes", False) or node.call.cls in {"RNN", "FlattenTime"}
    return bool(sized)


def _named(model: GraphModel, of: Callable[[Node], bool]) -> str:
    """Return the titles of the blocks that a condition holds for, "" for none."""
    nodes = [node for node in model.plan.nodes if _within(node, of)]
    titles = [title_of(model.graph.blocks[node.block]) for node in nodes]
    return ", ".join(dict.fromkeys(titles))


def _within(node: Node, of: Callable[[Node], bool]) -> bool:
    inner: Plan | None = node.inner
    return of(node) or (inner is not None and any(_within(each, of) for each in inner.nodes))


def _refusal(model: GraphModel, example: Inputs) -> OnnxError:
    """Return the error that names the first block which cannot be exported by itself."""
    for node, args in _calls(model, example):
        reason = _reason(model.blocks[node.name], args)
        if reason:
            title = title_of(model.graph.blocks[node.block])
            return OnnxError(
                f"{title} cannot be told in ONNX", reason, "Export the model as PyTorch instead"
            )
    return OnnxError(
        "The model cannot be told in ONNX",
        "its blocks can, but not together",
        "Export the model as PyTorch instead",
    )


def _calls(model: GraphModel, example: Inputs) -> Iterator[tuple[Node, tuple[Any, ...]]]:
    plain = Inputs(example.main, example.source)
    with torch.no_grad():
        _, _, values = model.trace(plain)
    for node in model.plan.nodes:
        if not node.stream:
            args = tuple(values[ref] for ref in node.reads)
            yield node, (*args, None) if node.memory else args


def _reason(module: nn.Module, args: tuple[Any, ...]) -> str:
    try:
        with _quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, args, dynamo=True, verbose=False)
    except Exception as error:  # noqa: BLE001  the exporter fails with errors of every kind
        return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
    return ""
