"""What an expert would write without us: plain PyTorch models and loops, to be measured against.

Nothing here is used by the program. The loops are meant to be as quick as plain PyTorch gets
without a compiler: fused AdamW, one gather a batch, the loss read every ten steps.

Shape legend: B rows, T time steps, C features, V symbols, H heads, D features of a head.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from typing_extensions import override

from seqstudio.document.settings import TrainingSettings

READ_EVERY = 10


class PlainRecurrent(nn.Module):
    """Embedding, one fused stack of torch.nn, dropout, a linear layer."""

    def __init__(
        self, cell: type[nn.RNNBase], symbols: int, width: int, hidden: int, layers: int,
        share: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        make: Any = cell  # torch types the base class, which takes its mode first
        self.cell = make(width, hidden, layers, batch_first=True)
        self.dropout = nn.Dropout(share)
        self.head = nn.Linear(hidden, symbols)

    @override
    def forward(self, ids_BT: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return logits (B, T, V) and the state after the last step."""
        y, state = self.cell(self.embedding(ids_BT), state)
        return self.head(self.dropout(y)), state


class PlainBlock(nn.Module):
    """A pre-norm transformer block with rotary positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    @override
    def forward(self, x_BTC: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
        """Return (B, T, C)."""
        rows, steps, width = x_BTC.shape
        qkv = self.qkv(self.norm1(x_BTC)).view(rows, steps, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = turn(q, cos_TD, sin_TD), turn(k, cos_TD, sin_TD)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x_BTC + self.out(y.transpose(1, 2).flatten(2))
        after: Tensor = x + self.down(F.gelu(self.up(self.norm2(x))))
        return after


def turn(x_BHTD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """Turn pairs of features by their angles."""
    cos, sin = cos_TD.to(x_BHTD.dtype), sin_TD.to(x_BHTD.dtype)
    first, second = x_BHTD.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


class PlainGPT(nn.Module):
    """A small GPT with a tied head; the angles of the positions are computed once."""

    cos: Tensor
    sin: Tensor

    def __init__(self, symbols: int, width: int, layers: int, heads: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.embedding = nn.Embedding(symbols, width)
        self.blocks = nn.ModuleList(PlainBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, symbols, bias=False)
        self.head.weight = self.embedding.weight
        features = width // heads
        speed = 10000.0 ** (-torch.arange(0, features, 2) / features)
        angle = torch.arange(window, dtype=torch.float32)[:, None] * speed
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    @override
    def forward(self, ids_BT: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return logits (B, T, V) and None: there is no state."""
        steps = ids_BT.shape[1]
        x = self.embedding(ids_BT)
        for block in self.blocks:
            x = block(x, self.cos[:steps], self.sin[:steps])
        return self.head(self.norm(x)), state


class UnrolledRecurrent(nn.Module):
    """Cells in a Python loop over time: the usual way to get at dL/dh_t."""

    def __init__(
        self, cell: type[nn.RNNCellBase], symbols: int, width: int, hidden: int, layers: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, width)
        sizes = [width] + [hidden] * (layers - 1)
        self.cells = nn.ModuleList(cell(size, hidden) for size in sizes)  # type: ignore[call-arg]
        self.head = nn.Linear(hidden, symbols)

    @override
    def forward(self, ids_BT: Tensor) -> tuple[Tensor, list[list[Tensor]]]:
        """Return logits (B, T, V) and h_t (B, C) of every layer and step."""
        sequence = list(self.embedding(ids_BT).unbind(1))
        states: list[list[Tensor]] = []
        for cell in self.cells:
            state, outputs = None, list[Tensor]()
            for x in sequence:
                state = cell(x, state)
                outputs.append(state[0] if isinstance(state, tuple) else state)
            states.append(outputs)
            sequence = outputs
        return self.head(torch.stack(sequence, 1)), states


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give `target` the numbers of `source`; both declare the same parameters in one order.

    Raises:
        ValueError: They do not.
    """
    with torch.no_grad():
        for ours, theirs in zip(source.parameters(), target.parameters(), strict=True):
            if ours.shape != theirs.shape:
                raise ValueError(f"{tuple(ours.shape)} does not fit {tuple(theirs.shape)}")
            theirs.copy_(ours)


def make_adamw(
    model: nn.Module, settings: TrainingSettings, *, fused: bool = True
) -> torch.optim.AdamW:
    """Return AdamW that lets matrices decay only."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    betas = (0.9, settings.beta2)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, fused=fused or None)


