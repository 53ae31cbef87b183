"""What a person is shown of a translation is what the model writes and where it looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.core.errors import DataError, RunError
from seqstudio.data.scoring.texts import chrf
from seqstudio.engine.decoding import written_for
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.inside.trying.translation import translate
from seqstudio.records.inside.trying.translation import Translate, Translated
from tests.engine.inside.looking import small
from tests.engine.inside.looking import subject as subject_of

KINDS = ("translate-attention", "copy-seq2seq")
TEXTS = {"translate-attention": "my cat is the best"}


@pytest.fixture(scope="module", params=KINDS)
def subject(request: pytest.FixtureRequest) -> Subject:
    torch.manual_seed(1)
    found = subject_of(small(request.param))
    with torch.no_grad():
        for parameter in found.model.module(found.model.head).parameters():
            parameter.mul_(3.0)
    return replace(found, text=TEXTS.get(request.param, "abcdef"))


def last(subject: Subject, question: Translate) -> Translated:
    with torch.no_grad():
        readings = [r for r in translate(subject, question) if r is not None]
    return readings[-1]


def test_greedy_text_tree_and_alignment_belong_together(subject: Subject) -> None:
    found = last(subject, Translate(width=3, right=("mi gato es el mejor",)))
    assert found.greedy.text == written_for(subject.model, subject.dataset, subject.text)
    assert found.greedy.chrf == pytest.approx(chrf(found.greedy.text, "mi gato es el mejor"))
    assert not found.greedy.exact
    for way in (found.greedy, found.beam):
        for place in way.aligned:
            assert place.weights.shape[1:] == (len(way.tokens), len(found.source))
            np.testing.assert_allclose(place.weights.sum(-1), 1.0, atol=1e-5)
    assert bool(found.greedy.aligned) == (subject.project.template != "copy-seq2seq")


def test_the_tree_ends_in_the_best_beam_and_its_sums_add_up(subject: Subject) -> None:
    found = last(subject, Translate(width=3))
    tree, node, tokens = found.tree, found.tree.ends[0], list[str]()
    assert len(tree.ends) == 3
    assert tree.total[node] == pytest.approx(found.beam.log_p)
    while node >= 0:
        tokens.append(tree.symbols[tree.token[node]])
        node = int(tree.parent[node])
    assert tuple(tokens[::-1]) == found.beam.tokens
    inner = tree.parent >= 0
    sums = tree.total[tree.parent[inner]] + tree.log_p[inner]
    np.testing.assert_allclose(sums, tree.total[inner], atol=1e-4)


def test_what_cannot_be_read_is_said() -> None:
    subject = subject_of(small("translate-seq2seq"))
    assert last(replace(subject, text="the zebra is big"), Translate()).skipped == ("zebra",)
    long = last(replace(subject, text="the cat is big and " * 60), Translate(width=1))
    assert (len(long.source), long.cut) == (200, 100)
    with pytest.raises(DataError, match="nothing to read"):
        last(replace(subject, text=" "), Translate())
    with pytest.raises(RunError, match="writes nothing from a sentence"):
        last(subject_of(small("recall-gru")), Translate())
