"""What a model expects next, asked for: at every step, by layer, and several steps on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqstudio.records.readings import Floats, Ints


@dataclass(frozen=True)
class PredictionsOf:
    """Ask what the model predicts.

    Attributes:
        steps: Longest part of the text to read.
        guesses: Likeliest tokens to name at every step, K.
        examples: Held-out examples to answer where the model gives one answer a sequence.
    """

    steps: int = 600
    guesses: int = 5
    examples: int = 12


@dataclass(frozen=True)
class Lens:
    """What the head makes of earlier layers (logit lens): L layers, the last is the output.

    Attributes:
        names: (L,) the layers in running order.
        best: (L, T, K) likeliest tokens, falling.
        p: (L, T, K) float32, their probabilities.
        true_p: (L, T) float32, probability of the token that came; NaN where none is asked.
        left_out: Layers whose width the head cannot read, in words.
    """

    names: tuple[str, ...]
    best: Ints
    p: NDArray[np.float32]
    true_p: NDArray[np.float32]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predictions:
    """Distributions over V tokens (or classes) at T steps.

    Attributes:
        tokens: (T,) what the model reads.
        symbols: (V,) what it predicts.
        source: What it reads beside the text, in words; () without.
        follows: Whether the token that is predicted at t is what is read at t + 1.
        true: (T,) the token that came, -1 where none is asked.
        logits: (T, V) float32.
        best: (T, K) likeliest tokens, falling.
        p: (T, K) their probabilities.
        true_p: (T,) probability of the token that came; NaN where none is asked.
        entropy: (T,) in bits.
        skipped: Characters that the model does not know and that were left out.
        cut: Steps of the text that were left off.
        lens: Distributions by layer; None where no layer but the last can be read.
        no_lens: Why not.
    """

    tokens: tuple[str, ...]
    symbols: tuple[str, ...]
    source: tuple[str, ...]
    follows: bool
    true: Ints
    logits: NDArray[np.float32]
    best: Ints
    p: Floats
    true_p: Floats
    entropy: Floats
    skipped: tuple[str, ...]
    cut: int
    lens: Lens | None
    no_lens: str


@dataclass(frozen=True)
class Answers:
    """One answer for each of N held-out sequences.

    Attributes:
        examples: (N,) the sequences in words.
        classes: (J,) names of the classes; () where the answer is a number.
        answers: (N, J) probabilities of the classes, or (N, 1) values.
        truth: (N,) number of the true class, or the true value.
    """

    examples: tuple[str, ...]
    classes: tuple[str, ...]
    answers: Floats
    truth: Floats


@dataclass(frozen=True)
class Outlook:
    """The next numbers of a series, or the next notes, at T steps of a held-out example.

    Attributes:
        notes: Whether these are notes: probabilities that a key is down.
        names: (D,) what the numbers are.
        expected: (T, D) mean of the next value, or probability of the note.
        spread: (T, D) standard deviation; NaN for notes.
        truth: (T, D) what came.
    """

    notes: bool
    names: tuple[str, ...]
    expected: Floats
    spread: Floats
    truth: Floats


@dataclass(frozen=True)
class BeamOf:
    """Ask how a text would go on, by beam search, greedily and drawn by chance.

    Attributes:
        at: Step of the text after which it goes on.
        steps: Longest part of the text to read, as in `PredictionsOf`.
        width: Beams, W.
        depth: Tokens to go on for, D.
        temperature: Of what is drawn by chance; 0 takes the likeliest.
        top_k: Likeliest tokens to choose from, 0 for all.
        top_p: Share of probability to choose from.
        seed: Of the chance.
    """

    at: int
    steps: int = 600
    width: int = 4
    depth: int = 12
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Continuation:
    """One way to go on.

    Attributes:
        way: "greedy", "beam" or "sampled".
        tokens: (D,) numbers of the tokens.
        log_p: (D,) natural log-probability of each under the model, temperature 1.
    """

    way: str
    tokens: Ints
    log_p: Floats


@dataclass(frozen=True)
class BeamTree:
    """All that a beam search kept: N nodes, parents before children.

    Attributes:
        at: Step after which the text goes on.
        context: The tokens just before, at most 24.
        symbols: (V,) the tokens.
        parent: (N,) number of the node before, -1 at the first step.
        depth: (N,) 0 for the first step.
        token: (N,) its token.
        log_p: (N,) natural log-probability of its token given what is before it.
        total: (N,) the same summed from the first step.
        ends: Nodes that the surviving beams end at, best first.
        others: The greedy and the sampled continuation.
        done: Steps that are searched so far, D at the end.
    """

    at: int
    context: tuple[str, ...]
    symbols: tuple[str, ...]
    parent: Ints
    depth: Ints
    token: Ints
    log_p: Floats
    total: Floats
    ends: tuple[int, ...]
    others: tuple[Continuation, ...]
    done: int
