"""Claims of the lectures, each with the experiment that settles it.

A claim is data plus a check. The check computes with numpy, here and now, and gives the numbers
and the verdict; nothing is stored. Numbering and corrected statements: docs/lectures.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["holds", "holds with a condition", "does not hold"]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes:
        verdict: What the numbers say of the claim as it was stated.
        numbers: (name, value) pairs, in the order to show them.
        words: One or two sentences that read the numbers.
        settings: Sizes, seeds and repeats.
    """

    verdict: Verdict
    numbers: tuple[tuple[str, str], ...]
    words: str
    settings: str


@dataclass(frozen=True)
class Claim:
    """A statement of a lecture.

    Attributes:
        id: C and a number.
        source: Lecture and system.
        statement: As lectured, in our words.
        question: What to predict before running it.
        answers: Possible predictions; `right` is the index of what the experiment shows.
        right: Index into `answers`.
        run: The experiment.
        template: Project in which to see it at work, "" for none.
    """

    id: str
    source: str
    statement: str
    question: str
    answers: tuple[str, ...]
    right: int
    run: Callable[[], Outcome]
    template: str = ""


def _rotation(n: int, seed: int) -> Matrix:
    """Return a random orthogonal matrix (n, n)."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))
    return np.asarray(q * np.sign(np.diag(r)), np.float64)


def _norm(matrix: Matrix) -> float:
    return float(np.linalg.norm(matrix, 2))


def _softmax(scores: Matrix) -> Matrix:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True), np.float64)


# ----------------------------------------------------------------------------- experiments


def order_changes_meaning() -> Outcome:
    """C3: sum of embeddings against a recurrent net, on two sentences of the same words."""
    first = ["the", "food", "was", "good", "not", "bad", "at", "all"]
    second = ["the", "food", "was", "bad", "not", "good", "at", "all"]
    words = sorted(set(first))
    rng = np.random.default_rng(0)
    vectors = dict(zip(words, rng.standard_normal((len(words), 16)), strict=True))
    w_x, w_h = rng.standard_normal((2, 16, 16)) / 4

    def bag(sentence: list[str]) -> Matrix:
        return np.asarray(np.mean([vectors[word] for word in sorted(sentence)], 0), np.float64)

    def recurrent(sentence: list[str]) -> Matrix:
        h = np.zeros(16)
        for word in sentence:
            h = np.tanh(w_x @ vectors[word] + w_h @ h)
        return np.asarray(h, np.float64)

    in_bag = float(np.linalg.norm(bag(first) - bag(second)))
    in_net = float(np.linalg.norm(recurrent(first) - recurrent(second)))
    return Outcome(
        "holds",
        (("bag of words, difference", f"{in_bag:.1e}"), ("RNN, difference", f"{in_net:.2f}")),
        "A mean of word vectors is the same for both sentences, whatever it is trained to do. "
        "The recurrent net tells them apart before it has learnt anything.",
        "16 features, one seed",
    )


def eigenvalue_below_one() -> Outcome:
    """C5: three recurrent matrices whose spectral radius says the opposite of what happens."""
    slow = np.array([[0.5, 10.0], [0.0, 0.5]])
    nilpotent = np.array([[2.0, 2.0], [-2.0, -2.0]])
    held = np.diag([1.0, 0.2]) @ nilpotent  # tanh units held at h = (0, sqrt 0.8)
    rotation = 1.5 * _rotation(8, 0)
    h, product = np.zeros(8), np.eye(8)
    for _ in range(50):
        h = np.tanh(rotation @ h + 6.0)
        product = np.diag(1 - h**2) @ rotation @ product
    return Outcome(
        "does not hold",
        (
            ("ρ = 0.5, linear: largest growth", f"{_norm(slow):.2f}"),
            ("ρ = 0, tanh: after 20 steps", f"{_norm(np.linalg.matrix_power(held, 20)):,.0f}"),
            ("ρ = 1.5, saturated tanh: after 50 steps", f"{_norm(product):.0e}"),
        ),
        "With ρ below 1 the gradient grew, with ρ above 1 it vanished. What is sufficient to "
        "vanish is a largest singular value below 1 (for tanh).",
        "exact products, no training",
    )


def relu_keeps_the_gradient() -> Outcome:
    """C7: derivative 1 of ReLU, times what the recurrent matrix does."""
    rows = []
    for gain in (0.9, 1.0, 1.1):
        product = np.linalg.matrix_power(gain * _rotation(16, 1), 50)
        rows.append((f"W = {gain} × rotation, 50 steps", f"{_norm(product):.4g}"))
    return Outcome(
        "holds with a condition",
        (*rows, ("a unit that is off", "0")),
        "The activation alone passes the gradient unchanged. The recurrent matrix still shrinks "
        "or grows it, and a unit that is off passes none.",
        "16 units, all active",
    )


def identity_start_helps() -> Outcome:
    """C8: W = identity with ReLU and with tanh, over 100 steps."""
    h, gradient = 0.5, 1.0
    for _ in range(100):
        h = float(np.tanh(h))
        gradient *= 1 - h * h
    return Outcome(
        "holds with a condition",
        (("ReLU, after 100 steps", "1"), ("tanh, after 100 steps", f"{gradient:.4f}")),
        "With ReLU the state and its gradient stay as they are. With tanh the state shrinks a "
        "little at every step and the gradient with it.",
        "start at 0.5, no input, zero bias",
    )


def gates_remember() -> Outcome:
    """C9: the direct path of an LSTM is the product of its forget gates."""
    numbers = []
    for bias in (0, 1, 5):
        forget = 1 / (1 + np.exp(-float(bias)))
        numbers.append((f"forget bias {bias}, 100 steps", f"{forget**100:.2g}"))
    return Outcome(
        "holds with a condition",
        tuple(numbers),
        "The cell's own path passes σ(b) a step. With PyTorch's start near b = 0 nothing is left "
        "after 100 steps; with an open gate half of it arrives.",
        "gates at their bias, no input",
    )


def additive_path_is_exact() -> Outcome:
    """C10: h + F(x) against h + F(x, h)."""
    rng = np.random.default_rng(0)
    inner = 0.5 * _rotation(16, 2)
    h, product = np.zeros(16), np.eye(16)
    for _ in range(50):
        a = inner @ h + rng.standard_normal(16)
        product = (np.eye(16) + np.diag(1 - np.tanh(a) ** 2) @ inner) @ product
        h = h + np.tanh(a)
    return Outcome(
        "holds with a condition",
        (("h + F(x), 50 steps", "1"), ("h + F(x, h), 50 steps", f"{_norm(product):,.3g}")),
        "The derivative is exactly 1 only when F does not read the state. When it does, its own "
        "Jacobian comes on top.",
        "16 units, one seed",
    )


def dense_does_not_scale() -> Outcome:
    """C14: weights of one dense layer over a whole sequence of 16 features."""
    return Outcome(
        "holds",
        tuple((f"{steps:,} steps", f"{(16 * steps) ** 2:,} weights") for steps in (10, 100, 1000)),
        "The number of weights grows with the square of the length. A recurrent net has the same "
        "number for any length. That a dense net has no order, as is also said, is wrong.",
        "16 features a step",
    )


def attention_without_positions() -> Outcome:
    """C15: permuting seven tokens, with and without positions."""
    rng = np.random.default_rng(0)
    x, places = rng.standard_normal((2, 7, 8))
    w_q, w_k, w_v = rng.standard_normal((3, 8, 8))
    order = rng.permutation(7)

    def attend(tokens: Matrix) -> Matrix:
        q, k, v = tokens @ w_q, tokens @ w_k, tokens @ w_v
        return np.asarray(_softmax(q @ k.T / np.sqrt(8)) @ v, np.float64)

    without = float(np.abs(attend(x[order]) - attend(x)[order]).max())
    with_places = float(np.abs(attend(x[order] + places) - attend(x + places)[order]).max())
    return Outcome(
        "holds",
        (("no positions, largest error", f"{without:.0e}"),
         ("with positions", f"{with_places:.1f}")),
        "Without positions a shuffled sentence gives the shuffled result, to rounding. A causal "
        "mask by itself already breaks the symmetry.",
        "7 tokens, 8 features, one head, no mask",
    )  # fmt: skip


def scores_need_scaling() -> Outcome:
    """C17: entropy of the weights over seven random keys, with and without division by sqrt d."""
    rng = np.random.default_rng(0)
    rows = []
    for width in (4, 64, 256):
        q, k = rng.standard_normal((2000, 1, width)), rng.standard_normal((2000, 7, width))
        scores = (q * k).sum(-1)
        raw, scaled = (_entropy(_softmax(s)) for s in (scores, scores / np.sqrt(width)))
        rows.append((f"d = {width}: raw, scaled", f"{raw:.2f}, {scaled:.2f} nats"))
    return Outcome(
        "holds",
        tuple(rows),
        "Without scaling the weights collapse onto one key as d grows, and with them the "
        "gradient. Divided by √d they stay near the most even value, ln 7 = 1.95.",
        "2,000 draws of unit-normal queries and keys",
    )


def _entropy(weights: Matrix) -> float:
    return float(-(weights * np.log(np.maximum(weights, 1e-300))).sum(-1).mean())


def hard_attention_learns() -> Outcome:
    """C19: the score-function gradient of a sampled choice against the exact one."""
    alpha, values = np.array([0.6, 0.3, 0.05, 0.05]), np.arange(1.0, 5.0)
    mean = float(alpha @ values)
    exact = alpha * (values - mean)
    rng = np.random.default_rng(0)
    chosen = rng.choice(4, 200_000, p=alpha)
    score = np.eye(4)[chosen] - alpha
    plain = values[chosen, None] * score
    better = (values[chosen, None] - mean) * score
    error = float(np.abs(plain.mean(0) - exact).max())
    return Outcome(
        "does not hold",
        (
            ("error of the sampled gradient", f"{error:.4f}"),
            ("its variance, plain", f"{plain.var(0).sum():.2f}"),
            ("with a baseline", f"{better.var(0).sum():.2f}"),
        ),
        "The sampled gradient has the right mean, so stochastic gradient descent works. It is "
        "noisier than soft attention, and a baseline takes most of the noise away.",
        "200,000 draws, weights 0.6, 0.3, 0.05, 0.05",
    )


_ALL = (
    Claim("C3", "Lecture A, order", "The order of words changes the meaning.",
          "Two sentences of the same words: which model can tell them apart?",
          ("Both", "Only the RNN", "Only the bag of words"), 1, order_changes_meaning),
    Claim("C5", "Lecture D, gradient flow",
          "The gradient vanishes if the largest eigenvalue of W is below 1.",
          "Is the eigenvalue enough to know?", ("Yes", "No"), 1, eigenvalue_below_one, "char-rnn"),
    Claim("C7", "Lecture B, trick 1", "ReLU keeps the gradient from shrinking.",
          "Is the activation all that matters?", ("Yes", "The matrix matters too"), 1,
          relu_keeps_the_gradient, "char-rnn"),
    Claim("C8", "Lecture B, trick 2", "Starting from the identity matrix helps.",
          "With which activation?", ("With both", "With ReLU", "With tanh"), 1,
          identity_start_helps, "adding-rnn"),
    Claim("C9", "Lecture A, gates", "Gates give a long memory.",
          "What is left after 100 steps of a new LSTM?",
          ("Nearly all", "It depends on the forget bias"), 1, gates_remember, "recall-lstm"),
    Claim("C10", "Lecture D, additive path", "Adding to the state makes the derivative exactly 1.",
          "Also when the added part reads the state?", ("Yes", "No"), 1, additive_path_is_exact),
    Claim("C14", "Lecture A, idea 1", "A dense net over the whole sequence does not scale.",
          "1,000 steps of 16 features: how many weights?",
          ("About a million", "A quarter of a billion"), 1, dense_does_not_scale),
    Claim("C15", "Lecture A, positions", "Without positions attention cannot tell order.",
          "Shuffle the tokens: what changes?", ("Nothing but the order", "The values too"), 0,
          attention_without_positions, "char-attention"),
    Claim("C17", "Lecture A, scaling", "Attention scores need scaling.",
          "What happens to unscaled weights as the width grows?",
          ("They become even", "They collapse onto one key"), 1, scores_need_scaling, "char-gpt"),
    Claim("C19", "Lecture D, hard attention",
          "Hard attention has no gradient and needs reinforcement learning.",
          "Does sampling give a gradient with the right mean?", ("No", "Yes, a noisier one"), 1,
          hard_attention_learns),
)  # fmt: skip

CLAIMS: Mapping[str, Claim] = MappingProxyType({claim.id: claim for claim in _ALL})
