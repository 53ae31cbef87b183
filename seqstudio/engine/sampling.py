"""Writing with a model: one token after another, each fed back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.model import APART, GraphModel, State
from seqstudio.engine.steered import Course, Wishes
from seqstudio.engine.stepping import step_model
from seqstudio.insight.choosing import Probabilities, choose, next_probabilities
from seqstudio.records.messages import Write
from seqstudio.records.readings import Sample, freeze

SHOWN_CHOICES = 8
FITTED = 64
"""Most tokens of what follows a place that tell how well a filling fits."""


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

    def drop(self, count: int) -> None:
        """Take back the last tokens."""
        for _ in range(count):
            self.ids.pop()
            self.probability.pop()


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
    model: GraphModel,
    vocabulary: Vocabulary,
    request: Write,
    step: int,
    *,
    kind: str = "",
    wishes: Wishes | None = None,
) -> Iterator[Writing]:
    """Write the text that `request` asks for; yields after every token.

    The model is left in evaluation mode.

    The same model, request, seed and wishes give the same text. A text with constraints ends
    with its piece; one without has the length that was asked for.

    Args:
        model: One that predicts tokens.
        vocabulary: Its tokens.
        request: What is asked for.
        step: Optimizer steps behind the weights.
        kind: Kind of the data, for constraints and bars.
        wishes: Where the text can be steered. One that has to wait for a wish yields a `Writing`
            that `waits`, again and again.

    Raises:
        RunError: The model does not predict tokens.
        DataError: The prompt has characters that the model never saw.
    """
    if model.pattern != "next token":
        raise RunError(
            "This model cannot write", "it does not predict tokens", "Use a Next-token head"
        )
    pen = _Pen(model, vocabulary, request, step, kind, wishes or Wishes())
    if request.after and request.tries > 1:
        yield from _fill(pen, vocabulary.encode(request.after).tolist()[:FITTED])
    else:
        yield from pen.write(np.random.default_rng(request.seed))


class _Pen:
    """Writes one request, as often as it is tried."""

    def __init__(
        self,
        model: GraphModel,
        vocabulary: Vocabulary,
        request: Write,
        step: int,
        kind: str,
        wishes: Wishes,
    ) -> None:
        self.request = request
        self._model, self._vocabulary, self._step = model, vocabulary, step
        self._kind, self.wishes = kind, wishes
        self._memory = Memory(model)
        self._prompt = prompt_ids(vocabulary, request.prompt)

    def write(self, chances: np.random.Generator, *, drafts: bool = False) -> Iterator[Writing]:
        """Write the text once.

        Args:
            chances: Where the choices come from.
            drafts: It is one of several: its end is not the end of the writing.
        """
        self._memory, done = Memory(self._model), _Written()
        course = Course(self.request, self._vocabulary, self._kind, self._prompt, self.wishes)
        p = np.zeros(len(self._vocabulary))
        unread = self._prompt
        logits = self._memory.read(unread)
        while True:
            turn = course.turn()
            if turn != "go on":
                yield self._writing(done, p, turn == "end" and not drafts, waits=turn == "wait")
                if turn == "end":
                    return
                continue
            if len(done.ids) and unread:
                logits = self._memory.read(unread)
            scores = _finite(logits)
            wish = course.request
            p = next_probabilities(scores, wish.temperature, wish.top_k, wish.top_p)
            token = choose(course.masked(scores, p), chances.random())
            done.ids.append(token)
            done.probability.append(float(p[token]))
            course.took(token)
            unread = [token]
            last = len(done.ids) >= course.limit or course.over()
            done.drop(course.surplus if last else 0)
            yield self._writing(done, p, last and not drafts)
            if last:
                return

    def fit(self, last: int, after: list[int]) -> float:
        """Return log p of what follows, in nats, given all that was read and the `last` token."""
        total, unread = 0.0, last
        for token in after:
            scores = self._memory.read([unread]).double().cpu().log_softmax(-1)
            total, unread = total + float(scores[token]), token
        return total

    def _writing(
        self, done: _Written, p: Probabilities, last: bool, *, waits: bool = False
    ) -> Writing:
        return Writing(self._vocabulary, self.request, self._step, done, p, last, waits)


def _fill(pen: _Pen, after: list[int]) -> Iterator[Writing]:
    """Write several fillings and end with the one under which `after` is likeliest."""
    best, best_fit = None, -np.inf
    for number in range(pen.request.tries):
        seed = pen.request.seed
        chances = np.random.default_rng([seed, number] if number else seed)
        draft = None
        for draft in pen.write(chances, drafts=True):
            yield draft
        if draft is not None and draft.ids:
            fit = pen.fit(draft.ids[-1], after)
            if best is None or fit > best_fit:
                best, best_fit = draft, fit
        if pen.wishes.stopped:
            break
    if best is not None:
        yield replace(best, done=True)


def _finite(logits: Tensor) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = logits.float().cpu().numpy()
    if not np.isfinite(scores).all():
        raise RunError("The model gives no probabilities", "its numbers are not finite")
    return scores


@dataclass(frozen=True)
class Writing:
    """A text on its way.

    Attributes:
        done: It is complete.
        waits: The bars that may be written are; it goes on after a wish.
    """

    _vocabulary: Vocabulary
    _request: Write
    _step: int
    _written: _Written
    _p: Probabilities
    done: bool
    waits: bool = False

    @property
    def ids(self) -> list[int]:
        """Numbers of the tokens so far."""
        return self._written.ids

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
