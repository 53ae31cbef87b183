"""Batches with a source, with padding and with none: what reaches the model and how it counts."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seqstudio.blocks.declaration import DataFacts, Pattern
from seqstudio.data.dataset import Dataset
from seqstudio.data.sources import open_dataset
from seqstudio.data.tasks.base import END
from seqstudio.document.settings import DataSettings, TrainingSettings
from seqstudio.engine.batches import Batches, held_out
from seqstudio.engine.decoding import exactly_right, write_greedily, written_lines
from seqstudio.engine.evaluation import Score
from seqstudio.engine.inputs import Inputs, as_inputs
from seqstudio.engine.inside.measuring import Sentences

CPU = torch.device("cpu")


def batches(kind: str, rows: int = 6, length: int = 9) -> tuple[Dataset, Batches]:
    dataset = open_dataset(DataSettings(kind, length=length))
    return dataset, Batches(dataset, TrainingSettings(batch=rows), False, CPU)


@pytest.mark.parametrize("kind", ["adding", "parity", "shapes", "pixels", "waves", "frames"])
def test_equal_rows_without_a_source_stay_one_tensor(kind: str) -> None:
    dataset, drawing = batches(kind)
    window = drawing.next()
    assert isinstance(window.inputs, Tensor)
    assert window.main is window.inputs
    assert window.inputs.dtype == (torch.int64 if dataset.input == "ids" else torch.float32)
    assert window.restart
    assert drawing.tokens_per_batch == 6 * window.steps


def test_words_bring_source_and_lengths() -> None:
    _, drawing = batches("reverse")
    window = drawing.next()
    given = window.inputs
    assert isinstance(given, Inputs)
    assert given.main.shape == window.targets.shape == (6, 10)
    assert given.source is not None
    assert given.lengths is not None
    assert given.source_lengths is not None
    assert given.source.shape == (6, 9)
    assert torch.equal(given.lengths, given.source_lengths + 1)
    assert torch.equal(given.lengths, (window.targets != -100).sum(1))
    assert drawing.tokens_per_batch == int(given.lengths.sum())


def test_captions_bring_a_picture() -> None:
    given = batches("captions")[1].next().inputs
    assert isinstance(given, Inputs)
    assert given.source is not None
    assert given.source.shape == (6, 1, 24, 24)
    assert given.source.dtype == torch.float32
    assert given.source_lengths is None
    assert given.lengths is not None


def test_rows_of_inputs_are_taken_together() -> None:
    given = as_inputs(batches("reverse")[1].next().inputs)
    for choice in (slice(2), torch.tensor([4, 1]), torch.arange(6) > 3):
        few = given.rows(choice)
        assert len(few) == len(given.main[choice]) < len(given)
        for name in ("main", "source", "lengths", "source_lengths"):
            assert torch.equal(getattr(few, name), getattr(given, name)[choice])
    plain = Inputs(given.main).rows(slice(1)).to("cpu")
    assert plain.source is plain.lengths is plain.source_lengths is None


def test_a_position_continues_drawn_batches_exactly() -> None:
    _, first = batches("captions")
    first.next()
    kept = first.position()
    wanted = [as_inputs(first.next().inputs) for _ in range(2)]
    _, second = batches("captions")
    second.seek(kept)
    for expected in wanted:
        found = as_inputs(second.next().inputs)
        assert torch.equal(found.main, expected.main)
        assert found.source is not None
        assert expected.source is not None
        assert torch.equal(found.source, expected.source)


def test_held_out_windows_are_the_same_every_time() -> None:
    dataset, _ = batches("tagging")
    one, two = (next(held_out(dataset, 9, CPU)) for _ in range(2))
    assert torch.equal(one.main, two.main)
    assert torch.equal(one.targets, two.targets)
    assert isinstance(one.inputs, Inputs)


# ---------------------------------------------------------------------------------------- scores


def scored(pattern: Pattern, outputs: Tensor, targets: Tensor, losses: Tensor) -> Score:
    score = Score()
    score.add(pattern, outputs, targets, losses)
    return score


def test_padding_is_neither_counted_nor_right() -> None:
    outputs = torch.nn.functional.one_hot(torch.tensor([[1, 2, 0, 0]]), 3).float()
    targets = torch.tensor([[1, 0, -100, -100]])
    score = scored("next token", outputs, targets, torch.tensor([[0.5, 1.5, 0.0, 0.0]]))
    assert (score.count, score.loss, score.accuracy) == (2, 1.0, 0.5)
    assert math.isnan(score.error)


def test_right_silence_is_no_right_note() -> None:
    outputs = torch.tensor([[[5.0, 5.0, -5.0, -5.0]]])
    targets = torch.tensor([[[1.0, 0.0, 1.0, 0.0]]])
    score = scored("notes", outputs, targets, torch.tensor([[2.0]]))
    assert score.accuracy == pytest.approx(1 / 3)
    assert score.count == 1


def test_forecasts_are_measured_by_the_distance_of_their_means() -> None:
    outputs = torch.tensor([[[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]]])
    targets = torch.tensor([[[1.5], [1.0], [math.nan]]])
    score = scored("forecast", outputs, targets, torch.tensor([[1.0, 3.0, 0.0]]))
    assert (score.error, score.loss, score.count) == (0.75, 2.0, 2)
    assert math.isnan(score.accuracy)


# ------------------------------------------------------------------------------- free running


class Oracle(torch.nn.Module):
    """Knows how to write backwards, but makes a mistake in words that begin with one letter."""

    pattern, stepwise = "next token", False

    def __init__(self, mistaken: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.facts = DataFacts(window=10)
        self.mistaken = mistaken
        self.widths: list[int] = []

    def writing_state(self) -> dict[str, object]:
        return {}

    def forward(self, given: Inputs, state: object) -> tuple[Tensor, object]:
        assert given.source is not None
        assert given.source_lengths is not None
        step = given.main.shape[1] - 1
        self.widths.append(step + 1)
        logits = torch.zeros(len(given), step + 1, 15)
        rows = zip(given.source.tolist(), given.source_lengths.tolist(), strict=True)
        for row, (letters, length) in enumerate(rows):
            right = letters[length - 1 - step] + 2 if step < length else END
            wrong = letters[0] == self.mistaken and step == 1
            logits[row, step, 3 if wrong and right != 3 else right] = 1
        return logits, state


def written_right(oracle: Oracle, dataset: Dataset, most: int) -> float:
    sentences = Sentences(oracle, dataset)  # type: ignore[arg-type]
    assert list(sentences.write(most))[-1] == 1.0
    table = sentences.table()
    assert table is not None
    return float(table.exact.mean())


def test_writing_by_itself_counts_whole_sequences() -> None:
    dataset, _ = batches("reverse")
    assert written_right(Oracle(-1), dataset, 32) == 1.0
    given = as_inputs(next(held_out(dataset, 10, CPU)).inputs)
    assert given.source is not None
    assert given.source_lengths is not None
    second = given.source.gather(1, given.source_lengths[:, None] - 2)[:, 0]
    mistakes = (given.source[:, 0] == 5) & (second != 1)
    assert mistakes[:32].any()
    share = 1 - float(mistakes[:32].double().mean())
    oracle = Oracle(5)
    assert written_right(oracle, dataset, 32) == pytest.approx(share)
    assert oracle.widths == list(range(1, 11))
    lines = list(written_lines(oracle, dataset, 40))  # type: ignore[arg-type]
    assert len(lines) == 40
    assert [line.endswith("right") for line in lines] == (~mistakes[:40]).tolist()


def test_writing_stops_when_every_row_has_ended() -> None:
    dataset, _ = batches("reverse", length=9)
    given = as_inputs(next(held_out(dataset, 10, CPU)).inputs)
    assert given.source_lengths is not None
    short = given.rows(given.source_lengths == 4)
    oracle = Oracle(-1)
    written = write_greedily(oracle, replace(short, main=short.main), 1, END, 10)  # type: ignore[arg-type]
    assert written.shape == (len(short), 5)
    assert bool((written[:, -1] == END).all())


def test_rows_are_compared_up_to_their_end() -> None:
    written = torch.tensor([[5, 6, 2, 9, 9], [5, 6, 7, 7, 7], [5, 2, 6, 2, 2], [2, 2, 2, 2, 2]])
    targets = torch.tensor([[5, 6, 2, -100], [5, 6, 7, 2], [5, 6, 2, -100], [2, -100, 0, 0]])
    assert exactly_right(written, targets, END).tolist() == [True, False, False, True]
    assert exactly_right(written[:, :3], targets, END).tolist() == [True, False, False, True]
