"""Writing with a model: one token after another, each fed back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import APART, GraphModel, State
from seqstudio.engine.stepping import step_model
from seqstudio.insight.choosing import Probabilities, choose, next_probabilities
from seqstudio.records.messages import Write
from seqstudio.records.readings import Sample, freeze

SHOWN_CHOICES = 8


class Memory:
    """A model's state while it writes: recurrent states, or keys and values of the past.

    Keys and values are kept for one window. With rotary positions the oldest ones drop off; a
    model that knows places by number starts again from the second half of the text instead. A
    model that cannot go on one step at a time (attention that was opened and changed, a layer
    that reads backwards) reads its last window again for every token.

    Args:
        model: Any that predicts tokens.
        source: What it reads beside the text, one row; None without.
    """

    def __init__(self, model: GraphModel, source: Inputs | None = None) -> None:
        self.model = model
        self.source = source
        self.device = next(model.parameters()).device
        self.window = max(model.facts.window, 2)
        self.stepwise = model.stepwise
        self.absolute = model.absolute_positions
        self.state: State = model.writing_state()
        self.seen: list[int] = []
        self._one = torch.zeros(1, 1, dtype=torch.int64, device=self.device)

    def read(self, ids: list[int]) -> Tensor:
        """Take in tokens and return the logits (V,) of the next one."""
        if not self.stepwise:
            return self._read_again(ids)
        logits = torch.zeros(0)
        for start in range(0, len(ids), self.window):
            part = ids[start : start + self.window]
            if self._full(len(part)):
                part = [*self.seen[-self.window // 2 :], *part][-self.window :]
                self.state, self.seen = self.model.writing_state(), []
            outputs = self._run(self._tokens(part))
            self.seen = [*self.seen, *part][-self.window :]
            self._forget()
            logits = outputs[0, -1]
        return logits

    def _read_again(self, ids: list[int]) -> Tensor:
        self.seen = [*self.seen, *ids][-self.window :]
        self.state = self.model.writing_state()
        return self._run(self._tokens(self.seen))[0, -1]

    def _tokens(self, ids: list[int]) -> Tensor:
        if len(ids) == 1:  # nearly always: no new tensor for it
            return self._one.fill_(ids[0])
        return torch.tensor([ids], dtype=torch.int64, device=self.device)

    @torch.inference_mode()
    def _run(self, tokens: Tensor) -> Tensor:
        if self.model.training:  # stays so: between two tokens nobody trains
            self.model.eval()
        inputs = tokens if self.source is None else replace(self.source, main=tokens)
        if tokens.shape[1] == 1:
            outputs, self.state = step_model(self.model, inputs, self.state)
        else:
            outputs, self.state = self.model(inputs, self.state)
        return outputs

    def _full(self, more: int) -> bool:
        return self.absolute and len(self.seen) + more > self.window

    def _forget(self) -> None:
        """Keep the keys and values of one window less the step to come."""
        for key, entry in self.state.items():
            if key != APART:
                self.state[key] = _shorten(entry, self.window - 1)


def _shorten(entry: Any, keep: int) -> Any:
    """Return a state in which keys and values, (keys, values, steps seen), are cut to `keep`."""
    match entry:
        case (Tensor() as keys, Tensor() as values, int() as seen):
            return keys[:, :, -keep:], values[:, :, -keep:], seen
        case dict():
            return {key: _shorten(part, keep) for key, part in entry.items()}
        case list():
            return [_shorten(part, keep) for part in entry]
        case _:
            return entry


@dataclass
class _Written:
    ids: list[int] = field(default_factory=list)
    probability: list[float] = field(default_factory=list)


def prompt_ids(vocabulary: Vocabulary, prompt: str) -> list[int]:
    """Return the numbers of a prompt; without one, a line break (or the first symbol).

    Raises:
        DataError: The prompt has characters that the model never saw.
    """
    if prompt:
        return [int(number) for number in vocabulary.encode(prompt)]
    symbols = vocabulary.symbols
    return [symbols.index("\n") if "\n" in symbols else 0]


def write(
    model: GraphModel, vocabulary: Vocabulary, request: Write, step: int
) -> Iterator[Writing]:
    """Write the text that `request` asks for; yields after every token.

    The model is left in evaluation mode.

    The same model, request and seed give the same text.

    Raises:
        RunError: The model does not predict tokens.
        DataError: The prompt has characters that the model never saw.
    """
    if model.pattern != "next token":
        raise RunError(
            "This model cannot write", "it does not predict tokens", "Use a Next-token head"
        )
    chances = np.random.default_rng(request.seed)
    memory, done = Memory(model), _Written()
    logits = memory.read(prompt_ids(vocabulary, request.prompt))
    for number in range(request.length):
        scores = logits.float().cpu().numpy()
        if not np.isfinite(scores).all():
            raise RunError("The model gives no probabilities", "its numbers are not finite")
        p = next_probabilities(scores, request.temperature, request.top_k, request.top_p)
        token = choose(p, chances.random())
        done.ids.append(token)
        done.probability.append(float(p[token]))
        last = number + 1 == request.length
        yield Writing(vocabulary, request, step, done, p, last)
        if not last:
            logits = memory.read([token])


@dataclass(frozen=True)
class Writing:
    """A text on its way.

    Attributes:
        done: It has the length that was asked for.
    """

    _vocabulary: Vocabulary
    _request: Write
    _step: int
    _written: _Written
    _p: Probabilities
    done: bool

    def sample(self) -> Sample:
        """Return the text as far as it is, as a record."""
        return _sample(
            self._vocabulary, self._request, self._step, self._written, self._p, self.done
        )


def complete(model: GraphModel, vocabulary: Vocabulary, request: Write, step: int) -> Sample:
    """Write a whole text at once; see `write`."""
    last: Writing | None = None
    for last in write(model, vocabulary, request, step):  # noqa: B007  the last one counts
        pass
    assert last is not None  # a request asks for one token at least
    return last.sample()


def _sample(
    vocabulary: Vocabulary, request: Write, step: int, done: _Written, p: Probabilities, last: bool
) -> Sample:
    best = np.argsort(-p, kind="stable")[:SHOWN_CHOICES]
    symbols = vocabulary.symbols
    choices = tuple((symbols[i], float(p[i])) for i in best if p[i] > 0)
    return Sample(
        request=request.request,
        step=step,
        prompt=request.prompt,
        text=vocabulary.decode(np.array(done.ids, np.int64)),
        probability=freeze(np.array(done.probability, np.float32)),
        choices=choices,
        temperature=request.temperature,
        seed=request.seed,
        done=last,
        ends=freeze(vocabulary.ends(np.array(done.ids, np.int64))),
    )
