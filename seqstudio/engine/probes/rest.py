"""A model held still while it is measured, and left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from seqstudio.engine.model import GraphModel


@contextmanager
def at_rest(model: GraphModel) -> Iterator[None]:
    """Switch off dropout, mixed precision and gradients of parameters; put all back afterwards.

    Recurrent cells stay in training mode: cuDNN refuses a backward pass otherwise, and a cell of
    one layer has no dropout.
    """
    training = [(part, part.training) for part in model.modules()]
    asking = [parameter for parameter in model.parameters() if parameter.requires_grad]
    device = next(model.parameters(), torch.empty(0)).device.type
    try:
        for part, _ in training:
            part.training = isinstance(part, nn.RNNBase)
        for parameter in asking:
            parameter.requires_grad_(False)
        with torch.autocast(device, enabled=False), torch.enable_grad():
            yield
    finally:
        for part, flag in training:
            part.training = flag
        for parameter in asking:
            parameter.requires_grad_(True)


@contextmanager
def removing(handle: Any) -> Iterator[None]:
    """Remove a hook at the end, whatever happens."""
    try:
        yield
    finally:
        handle.remove()
