"""Processes that train one model together: how they meet, what rank 0 orders, who tells a failure.

Rank 0 decides everything; the others wait for its orders. Orders, messages and carried states
travel over gloo on the processor; gradients have a group of their own (`gradients`), which is NCCL
on CUDA. Nothing is sent as a pickle.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from seqstudio.core.errors import DeviceError, RunError, SeqError
from seqstudio.engine.devices import devices

PATIENCE = timedelta(days=7)  # rank 0 may measure or write for long while the others wait
LINK_S = 30.0


class Kind(IntEnum):
    """What rank 0 asks for.

    An end, a run to open, a step to do, to apply or to drop, a state; a setting that changes, an
    edit to take over or to take back; the held-out rows to measure, and the sums of that.
    """

    END, BEGIN, LEARN, APPLY, DROP, STATE, LIVE, EDIT, BACK, SCORE, SUMS = range(11)


@dataclass(frozen=True)
class Order:
    """One order of rank 0.

    Attributes:
        kind: What to do.
        value: BEGIN, LIVE, EDIT, SCORE: bytes that follow. LEARN: number of the precision.
            APPLY: the learning rate.
        threads: LEARN: processor threads.
    """

    kind: Kind
    value: float = 0.0
    threads: int = 0


class LostError(RunError):
    """Another process of the training has ended."""


class Ranks:
    """This process among those that train together.

    Attributes:
        rank: Number of this process, 0 leads.
        size: How many there are, on all machines.
        local_rank: Number on this machine.
        local_size: How many there are on this machine.
    """

    def __init__(self) -> None:
        """Meet the others, as the environment that torchrun sets says. Blocks until all are here.

        Raises:
            RunError: They did not find each other.
        """
        here = os.environ
        self.rank, self.size = int(here["RANK"]), int(here["WORLD_SIZE"])
        self.local_rank = int(here.get("LOCAL_RANK", "0"))
        self.local_size = int(here.get("LOCAL_WORLD_SIZE", "1"))
        try:
            dist.init_process_group("gloo", timeout=PATIENCE)
            self._board = _board()
        except (RuntimeError, ValueError) as error:
            raise RunError(
                "The processes of this training did not find each other",
                str(error).partition("\n")[0],
                "Start them with torchrun, see the guide on several processes",
            ) from error

    @property
    def leads(self) -> bool:
        """Whether this process decides, prints and writes."""
        return self.rank == 0

    def words(self) -> str:
        """Return which process this is, for messages."""
        return f"process {self.rank} of {self.size} on {socket.gethostname()}"

    def slice_of(self, rows: int) -> slice:
        """Return which rows of a batch are this process's: all differ by one row at most."""
        return self.part(rows, self.rank)

    def part(self, rows: int, rank: int) -> slice:
        """Return which rows of a batch are those of a process."""
        return slice(rows * rank // self.size, rows * (rank + 1) // self.size)

    def device(self, wanted: str) -> str:
        """Return the device of this process: the processor, or one GPU each.

        Raises:
            DeviceError: There are fewer GPUs than processes here, or the device cannot take part.
        """
        if wanted == "auto":
            wanted = "cuda" if "cuda" in devices() else "cpu"
        if wanted == "cpu":
            return wanted
        if wanted.partition(":")[0] != "cuda":
            hint = "Use --device cpu"
            raise DeviceError(f"Several processes cannot train on {wanted}", "", hint)
        if torch.cuda.device_count() < self.local_size:
            raise DeviceError(
                f"{self.local_size} processes cannot share {torch.cuda.device_count()} GPUs",
                "each process needs a GPU of its own",
                "Start fewer processes, or add --device cpu",
            )
        return f"cuda:{self.local_rank}"

    def gradients(self, device: torch.device) -> Any:
        """Return the group that adds up gradients; all have to call it together."""
        backend = "gloo"
        if device.type == "cuda":
            backend = "nccl"
            torch.cuda.set_device(device)
        with self.noticing():
            return dist.new_group(backend=backend)

    # ------------------------------------------------------------------- orders

    def send(self, order: Order) -> None:
        """Give an order to all others.

        Raises:
            LostError: One of them has ended.
        """
        with self.noticing():
            dist.broadcast(torch.tensor(astuple(order), dtype=torch.float64), 0)

    def receive(self) -> Order:
        """Wait for the next order.

        Raises:
            LostError: Rank 0 has ended.
        """
        told = torch.zeros(3, dtype=torch.float64)
        with self.noticing():
            dist.broadcast(told, 0)
        kind, value, threads = told.tolist()
        return Order(Kind(int(kind)), value, int(threads))

    def send_bytes(self, kind: Kind, data: bytes) -> None:
        """Give an order that comes with `data`."""
        self.send(Order(kind, len(data)))
        with self.noticing():
            dist.broadcast(torch.frombuffer(bytearray(data), dtype=torch.uint8), 0)

    def receive_bytes(self, length: int) -> bytes:
        """Return what `send_bytes` sent, after its order came."""
        data = torch.zeros(length, dtype=torch.uint8)
        with self.noticing():
            dist.broadcast(data, 0)
        return data.numpy().tobytes()

    def check_in(self, error: Exception | None) -> None:
        """Wait until all processes are ready, or learn that one cannot take part.

        Args:
            error: Why this one cannot; it goes on to raise that.

        Raises:
            LostError: Another one cannot.
        """
        if error is not None:
            self.fail(error)
        well = torch.tensor(int(error is None))
        with self.noticing():
            dist.all_reduce(well, dist.ReduceOp.MIN)
        if error is None and not bool(well):
            raise self._loss()

    def gather_rows(self, own: Tensor, rows: int) -> Tensor | None:
        """Put the rows of all processes together on rank 0; all have to call it together.

        Args:
            own: This process's part (layers, own rows, ...) on the processor.
            rows: Rows of all together.

        Returns:
            All of it on rank 0, None elsewhere.
        """
        with self.noticing():
            if not self.leads:
                dist.send(own.contiguous(), 0)
                return None
            parts = [own]
            for rank in range(1, self.size):
                part = self.part(rows, rank)
                shape = (own.shape[0], part.stop - part.start, *own.shape[2:])
                parts.append(torch.empty(shape, dtype=own.dtype))
                dist.recv(parts[-1], rank)
            return torch.cat(parts, 1)

    def sums(self, own: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; all have to call it together."""
        total = own.clone()
        with self.noticing():
            dist.all_reduce(total)
        return total

    # ------------------------------------------------------------------ endings

    def end(self) -> None:
        """Take leave; rank 0 lets the others end, and those that are gone do not matter."""
        if self.leads:
            with suppress(RuntimeError):
                self._board.set("ended", "1")
            with suppress(LostError):
                self.send(Order(Kind.END))
        with suppress(RuntimeError):
            dist.destroy_process_group()

    def fail(self, error: Exception) -> None:
        """Leave word why this process ends, before it does."""
        what, why, hint = f"{type(error).__name__}: {error}".partition("\n")[0], "", ""
        if isinstance(error, SeqError):
            what, why, hint = error.what, error.why, error.hint
        told = {"what": f"Process {self.rank}: {what}", "why": why, "hint": hint}
        with suppress(RuntimeError):
            self._board.set("failure", json.dumps(told))

    def first_to_tell(self) -> bool:
        """Tell whether nobody else has told people about a failure; from now on this one has."""
        try:
            if self._board.check(["failure"]) or self._board.check(["ended"]):
                return False
            return int(self._board.add("told", 1)) == 1
        except RuntimeError:  # the place to leave word is gone, so rank 0's machine is
            return True

    @property
    def ended(self) -> bool:
        """Whether rank 0 took leave, so that all ended in order."""
        try:
            return bool(self._board.check(["ended"]))
        except RuntimeError:
            return False

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Turn what torch raises when another process is gone into a `LostError`."""
        try:
            yield
        except RuntimeError as error:
            if not _is_lost(error):
                raise
            raise self._loss() from error

    def _loss(self) -> LostError:
        told: dict[str, Any] = {}
        with suppress(RuntimeError, ValueError):
            if self._board.check(["failure"]):
                told = json.loads(self._board.get("failure"))
        if told:
            return LostError(told["what"], told["why"], told["hint"])
        return LostError(
            "Another process of this training has ended",
            "it was killed, or its machine cannot be reached",
            "Start it again with --resume: it goes on from the last checkpoint",
        )


def _board() -> Any:
    """Return the place where processes leave word for each other; it outlives any of them."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(host, port, timeout=timedelta(seconds=LINK_S))
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return PrefixStore(f"seqstudio/{attempt}", store)


def _is_lost(error: RuntimeError) -> bool:
    words = ("gloo", "connection closed", "connection reset", "nccl")
    known = isinstance(error, dist.DistError)
    return known or any(word in str(error).lower() for word in words)
