"""Looking at a model without leaving a trace: one thread, random numbers of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    pass


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one processor thread: a few rows are sooner done than more threads are woken."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """Leave the random numbers of a run on this thread as they are."""
    before = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(before)
