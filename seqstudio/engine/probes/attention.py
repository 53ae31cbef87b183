"""Attention weights of a pinned text."""

from __future__ import annotations

from contextlib import ExitStack

import torch
from torch import Tensor

from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.layers import SelfAttention
from seqstudio.engine.model import GraphModel
from seqstudio.engine.probes.recurrent import modules_of
from seqstudio.engine.probes.rest import at_rest, removing
from seqstudio.records.readings import (
    LayerAttention,
    freeze,
)


def attention(model: GraphModel, inputs: Tensor | Inputs) -> tuple[LayerAttention, ...]:
    """Return the attention weights of every layer for the first row of `inputs`.

    The weights are computed anew from what each layer received, without dropout; training itself
    never builds them.

    Args:
        model: Any; without attention the result is empty.
        inputs: Ids (B, T), vectors (B, T, D) or pictures, with a source where the model reads
            one, on the model's device.
    """
    layers = [
        (node.block, number, layer)
        for node in model.nodes
        for number, layer in enumerate(modules_of(model.module(node.block), SelfAttention))
    ]
    found: dict[SelfAttention, Tensor] = {}

    def keep(layer: SelfAttention, args: tuple[Tensor, ...]) -> None:
        found[layer] = layer.weights(args[0])[0].float().cpu()

    if not layers:
        return ()
    with at_rest(model), torch.no_grad(), ExitStack() as hooks:
        for _, _, layer in layers:
            hooks.enter_context(removing(layer.register_forward_pre_hook(keep)))
        model(as_inputs(inputs).rows(slice(1)))
    return tuple(_record(block, number, layer, found[layer]) for block, number, layer in layers)


def _record(block: str, number: int, layer: SelfAttention, weights: Tensor) -> LayerAttention:
    steps = weights.shape[-1]
    seen = torch.ones(steps, steps, dtype=torch.bool)
    if layer.causal:
        seen = layer.visible(steps, steps, seen.device)
    return LayerAttention(block, number, freeze(weights.numpy()), freeze((~seen).numpy()))
