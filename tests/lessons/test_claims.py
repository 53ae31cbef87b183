"""Every claim's experiment gives the numbers that the corrected lectures state."""

from __future__ import annotations

import re

import pytest

from seqstudio.blocks.templates import TEMPLATES
from seqstudio.lessons.claims import CLAIMS

NUMBER = re.compile(r"[-\d.,]+(?:e[-+]?\d+)?")


def numbers(claim: str) -> list[float]:
    texts = (value for _, value in CLAIMS[claim].run().numbers)
    found = (word for text in texts for word in NUMBER.findall(text) if word.strip(",.-"))
    return [float(word.strip(",").replace(",", "")) for word in found]


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_a_claim_runs_and_is_complete(claim) -> None:
    outcome = claim.run()
    assert outcome.numbers
    assert outcome.words
    assert 0 <= claim.right < len(claim.answers)
    assert claim.template in {"", *TEMPLATES}
    assert claim.run() == outcome  # the same numbers every time


def test_eigenvalue_counter_examples() -> None:
    growth, nilpotent, saturated = numbers("C5")
    assert growth == pytest.approx(10.0249, abs=0.01)
    assert nilpotent == pytest.approx(21_794, rel=0.01)
    assert saturated < 1e-30


def test_relu_and_matrix() -> None:
    assert numbers("C7") == pytest.approx([0.005154, 1, 117.4, 0], rel=1e-3)


def test_identity_start() -> None:
    assert numbers("C8") == pytest.approx([1, 0.0131], rel=1e-2)


def test_forget_gates() -> None:
    assert numbers("C9") == pytest.approx([7.9e-31, 2.5e-14, 0.51], rel=0.02)


def test_order() -> None:
    bag, recurrent = numbers("C3")
    assert bag < 1e-12
    assert recurrent > 0.1


def test_dense_weights() -> None:
    assert numbers("C14") == [25_600, 2_560_000, 256_000_000]


def test_permutation() -> None:
    without, with_places = numbers("C15")
    assert without < 1e-12
    assert with_places > 0.1


def test_scaling() -> None:
    values = numbers("C17")
    assert values[0::2] == pytest.approx([1.20, 0.30, 0.15], abs=0.03)
    assert values[1::2] == pytest.approx([1.63, 1.61, 1.60], abs=0.03)


def test_sampled_gradient() -> None:
    error, plain, better = numbers("C19")
    assert error < 0.02
    assert plain == pytest.approx(2.725, abs=0.05)
    assert better == pytest.approx(0.5, abs=0.02)