class PlainLoop:
    """A training loop over a text, as one would write it for one model.

    Attributes:
        losses: Of all steps so far, as tensors.
    """

    def __init__(
        self, model: nn.Module, ids: Tensor, settings: TrainingSettings, *, carry: bool
    ) -> None:
        self.model = model
        self.ids = ids
        self.settings = settings
        self.carry = carry
        self.half = settings.precision == "bfloat16"
        self.optimizer = make_adamw(model, settings)
        self.rng = np.random.default_rng(settings.seed)
        self.stride = (len(ids) - settings.window - 1) // settings.batch
        self.steps_T = torch.arange(settings.window + 1)
        self.offset = 0
        self.state: Any = None
        self.losses: list[Tensor] = []

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return inputs and targets (B, T): rows walk through the text, or start anywhere."""
        rows, window = self.settings.batch, self.settings.window
        if self.carry:
            if self.offset + window > self.stride:
                self.offset, self.state = 0, None
            starts = torch.arange(rows) * self.stride + self.offset
            self.offset += window
        else:
            starts = torch.from_numpy(self.rng.integers(0, len(self.ids) - window, rows))
        block = self.ids[starts[:, None] + self.steps_T]
        return block[:, :-1], block[:, 1:]

    def step(self) -> int:
        """Do one optimizer step; return its tokens."""
        settings = self.settings
        x, y = self.batch()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            logits, state = self.model(x, self.state)
        loss = F.cross_entropy(logits.float().flatten(0, 1), y.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        rise = min((len(self.losses) + 1) / max(settings.warmup, 1), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * rise
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.carry:
            self.state = _cut(state)
            row = len(self.losses) % settings.batch  # one row in turn begins anew, as ours does
            for part in self.state if isinstance(self.state, tuple) else (self.state,):
                part[:, row] = 0.0
        self.losses.append(loss.detach())
        if len(self.losses) % READ_EVERY == 0 and not math.isfinite(loss.item()):
            raise ValueError("the loss is not finite")
        return x.numel()


class NanoLoop(PlainLoop):
    """The loop of nanoGPT's train.py as it runs on a processor, at the same model and settings.

    It stacks slices of the text to a batch, takes AdamW as it comes (fused is for GPUs only), and
    reads the loss after every step, as the command for processors in its README does.
    """

    def __init__(self, model: nn.Module, ids: Tensor, settings: TrainingSettings) -> None:
        super().__init__(model, ids, settings, carry=False)
        self.optimizer = make_adamw(model, settings, fused=False)
        self.text = ids.numpy().astype(np.uint16)

    @override
    def batch(self) -> tuple[Tensor, Tensor]:
        window = self.settings.window
        starts = torch.randint(len(self.text) - window, (self.settings.batch,))

        def rows(shift: int) -> Tensor:
            cuts = (self.text[i + shift : i + shift + window] for i in starts)
            return torch.stack([torch.from_numpy(cut.astype(np.int64)) for cut in cuts])

        return rows(0), rows(1)

    @override
    def step(self) -> int:
        tokens = super().step()
        self.losses[-1].item()
        return tokens


def _cut(state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(part.detach() for part in state)
    return state.detach()


class UnrolledLoop:
    """Training with unrolled cells whose hooks take dL/dh_t of every step and layer.

    Attributes:
        norms: (layers, T) mean over rows of the norm of dL/dh_t, the mean of the loss undone.
    """

    def __init__(
        self, model: UnrolledRecurrent, ids: Tensor, settings: TrainingSettings, rows: int
    ) -> None:
        self.rows = rows
        self.model = model
        self.ids = ids
        self.settings = settings
        self.optimizer = make_adamw(model, settings)
        self.norms = torch.zeros(0)

    def step(self) -> int:
        """Do one optimizer step; return its tokens."""
        x, y = first_batch(self.ids, self.settings)
        logits, states = self.model(x)
        self.norms = torch.zeros(len(states), x.shape[1])
        for layer, steps in enumerate(states):
            for t, h in enumerate(steps):
                h.register_hook(partial(self._keep, layer, t))
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        self.norms *= y.numel()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return x.numel()

    def _keep(self, layer: int, t: int, gradient: Tensor) -> None:
        norms = torch.linalg.vector_norm(gradient[: self.rows], dim=-1)
        self.norms[layer, t] = norms.mean()


def first_batch(ids: Tensor, settings: TrainingSettings) -> tuple[Tensor, Tensor]:
    """Return inputs and targets (B, T) from the start of the text."""
    rows, window = settings.batch, settings.window
    block = ids[: rows * window + 1]
    return block[:-1].view(rows, window), block[1:].view(rows, window)


# ---------------------------------------------------------------------------------------- writing


@torch.no_grad()
def write_stateful(
    model: PlainRecurrent, prompt: list[int], length: int, heat: float
) -> list[int]:
    """Write with a recurrent model: nn.LSTM called once a token, its state passed on."""
    model.eval()
    logits, state = model(torch.tensor([prompt]))
    written = []
    for _ in range(length):
        written.append(choose(logits[0, -1], heat))
        logits, state = model(torch.tensor([written[-1:]]), state)
    return written


@torch.no_grad()
def write_again(model: PlainGPT, prompt: list[int], length: int, heat: float) -> list[int]:
    """Write with a transformer by running the whole context again for every token."""
    model.eval()
    ids = list(prompt)
    for _ in range(length):
        logits, _ = model(torch.tensor([ids[-model.window :]]))
        ids.append(choose(logits[0, -1], heat))
    return ids[len(prompt) :]


def choose(logits_V: Tensor, heat: float) -> int:
    """Choose a token at a temperature; 0 takes the likeliest."""
    if heat == 0:
        return int(logits_V.argmax())
    return int(torch.multinomial((logits_V / heat).softmax(-1), 1))
