"""Tables of vectors: the model's own numbers, under the right names."""

from __future__ import annotations

import numpy as np
import pytest

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.engine.inside.looker import Looker
from seqstudio.records.inside.embedding import EmbeddingOf, EmbeddingTable
from seqstudio.records.looking import LookAt, Looked, LookFailed


def asked(template: str, question: EmbeddingOf) -> tuple[Looker, list[Looked | LookFailed]]:
    looker = Looker()
    looker.wish(LookAt(1, "here", question, project_text(make(template)), ""))
    found = []
    while looker.busy:
        told = looker.advance()
        if told is not None:
            found.append(told)
    return looker, found


def test_the_table_is_the_models_own_with_its_symbols_and_counts() -> None:
    looker, found = asked("char-rnn", EmbeddingOf())
    (subject,) = looker._models.values()
    reading = found[-1].reading
    assert isinstance(reading, EmbeddingTable)
    weight = subject.model.module("embedding").weight.detach().numpy()
    np.testing.assert_array_equal(reading.vectors, weight)
    assert reading.symbols == subject.dataset.vocabulary.symbols
    space = reading.symbols.index(" ")
    train = subject.dataset.train[:5_000_000]
    assert reading.counts[space] == (train == space).sum()
    assert [(t.key, t.of) for t in reading.tables] == [
        ("embedding", "symbols"),
        ("next_token/weight", "symbols"),
    ]
    assert 0 <= reading.kept <= 1
    assert 0 <= reading.trust <= 1


def test_the_map_of_neighbours_comes_in_slices_and_ends_with_its_quality() -> None:
    _, found = asked("hello-rnn", EmbeddingOf("next_token/weight", "neighbours"))
    assert found[-1].done
    assert [told.done for told in found[:-1]] == [False] * (len(found) - 1)
    reading = found[-1].reading
    assert (reading.way, reading.progress, reading.places.shape) == ("neighbours", 1.0, (4, 2))
    assert np.isfinite(reading.trust)


def test_one_hot_symbols_have_the_columns_of_what_reads_them() -> None:
    looker, found = asked("hello-rnn", EmbeddingOf())
    (subject,) = looker._models.values()
    weight = subject.model.module("rnn").cells[0].weight_ih_l0.detach().numpy()
    np.testing.assert_array_equal(found[-1].reading.vectors, weight.T)
    assert "input weights" in found[-1].reading.table.title


def test_tied_weights_are_one_table_and_sources_have_their_own() -> None:
    _, tied = asked("char-gpt", EmbeddingOf())
    assert len(tied[-1].reading.tables) == 1
    _, pair = asked("reverse-seq2seq", EmbeddingOf())
    assert [t.title for t in pair[-1].reading.tables[:2]] == ["Embedding, source", "Embedding2"]


def test_a_picture_model_offers_places_and_classes() -> None:
    _, found = asked("shapes-vit", EmbeddingOf())
    assert [t.of for t in found[-1].reading.tables] == ["places", "classes"]


@pytest.mark.parametrize("template", ["adding-rnn", "forecast-lstm"])
def test_a_model_of_numbers_says_what_it_would_need(template: str) -> None:
    _, (told,) = asked(template, EmbeddingOf())
    assert isinstance(told, LookFailed)
    assert "Embedding block" in told.hint
