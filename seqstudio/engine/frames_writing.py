"""Writing frames of keys: every step each key is down or up by chance, and the frame is fed back.

Shape legend: T steps, 88 keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqstudio.core.errors import RunError
from seqstudio.engine.model import GraphModel, State
from seqstudio.engine.steered import Wishes
from seqstudio.music.abc_reader import parse_meter
from seqstudio.music.codings.frames import LOWEST, PER_BEAT, PIANO, STEP, roll_in
from seqstudio.music.codings.words import END, full_steps, name_of
from seqstudio.music.guiding.scales import scale_of
from seqstudio.records.messages import Constraints, Steer, Write
from seqstudio.records.readings import Sample, freeze

SHOWN_CHOICES = 8
MOST_SILENCE = 64
"""Silent steps at the beginning that are read over and not written."""

Chances = NDArray[np.float64]


class _Memory:
    """A model's state while it writes frames."""

    def __init__(self, model: GraphModel) -> None:
        self._model = model
        self._device = next(model.parameters()).device
        self._window = max(model.facts.window, 2)
        self._state: State = model.writing_state()
        self._seen = np.zeros((0, PIANO), np.float32)

    @torch.inference_mode()
    def read(self, frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """Take in frames (T, 88) and return the logits (88,) of the next one."""
        self._model.eval()
        if not self._model.stepwise:
            self._seen = frames = np.concatenate([self._seen, frames])[-self._window :]
            self._state = self._model.writing_state()
        given = torch.from_numpy(np.ascontiguousarray(frames))[None].to(self._device)
        outputs: Tensor
        outputs, self._state = self._model(given, self._state)
        logits = outputs[0, -1].double().cpu().numpy()
        if not np.isfinite(logits).all():
            raise RunError("The model gives no probabilities", "its numbers are not finite")
        return np.asarray(logits)


def key_chances(logits: NDArray[np.float64], temperature: float) -> Chances:
    """Return the probability of each key (88,): sigmoid of the logits by the temperature.

    At temperature 0 a key that is likelier down than up is down.
    """
    if temperature <= 0:
        return (logits > 0).astype(np.float64)
    return np.asarray(0.5 * (1 + np.tanh(logits / temperature / 2)))


def keys_that_may(wish: Constraints) -> NDArray[np.bool_]:
    """Return which keys (88,) the constraints leave: those of the scale, in the range."""
    pitches = np.arange(LOWEST, LOWEST + PIANO)
    may = (pitches >= wish.lowest) & (pitches <= wish.highest)
    scale = scale_of(wish.key)
    return may if scale is None else may & np.isin(pitches % 12, list(scale))


@dataclass
class _Text:
    """The text of the frames so far, token by token."""

    parts: list[str] = field(default_factory=list)
    probability: list[float] = field(default_factory=list)

    def add(self, word: str, probability: float) -> None:
        self.parts.append(word)
        self.probability.append(probability)


@dataclass(frozen=True)
class FramesWriting:
    """Frames on their way; see `sampling.Writing`."""

    _request: Write
    _step: int
    _text: _Text
    _p: Chances
    done: bool
    waits: bool = False

    def sample(self) -> Sample:
        """Return the text as far as it is, as a record."""
        text, best = self._text, np.argsort(-self._p, kind="stable")[:SHOWN_CHOICES]
        return Sample(
            request=self._request.request,
            step=self._step,
            prompt=self._request.prompt,
            text="".join(text.parts),
            probability=freeze(np.array(text.probability, np.float32)),
            choices=tuple((name_of(LOWEST + int(key)), float(self._p[key])) for key in best),
            temperature=self._request.temperature,
            seed=self._request.seed,
            done=self.done,
            ends=freeze(np.cumsum([len(part) for part in text.parts], dtype=np.int64)),
        )


def write_frames(
    model: GraphModel, request: Write, step: int, *, per_beat: int = PER_BEAT,
    wishes: Wishes | None = None,
) -> Iterator[FramesWriting]:  # fmt: skip
    """Write `request.length` frames as text; yields after every frame.

    A key that is down has the probability that it was given; the sign behind a step has that of
    all other keys being up. Top k leaves that many keys of a frame at most; top p means nothing
    here. Of the constraints key, range and number of bars are kept; a bar is that of the metre,
    4/4 without. Silence before the first key is left out.

    Args:
        model: One that predicts frames of keys.
        request: What is asked for; the prompt is text of frames.
        step: Optimizer steps behind the weights.
        per_beat: Steps in a beat.
        wishes: Where the writing can be steered, from one bar to the next.

    Raises:
        RunError: The model does not predict keys.
    """
    if model.pattern != "notes":
        raise RunError("This model cannot write frames", "it does not predict keys", "")
    chances = np.random.default_rng(request.seed)
    memory, text, wish = _Memory(model), _Text(), _Wish(request, wishes or Wishes(), per_beat)
    logits = memory.read(_prompted(request.prompt, text, per_beat))
    silent, steps = 0, 0
    p = np.zeros(PIANO)
    while True:
        turn = wish.turn(steps)
        if turn != "go on":
            if turn == "end":
                text.add(END, 1.0)
            yield FramesWriting(request, step, text, p, turn == "end", turn == "wait")
            if turn == "end":
                return
            continue
        p = key_chances(logits, wish.now.temperature)
        frame = _drawn(p, keys_that_may(wish.now.constraints), wish.now.top_k, chances)
        logits = memory.read(frame[None])
        if steps or frame.any() or request.prompt or silent >= MOST_SILENCE:
            _tell(frame, p, text)
            steps += 1
            yield FramesWriting(request, step, text, p, done=False)
        else:
            silent += 1


def _prompted(prompt: str, text: _Text, per_beat: int) -> NDArray[np.float32]:
    """Return the frames (T, 88) that are read first; without any, a silent one."""
    if not prompt and per_beat != PER_BEAT:
        text.add(f"beat{per_beat} ", 1.0)
    roll = roll_in(prompt)[0] if prompt.strip() else np.zeros((0, PIANO), np.uint8)
    frames = roll.astype(np.float32)
    return frames if len(frames) else np.zeros((1, PIANO), np.float32)


def _drawn(
    p: Chances, may: NDArray[np.bool_], top_k: int, chances: np.random.Generator
) -> NDArray[np.float32]:
    """Return a frame (88,): each key that may be down is so by its own chance."""
    down = (chances.random(PIANO) < p) & may
    if 0 < top_k < down.sum():
        order = np.argsort(-np.where(down, p, -1.0), kind="stable")
        down[order[top_k:]] = False
    return down.astype(np.float32)


def _tell(frame: NDArray[np.float32], p: Chances, text: _Text) -> None:
    for key in np.flatnonzero(frame):
        text.add(f"{name_of(LOWEST + int(key))} ", float(p[key]))
    up = np.where(frame > 0, 1.0, 1.0 - p)
    text.add(f"{STEP} ", float(up.prod()))


class _Wish:
    """What holds from one bar to the next; see `steered.Course`."""

    def __init__(self, request: Write, wishes: Wishes, per_beat: int) -> None:
        self.now, self._wishes, self._per_beat = request, wishes, per_beat
        self._heard: Steer | None = None

    def turn(self, steps: int) -> str:
        """Tell what comes after so many steps."""
        wish = self.now.constraints
        meter = parse_meter(wish.meter)[1] if wish.meter else None
        bars, over = divmod(steps, max(1, int(full_steps(meter, self._per_beat))))
        if not over:
            self._hear()
        wish = self.now.constraints
        if self._wishes.stopped and not over:
            return "end"
        if bars >= wish.bars if wish.bars else steps >= self.now.length:
            return "end"
        newest = self._wishes.newest
        ahead = self.now.ahead if newest is None else newest.ahead
        return "wait" if not over and 0 < ahead <= bars else "go on"

    def _hear(self) -> None:
        newest = self._wishes.newest
        if newest is None or newest is self._heard:
            return
        self._heard = newest
        self.now = Write(
            self.now.request, self.now.prompt, self.now.length, newest.temperature,
            newest.top_k, newest.top_p, self.now.seed, newest.constraints, newest.ahead,
        )  # fmt: skip
