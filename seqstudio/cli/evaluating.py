"""`seqstudio evaluate`: a trained model measured on held-out data, or on a text of one's own."""

from __future__ import annotations

import hashlib
import math
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqstudio.cli.console import number, print_json
from seqstudio.cli.runs import Trained, find_run, trained
from seqstudio.cli.telling import beside_floor
from seqstudio.cli.usage import UsageError
from seqstudio.core.errors import DataError
from seqstudio.core.files import read_text
from seqstudio.data import tunebook
from seqstudio.data.dataset import Dataset
from seqstudio.data.floor import floor
from seqstudio.data.music import numbers_in
from seqstudio.data.vocabulary import Vocabulary, name_of
from seqstudio.document.settings import DataSettings
from seqstudio.engine.decoding import free_running
from seqstudio.engine.evaluation import complete_score

NATS = "nats"
OF_SYMBOLS = frozenset({"next token", "class", "class per step"})
LEAST = 2


@dataclass(frozen=True)
class Part:
    """What a model is measured on.

    Attributes:
        title: Name of the data.
        dataset: Data whose held-out part it is.
        unknown: Characters that were left out because the model does not know them.
        kinds: The different ones of them.
    """

    title: str
    dataset: Dataset
    unknown: int = 0
    kinds: tuple[str, ...] = ()


def evaluate(arguments: Namespace) -> int:
    """Measure the best weights of a run on its whole held-out part, or on a file."""
    path = Path(arguments.project)
    model = trained(find_run(path, arguments.run), path.parent)
    part = _held_out(model) if arguments.data is None else _given(model, Path(arguments.data))
    found = measure(model, part)
    if arguments.json:
        print_json(found)
        return 0
    for line in _lines(found):
        print(line)
    return 0


def _held_out(model: Trained) -> Part:
    return Part(f"the held-out part of {model.dataset.title}", model.dataset)


def _given(model: Trained, path: Path) -> Part:
    """Read a file with the model's own vocabulary.

    Raises:
        UsageError: The model does not read text.
        DataError: The file is no good, or the model knows nothing of it.
    """
    vocabulary = model.dataset.vocabulary
    if vocabulary is None or model.dataset.generated:
        why = f"{model.run} learns from generated data"
        raise UsageError("--data does not fit this run", why, "Leave --data out")
    ids, unknown, kinds = _numbers(model.project.data, path, vocabulary)
    if len(ids) < LEAST:
        why = f"the model knows none of its {model.dataset.token_name}s"
        raise DataError(f"{path.name} cannot be measured", why, "Choose a text like the training")
    dataset = replace(model.dataset, valid=ids, content_hash=_hash(model.dataset, ids.tobytes()))
    return Part(path.name, dataset, unknown, kinds)


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


def measure(model: Trained, part: Part) -> Mapping[str, Any]:
    """Return loss, perplexity, bits and accuracy beside floor and chance.

    Perplexity and bits are of symbols and classes; `error` is the mean absolute error of values
    and forecasts; `written_right` the share of sequences that the model writes exactly right from
    a source, fed with its own symbols. What a pattern does not have is NaN.
    """
    window = model.project.training.window
    score = complete_score(model.model, part.dataset, window, model.carry)
    known = floor(part.dataset)
    in_nats = part.dataset.unit.startswith(NATS) and part.dataset.pattern in OF_SYMBOLS
    writes = part.dataset.writes is not None
    return {
        "run": model.run,
        "step": model.step,
        "data": part.title,
        "predictions": score.count,
        "loss": score.loss,
        "unit": part.dataset.unit,
        "perplexity": math.exp(min(score.loss, 700.0)) if in_nats else math.nan,
        "bits": score.loss / math.log(2) if in_nats else math.nan,
        "accuracy": score.accuracy,
        "error": score.error,
        "written_right": free_running(model.model, part.dataset) if writes else math.nan,
        "floor": known.value,
        "floor_name": known.name,
        "chance": part.dataset.chance,
        "unknown": part.unknown,
        "unknown_kinds": list(part.kinds),
    }


def _lines(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{found['run']} at step {found['step']:,} on {found['data']}, "
        f"{found['predictions']:,} predictions",
        f"loss          {number(found['loss'])}  {found['unit']}, "
        f"{beside_floor(found['loss'], found['floor'])}",
    ]
    if math.isfinite(found["bits"]):
        lines.append(f"perplexity    {number(found['perplexity'])}")
        lines.append(f"bits          {number(found['bits'])}")
    if math.isfinite(found["accuracy"]):
        lines.append(f"accuracy      {100 * found['accuracy']:.1f} %")
    if math.isfinite(found["error"]):
        lines.append(f"error         {number(found['error'])}  mean absolute error")
    if math.isfinite(found["written_right"]):
        share = 100 * found["written_right"]
        lines.append(f"free running  {share:.1f} % of sequences written exactly right")
    lines.append(f"floor         {number(found['floor'])}  {found['floor_name']}")
    lines.append(f"chance        {number(found['chance'])}")
    if found["unknown"]:
        shown = ", ".join(name_of(symbol) for symbol in found["unknown_kinds"][:8])
        lines.append(
            f"left out      {found['unknown']:,} characters that the model does not know: {shown}"
        )
    return lines
