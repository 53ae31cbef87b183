"""`seqstudio evaluate`: a trained model measured on held-out data, or on a text of one's own."""

from __future__ import annotations

import hashlib
import math
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqstudio.cli.console import ProgressLine, number, print_json, table
from seqstudio.cli.runs import Trained, find_run, trained
from seqstudio.cli.telling import beside_floor
from seqstudio.cli.usage import UsageError
from seqstudio.core.errors import DataError
from seqstudio.core.files import read_text
from seqstudio.data import tunebook
from seqstudio.data.corpora import in_tokens_of
from seqstudio.data.dataset import Dataset
from seqstudio.data.music import numbers_in
from seqstudio.data.otherfile import measured_on
from seqstudio.data.reading.texts import read_any_text
from seqstudio.data.scoring.classes import class_name
from seqstudio.data.scoring.texts import by_length
from seqstudio.data.tasks.base import Listed
from seqstudio.data.vocabulary import Vocabulary, name_of
from seqstudio.document.settings import DataSettings
from seqstudio.engine.inside.measuring import measures
from seqstudio.records.inside.measuring import SENTENCES, MeasureHeldOut, Measures

LEAST = 2
MOST_BEAMS = 64


@dataclass(frozen=True)
class Part:
    """What a model is measured on.

    Attributes:
        title: Name of the data.
        dataset: Data whose held-out part it is.
        unknown: Characters that were left out because the model does not know them.
        kinds: The different ones of them.
        left_out: Examples of a list that were left out for the same reason.
    """

    title: str
    dataset: Dataset
    unknown: int = 0
    kinds: tuple[str, ...] = ()
    left_out: int = 0


def evaluate(arguments: Namespace) -> int:
    """Measure the best weights of a run on its whole held-out part, or on a file."""
    path = Path(arguments.project)
    model = trained(find_run(path, arguments.run), path.parent)
    part = whole_held_out(model) if arguments.data is None else _given(model, Path(arguments.data))
    beams = beams_of(arguments.beams)
    found = measure(model, part, _sentences(arguments.sentences), beams)
    if arguments.json:
        print_json(found)
        return 0
    for line in _lines(found, lengths=arguments.by_length):
        print(line)
    return 0


def beams_of(typed: str | None) -> int:
    """Return how many beams a sentence is written with.

    Raises:
        UsageError: It is no number of them.
    """
    if typed is None:
        return 1
    if not typed.isdecimal() or not 1 <= int(typed) <= MOST_BEAMS:
        raise UsageError(f"--beams {typed} is no number of beams", "", f"1 to {MOST_BEAMS}")
    return int(typed)


def _sentences(given: str | None) -> int:
    """Return how many sentences are written; 0 is all of them."""
    if given is None:
        return SENTENCES
    if given != "all" and (not given.isdecimal() or int(given) < 1):
        raise UsageError(f"--sentences {given} is no number above 0", "", "Give one, or all")
    return 0 if given == "all" else int(given)


def whole_held_out(model: Trained) -> Part:
    """Return the held-out part of a run's own data."""
    return Part(f"the held-out part of {model.dataset.title}", model.dataset)


def _given(model: Trained, path: Path) -> Part:
    """Read a file with the model's own vocabulary, classes and units.

    Raises:
        UsageError: The model learns from generated data.
        DataError: The file is no good, or the model knows nothing of it.
    """
    vocabulary = model.dataset.vocabulary
    if isinstance(model.dataset.held_out_task or model.dataset.task, Listed):
        given = measured_on(model.dataset, model.project.data, path, None)
        return Part(path.name, given.dataset, left_out=given.left_out)
    if model.project.data.kind == "text" and vocabulary is not None:
        return _text(model.dataset, path, vocabulary)
    if vocabulary is None or model.dataset.generated:
        why = f"{model.run} learns from generated data"
        raise UsageError("--data does not fit this run", why, "Leave --data out")
    ids, unknown, kinds = _numbers(model.project.data, path, vocabulary)
    if len(ids) < LEAST:
        why = f"the model knows none of its {model.dataset.token_name}s"
        raise DataError(f"{path.name} cannot be measured", why, "Choose a text like the training")
    dataset = replace(model.dataset, valid=ids, content_hash=_hash(model.dataset, ids.tobytes()))
    return Part(path.name, dataset, unknown, kinds)


