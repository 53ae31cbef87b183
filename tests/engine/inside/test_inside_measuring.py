"""Measures of the whole held-out part: those of the score, of hand-made answers, beside floors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.data.dataset import Dataset
from seqstudio.data.scoring.classes import classified
from seqstudio.data.scoring.texts import by_length
from seqstudio.data.tasks.base import InUnit, KnownFloor
from seqstudio.engine.collecting import Numbers, beside, collected
from seqstudio.engine.evaluation import complete_score
from seqstudio.engine.inside.measuring import measure_held_out
from seqstudio.records.inside.measuring import Figure, MeasureHeldOut, Measures
from seqstudio.records.looking import Looked
from seqstudio.runtime.codec import pack, unpack
from tests.engine.inside.looking import answers, last, small, subject


def measured(template: str, sentences: int = 40) -> tuple[Measures, object]:
    project = small(template)
    if project.data.kind == "reverse":
        project = replace(project, data=replace(project.data, length=5))
    found = subject(project)
    found.model.float()
    reading = last(measure_held_out(found, MeasureHeldOut(sentences)))
    assert isinstance(reading, Measures)
    return reading, found


def test_a_text_is_measured_as_the_score_measures_it() -> None:
    reading, found = measured("hello-rnn")
    score = complete_score(found.model, found.dataset, 4, carry=False)  # type: ignore[attr-defined]
    loss, accuracy = reading.figure("loss"), reading.figure("accuracy")
    assert loss is not None
    assert accuracy is not None
    assert (loss.value, accuracy.value) == pytest.approx((score.loss, score.accuracy))
    assert reading.count == score.count
    assert loss.floor == pytest.approx(np.log(2) / 2, abs=1e-6)
    bits = reading.figure("bits")
    assert bits is not None
    assert bits.value == pytest.approx(score.loss / np.log(2))


def test_classes_are_counted_and_shown_with_examples() -> None:
    reading, found = measured("sentiment-lstm")
    table = reading.classes
    assert table is not None
    assert table.confusion.sum() == reading.count == len(found.dataset.held_out_task)  # type: ignore[attr-defined]
    accuracy, f1 = reading.figure("accuracy"), reading.figure("macro F1")
    assert accuracy is not None
    assert f1 is not None
    assert accuracy.value == pytest.approx(np.trace(table.confusion) / reading.count)
    assert accuracy.floor == pytest.approx(table.confusion.sum(1).max() / reading.count)
    assert f1.value == pytest.approx(table.f1[table.confusion.sum(1) > 0].mean())
    assert table.reliability[:, 2].sum() == reading.count
    for text, (true, told) in zip(table.examples, table.cells, strict=True):
        assert table.confusion[true, told] > 0
        assert "→" not in text


def test_sentences_are_written_and_compared_and_their_number_is_limited() -> None:
    reading, _ = measured("reverse-attention", 40)
    table = reading.sentences
    assert table is not None
    assert len(table.lengths) == len(table.chrf) == len(table.told) == 40
    assert table.available == 2048
    for source, right in zip(table.sources, table.right, strict=True):
        assert right == source[::-1]
    assert {"BLEU", "chrF", "exact match"} <= {figure.name for figure in reading.figures}


def test_partial_answers_come_first_and_the_whole_crosses_the_border() -> None:
    found = [told for told in answers(small("hello-rnn"), MeasureHeldOut()) if
             isinstance(told, Looked)]  # fmt: skip
    shares = [told.reading.share for told in found]
    assert shares == sorted(shares)
    assert shares[0] < 1 == shares[-1]
    again = unpack(pack(found[-1])).reading
    assert again.figures[0] == found[-1].reading.figures[0]


def test_a_model_that_knows_gets_the_best_numbers() -> None:
    dataset = Dataset("T", "", "class", "vectors", "nats", "step", 0.0, "", classes=("a", "b"))
    truth = torch.tensor([0, 1, 1, -100])
    sure = 20.0 * torch.nn.functional.one_hot(truth.clamp(min=0), 2).float()
    found = collected(dataset)
    found.add(torch.zeros(4, 1, 1), sure, truth, None, 0)
    accuracy, f1, calibration = found.figures((KnownFloor("accuracy", "a list of words", 0.9),))
    assert (accuracy.value, f1.value) == (1.0, 1.0)
    assert accuracy.floor == 0.9
    assert accuracy.floor_name == "a list of words"
    assert calibration.value == pytest.approx(0, abs=1e-6)


def numbers(unit: InUnit | None) -> Numbers:
    class Waves:
        def in_unit(self) -> InUnit | None:
            return unit

    dataset = Dataset("T", "", "forecast", "vectors", "nats", "step", 0.0, "", outputs=1,
                      held_out_task=Waves())  # type: ignore[arg-type]  # fmt: skip
    found = Numbers(dataset)
    before = torch.tensor([[[0.0], [1.0], [3.0]]])
    truth = torch.tensor([[[1.0], [3.0], [float("nan")]]])
    mean = torch.tensor([[[1.5], [3.5], [9.0]]])
    found.add(before, torch.cat([mean, torch.zeros_like(mean)], -1), truth, None, 0)
    return found


def test_errors_are_told_in_the_unit_of_the_series() -> None:
    unit = InUnit(np.array([100.0]), np.array([10.0]), "passengers", 20.0)
    mae, rmse, mase = numbers(unit).figures(())
    assert (mae.value, rmse.value, mase.value) == pytest.approx((5.0, 5.0, 0.25))
    assert mae.unit == "passengers"
    assert (mae.floor, mae.floor_name) == (pytest.approx(15.0), "the last value")
    assert [figure.name for figure in numbers(None).figures(())] == ["MAE", "RMSE"]
    table = numbers(unit).series()
    assert table.covered.tolist() == [1.0, 1.0, 1.0]
    assert table.mae.tolist() == [5.0]


@pytest.mark.parametrize(
    ("value", "floor", "rises", "beats"),
    [(0.9, 0.8, True, True), (0.7, 0.8, True, False), (1.0, 2.0, False, True),
     (1.0, float("nan"), True, None)],
)  # fmt: skip
def test_a_figure_knows_whether_it_beats_its_floor(
    value: float, floor: float, rises: bool, beats: bool | None
) -> None:
    assert Figure("x", value, floor=floor, rises=rises).beats is beats


def test_the_better_of_two_floors_counts() -> None:
    figure = Figure("MAE", 1.0, floor=3.0, floor_name="the last value", rises=False)
    known = (KnownFloor("MAE", "last year", 2.0), KnownFloor("RMSE", "other", 0.1))
    assert beside(figure, known).floor_name == "last year"


def test_lengths_are_grouped_without_losing_any() -> None:
    lengths = np.arange(1, 26).repeat(2)
    groups = by_length(lengths, np.full(50, 30.0), np.ones(50), 5)
    assert [row[0] for row in groups] == [1, 6, 11, 16, 21]
    assert sum(row[2] for row in groups) == 50
    assert by_length(np.zeros(0, np.int64), np.zeros(0), np.zeros(0)) == []


def test_told_classes_equal_those_of_whole_probabilities() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 50)
    truth = rng.integers(0, 3, 50)
    found = classified(p, truth)
    assert found.confusion.sum() == 50
    assert found.nats == pytest.approx(-np.log(p[np.arange(50), truth]).mean())
