"""Numbers of the lectures about attention: oracles 1, 5, 20, 24."""

from __future__ import annotations

import math

import pytest
import torch

from seqstudio.engine.layers.attention import MatrixProduct, Softmax
from seqstudio.engine.layers.dense import Scale

ALPHA = torch.tensor([[0.6, 0.3, 0.05, 0.05], [0.1, 0.15, 0.7, 0.05]], dtype=torch.float64)
LOGITS = torch.tensor(
    [[2.484907, 1.791759, 0.0, 0.0], [0.693147, 1.098612, 2.639057, 0.0]], dtype=torch.float64
)


# --------------------------------------------------------------- 1: weights of the translation


def test_scores_of_the_lecture_give_its_weights() -> None:
    weights = Softmax()(LOGITS[None])[0]
    torch.testing.assert_close(weights, ALPHA, rtol=0, atol=1e-6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, dtype=torch.float64))
    entropy = -(weights * weights.log()).sum(-1)
    assert entropy.tolist() == pytest.approx([0.967260, 0.914286], abs=1e-5)
    assert math.log(4) == pytest.approx(1.386294, abs=1e-6)


def test_the_context_is_the_mean_that_the_weights_ask_for() -> None:
    mix = MatrixProduct(transposed=False)
    places = torch.eye(4, dtype=torch.float64)[None]
    torch.testing.assert_close(mix(ALPHA[None], places)[0], ALPHA)
    states = torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64)[None]
    assert mix(ALPHA[None], states)[0, :, 0].tolist() == pytest.approx([1.55, 2.70])


# ----------------------------------------------------- 5: dot, cosine and scaled dot are three


def test_dot_cosine_and_scaled_dot_are_three_numbers() -> None:
    deep = torch.tensor([[[0.1, 0.8, 0.6]]], dtype=torch.float64)
    learning = torch.tensor([[[0.9, 0.2, 0.4]]], dtype=torch.float64)
    dot = MatrixProduct(transposed=True)(deep, learning)
    scaled = Scale(1 / math.sqrt(3))(dot)
    norms = deep.norm() * learning.norm()
    assert float(deep.norm()) == pytest.approx(1.004988, abs=1e-6)
    found = [float(dot), float(dot / norms), float(scaled)]
    assert found == pytest.approx([0.49, 0.485149, 0.282902], abs=1e-6)


# ------------------------------------------------------------------------------ 20: the scale


@pytest.mark.parametrize(
    ("width", "plain", "better"), [(4, 1.20, 1.63), (16, 0.63, 1.61), (64, 0.30, 1.61),
                                   (256, 0.15, 1.60)],
)  # fmt: skip
def test_scores_grow_with_the_width_and_the_scale_takes_that_back(
    width: int, plain: float, better: float
) -> None:
    torch.manual_seed(0)
    queries, keys = torch.randn(4000, 1, width), torch.randn(4000, 7, width)
    scores = MatrixProduct(transposed=True)(queries, keys)
    assert float(scores.var()) == pytest.approx(width, rel=0.05)

    def entropy(values: torch.Tensor) -> float:
        p = Softmax()(values)
        return float(-(p * p.clamp_min(1e-30).log()).sum(-1).mean())

    assert entropy(scores) == pytest.approx(plain, abs=0.04)
    assert entropy(Scale(1 / math.sqrt(width))(scores)) == pytest.approx(better, abs=0.03)


# ------------------------------------------------------------------------------ 24: the shapes


def test_the_figure_of_queries_and_keys_is_8_by_4() -> None:
    product = MatrixProduct(transposed=False)(torch.ones(1, 8, 2), torch.ones(1, 2, 4))
    assert product.shape == (1, 8, 4)
