"""The logit lens: what the end of a model makes of its earlier layers.

Source: nostalgebraist 2020, "interpreting GPT: the logit lens".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from seqstudio.blocks.plan import Node, Ref
from seqstudio.engine.circuit import Values
from seqstudio.engine.layers import Decoder, Recurrent, Transformer
from seqstudio.engine.model import GraphModel

_STARTS = frozenset({"embedding", "positions"})


class LensPoints:
    """Where a model can be read early: every layer as wide as what its end reads.

    The end is the chain of blocks before the head, and the head, that look at one step at a time
    (norm, dropout, linear). `watching` notes what layers inside of blocks give.
    """

    def __init__(self, model: GraphModel) -> None:
        self.model = model
        self._nodes = {node.block: node for node in model.nodes}
        self._end, self._ref = self._chain()
        self._inner: dict[tuple[str, int], Tensor] = {}

    def _chain(self) -> tuple[list[Node], Ref]:
        end = [self._nodes[self.model.head]]
        ref = end[0].reads[0]
        while ref[0] in self._nodes and _passes(self._nodes[ref[0]]):
            end.insert(0, self._nodes[ref[0]])
            ref = end[0].reads[0]
        return end, ref

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what single layers give during the passes inside."""
        handles = [
            layer.register_forward_hook(self._note(block, number))
            for block, node in self._nodes.items()
            for number, layer in enumerate(_layers(self.model.blocks[node.name]))
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _note(self, block: str, number: int) -> Any:
        def note(_module: nn.Module, _args: Any, output: Any) -> None:
            self._inner[block, number] = output[0] if isinstance(output, tuple) else output

        return note

    def layers(self, values: Values) -> tuple[list[tuple[str, Tensor]], list[str]]:
        """Return (name, values (1, T, C)) of every layer, the last one as the head reads it.

        Args:
            values: Of the pass just made.

        Returns:
            The layers, and words about those that are left out.
        """
        last: Tensor = values[self._ref]
        named = [point for node in self._before_end() for point in self._points(node, values)]
        title = next((name for name, value in named if value is last), "output")
        found = [(n, v) for n, v in named if v.shape == last.shape and v is not last]
        left = [
            f"{name} is {value.shape[-1]} wide, the end of the model reads {last.shape[-1]}"
            for name, value in named
            if value.shape[-1] != last.shape[-1] and value.shape[:-1] == last.shape[:-1]
        ]
        return [*found, (title, last)], left

    def _before_end(self) -> list[Node]:
        """Return the nodes that depend on the main stream and lie before the end."""
        skipped = {node.block for node in self._end} | self.model.plan.apart
        return [node for node in self.model.nodes if node.block not in skipped]

    def _points(self, node: Node, values: Values) -> Iterator[tuple[str, Tensor]]:
        value = values.get((node.block, "out"))
        if not isinstance(value, Tensor) or value.dim() != 3 or not value.is_floating_point():
            return
        module, title = self.model.blocks[node.name], node.block.replace("_", " ")
        layers = _layers(module)
        if len(layers) > 1:
            yield from self._inside(node.block, module, title, value)
        elif node.kind in _STARTS or node.kind == "add" or layers or node.sight != "step":
            yield title, value

    def _inside(
        self, block: str, module: nn.Module, title: str, value: Tensor
    ) -> Iterator[tuple[str, Tensor]]:
        count, total = len(_layers(module)), None
        for number in range(count):
            given = self._inner[block, number]
            if isinstance(module, Recurrent) and module.residual:
                given = total = given if total is None else total + given
            yield f"{title}, layer {number + 1}", value if number + 1 == count else given

    def logits(self, value: Tensor) -> Tensor:
        """Return what the end of the model makes of a layer (1, T, C)."""
        result: Tensor = self.model.run(self._end, {self._ref: value}, None, {}, {})
        return result


def _passes(node: Node) -> bool:
    """Tell whether a block belongs to the end: it reads one thing, a step at a time."""
    alone = len(node.reads) == 1 and not node.optional and len(node.outputs) == 1
    return (
        alone
        and node.sight == "step"
        and not node.memory
        and not node.muted
        and node.inner is None
        and node.kind not in {"embedding", "one_hot"}
    )


def _layers(module: nn.Module) -> list[nn.Module]:
    """Return the layers of a stack, () for anything that is not one."""
    if isinstance(module, (Transformer, Decoder)):
        return list(module.blocks)
    return list(module.cells) if isinstance(module, Recurrent) and not module.back else []