def _text(data: Dataset, path: Path, vocabulary: Vocabulary) -> Part:
    """Read a text in any encoding; unknown words count as they do in training.

    Raises:
        DataError: The file is no good, or the model knows nothing of it.
    """
    text = read_any_text(path).text
    found, unknown = in_tokens_of(data, text)
    if len(found.valid) < LEAST:
        why = f"the model knows none of its {data.token_name}s"
        raise DataError(f"{path.name} cannot be measured", why, "Choose a text like the training")
    dataset = replace(found, content_hash=_hash(data, found.valid.tobytes()))
    return Part(path.name, dataset, unknown, vocabulary.unknown(text) or vocabulary.rare(text))


def _numbers(
    data: DataSettings, path: Path, vocabulary: Vocabulary
) -> tuple[NDArray[np.uint16], int, tuple[str, ...]]:
    """Return a file in a vocabulary's numbers, and how many symbols it lacks, and which."""
    if data.kind in ("abc-tokens", "events", "voices"):
        ids, missing = numbers_in(data.with_value("path", str(path)), None, vocabulary)
        return ids, len(missing), tuple(sorted(set(missing)))
    text = read_text(path)
    if data.kind == "abc":
        book = tunebook.split(text, 0.5, path.name)
        text = tunebook.join(book.train + book.valid)
    ids = vocabulary.encode(text, skip_unknown=True)
    return ids, len(text) - len(ids), vocabulary.unknown(text)


def _hash(dataset: Dataset, measured: bytes) -> str:
    """Return the name under which the floor of these data is kept."""
    return hashlib.sha256(dataset.content_hash.encode() + measured).hexdigest()


def measure(
    model: Trained, part: Part, sentences: int = SENTENCES, beams: int = 1
) -> Mapping[str, Any]:
    """Return loss, perplexity, bits and accuracy beside floor and chance, then all measures.

    Perplexity and bits are of symbols and classes; `error` is the mean absolute error of values
    and forecasts; `written_right` the share of sequences that the model writes exactly right from
    a source, fed with its own symbols. What a pattern does not have is NaN.
    """
    found = _measured(model, part, MeasureHeldOut(sentences, beams))
    loss = found.figures[0]
    return {
        "run": model.run,
        "step": model.step,
        "data": part.title,
        "predictions": found.count,
        "loss": loss.value,
        "unit": loss.unit,
        "perplexity": _value(found, "perplexity"),
        "bits": _value(found, "bits"),
        "accuracy": _value(found, "accuracy"),
        "error": _value(found, "MAE"),
        "written_right": _value(found, "exact match"),
        "floor": loss.floor,
        "floor_name": loss.floor_name,
        "chance": found.chance,
        "measures": [asdict(figure) for figure in found.figures],
        "classes": _classes(found),
        "coverage": _coverage(found),
        "sentences": 0 if found.sentences is None else len(found.sentences.lengths),
        "beams": beams,
        "by_length": _by_length(found),
        "unknown": part.unknown,
        "unknown_kinds": list(part.kinds),
        "left_out": part.left_out,
    }


def _measured(model: Trained, part: Part, wish: MeasureHeldOut) -> Measures:
    line, found = ProgressLine(), None
    line.begin()
    window = model.project.training.window
    for told in measures(model.model, part.dataset, window, model.carry, wish):
        found = told or found
        if told is not None and line.due():
            line.show(f"{told.share:.0%} measured")
    line.clear()
    assert found is not None
    return found


def _value(found: Measures, name: str) -> float:
    figure = found.figure(name)
    return math.nan if figure is None else figure.value


