"""Sentences of the lectures as our own data and blocks take them: oracles 7, 8, 9, 23."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import nn

from seqstudio.data.reading.tokens import words_of
from seqstudio.engine.layers import RNN, SelfAttention
from seqstudio.engine.layers.sequence import LastStep, MeanOverTime
from seqstudio.engine.model import GraphModel

FRANCE = "France is where I grew up, but I now live in Boston. I speak fluent ____."


def words(sentence: str) -> list[str]:
    return [word.strip() for word in words_of(sentence) if any(map(str.isalpha, word))]


# ------------------------------------------------------------------------------- 7: the lengths


@pytest.mark.parametrize(
    ("sentence", "count"),
    [
        ("The food was great", 4),
        ("We visited a restaurant for lunch", 6),
        ("We were hungry but cleaned the house before eating", 9),
        ("This morning I took my cat for a walk", 9),
        ("The clouds are in the", 5),
        ("I love this class!", 4),
    ],
)
def test_sentences_have_the_lengths_of_the_lecture(sentence: str, count: int) -> None:
    assert len(words(sentence)) == count


def test_the_blank_is_15_words_behind_its_cue() -> None:
    found = words(FRANCE.replace("____", "French"))
    assert found.index("French") - found.index("France") == 15
    assert len("מטמון התגלה במערה") == 17


# --------------------------------------------------------------------------------- 8: the order


PAIRS = (
    ("The food was good, not bad at all.", "The food was bad, not good at all."),
    ("I'm sorry... it's not you, it's me.", "It's not me, it's you... I'm sorry."),
)


@pytest.mark.parametrize("pair", PAIRS)
def test_pairs_differ_in_order_only_and_only_some_blocks_see_that(pair: tuple[str, str]) -> None:
    tokens = [[word.strip() for word in words_of(text, lower=True) if word.strip()]
              for text in pair]  # fmt: skip
    assert Counter(tokens[0]) == Counter(tokens[1])
    vocabulary = sorted(set(tokens[0]))
    ids = [torch.tensor([[vocabulary.index(word) for word in line]]) for line in tokens]
    torch.manual_seed(0)
    embed = nn.Embedding(len(vocabulary), 8).double()
    attend = SelfAttention(8, 2, causal=False, rotary=False).double()
    recurrent, mean, last = RNN(8, 8).double(), MeanOverTime(), LastStep()

    def gap(read: Callable[[torch.Tensor], torch.Tensor]) -> float:
        return float((read(embed(ids[0])) - read(embed(ids[1]))).detach().abs().max())

    assert gap(mean) < 1e-12
    assert gap(lambda x: mean(attend(x)[0])) < 1e-12
    assert gap(lambda x: last(recurrent(x)[0])) > 1e-2


# --------------------------------------------------------------------------------- 9: the music


def test_four_different_notes_need_no_memory(make_model: Callable[..., GraphModel]) -> None:
    tune = ("E", "F#", "G", "C", "A")
    numbers = torch.arange(len(tune))[None]
    torch.manual_seed(0)
    model = make_model("tokens", "one_hot", "next_token", vocabulary=len(tune)).float()
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(300):
        loss = model.losses(model(numbers[:, :-1])[0], numbers[:, 1:]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.01 < math.log(5)


# ---------------------------------------------------------------------------- 23: the plain loop


def test_the_loop_of_the_lecture_starts_from_zeros_and_reads_four_words() -> None:
    torch.manual_seed(0)
    layer = RNN(3, 4).double()
    sentence = torch.randn(1, len(["I", "love", "recurrent", "neural"]), 3).double()
    state = None
    for step in range(sentence.shape[1]):
        output, state = layer(sentence[:, step : step + 1], state)
    whole, _ = layer(sentence, [torch.zeros(1, 1, 4).double()])
    assert output.shape == (1, 1, 4)
    torch.testing.assert_close(output[:, 0], whole[:, -1], rtol=0, atol=1e-12)