def _classes(found: Measures) -> list[dict[str, Any]]:
    table = found.classes
    if table is None:
        return []
    counts = table.confusion.sum(1)
    return [
        {
            "class": name, "count": int(counts[at]), "precision": float(table.precision[at]),
            "recall": float(table.recall[at]), "f1": float(table.f1[at]),
            "told_as": [int(count) for count in table.confusion[at]],
        }
        for at, name in enumerate(table.names)
    ]  # fmt: skip


def _coverage(found: Measures) -> list[dict[str, float]]:
    if found.series is None:
        return []
    pairs = zip(found.series.levels, found.series.covered, strict=False)
    return [{"band": float(level), "inside": float(share)} for level, share in pairs]


def _by_length(found: Measures) -> list[dict[str, float]]:
    """Return count, chrF and share of exact ones for every length of the source."""
    table = found.sentences
    if table is None:
        return []
    groups = by_length(table.lengths, table.chrf, table.exact)
    return [dict(zip(("from", "to", "count", "chrf", "exact"), row, strict=True))
            for row in groups]  # fmt: skip


def _lines(found: Mapping[str, Any], *, lengths: bool) -> list[str]:
    lines = [
        f"{found['run']} at step {found['step']:,} on {found['data']}, "
        f"{found['predictions']:,} predictions",
        f"loss          {number(found['loss'])}  {found['unit']}, "
        f"{beside_floor(found['loss'], found['floor'])}",
    ]
    lines += [_line(figure) for figure in found["measures"][1:] if math.isfinite(figure["value"])]
    for each in found["coverage"]:
        band = f"{each['band']:.0%} band"
        lines.append(f"{band:13} {100 * each['inside']:.1f} % inside")
    if found["sentences"]:
        how = "greedily" if found["beams"] == 1 else f"by {found['beams']} beams"
        lines.append(f"sentences     {found['sentences']:,} written {how}")
    lines.append(f"floor         {number(found['floor'])}  {found['floor_name']}")
    lines.append(f"chance        {number(found['chance'])}")
    if found["unknown"]:
        shown = ", ".join(name_of(symbol) for symbol in found["unknown_kinds"][:8])
        signs = all(len(symbol) == 1 for symbol in found["unknown_kinds"])
        how = "left out      {:,} characters" if signs else "one sign for  {:,} words"
        words = how.format(found["unknown"])
        lines.append(f"{words} that the model does not know: {shown}")
    if found["left_out"]:
        why = "with a symbol or class that the model does not know"
        lines.append(f"left out      {found['left_out']:,} examples {why}")
    return [*lines, *_class_lines(found["classes"]), *(_length_lines(found) if lengths else [])]


def _line(figure: Mapping[str, Any]) -> str:
    share = figure["form"] == "share"

    def shown(value: float) -> str:
        return f"{100 * value:.1f} %" if share else number(value)

    unit = f"  {figure['unit']}" if figure["unit"] else ""
    below = ""
    if math.isfinite(figure["floor"]):
        below = f", floor {shown(figure['floor'])} ({figure['floor_name']})"
    return f"{figure['name']:13} {shown(figure['value'])}{unit}{below}"


def _class_lines(classes: list[dict[str, Any]]) -> list[str]:
    if not classes:
        return []
    head = ("class", "count", "precision", "recall", "F1")
    rows = [
        (class_name(each["class"]), f"{each['count']:,}",
         *(f"{100 * each[name]:.1f} %" for name in ("precision", "recall", "f1")))
        for each in classes
    ]  # fmt: skip
    return ["", *table([head, *rows])]


def _length_lines(found: Mapping[str, Any]) -> list[str]:
    if not found["by_length"]:
        return ["", "Nothing is written from a source: there is nothing to tell by length"]
    rows = [
        (f"{each['from']}" if each["from"] == each["to"] else f"{each['from']} to {each['to']}",
         f"{each['count']:,}", number(each["chrf"], 1), f"{100 * each['exact']:.1f} %")
        for each in found["by_length"]
    ]  # fmt: skip
    return ["", *table([("source length", "sentences", "chrF", "exact"), *rows])]
