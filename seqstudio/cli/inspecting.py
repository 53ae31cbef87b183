"""`seqstudio inspect`: the numbers behind the panels of "Look inside", as a file."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from seqstudio.cli.measuring import Attention, Gradients, attention_of, gradients_of
from seqstudio.cli.runs import Trained, find_run, trained
from seqstudio.cli.usage import UsageError, checked_out, no_such
from seqstudio.core.errors import RunError
from seqstudio.core.files import write_atomic
from seqstudio.document.project import project_text
from seqstudio.engine.inside import ANSWERS
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.inside.subject import Subject
from seqstudio.records.inside.attention import AttentionOf, HeadAblationOf, ProductsOf, RolloutOf
from seqstudio.records.inside.cells import CellsOf
from seqstudio.records.inside.embedding import EmbeddingOf
from seqstudio.records.inside.gates import GatesOf, TextStatesOf
from seqstudio.records.inside.gradients import TimeMapOf
from seqstudio.records.inside.player import PlayOf
from seqstudio.records.inside.predictions import PredictionsOf
from seqstudio.records.inside.spectrum import SpectrumOf
from seqstudio.records.inside.surgery import UnitRankingOf
from seqstudio.records.inside.trying.distance import DistanceOf
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.records.tables import csv_bytes, long_rows, npz_bytes, numbers_of
from seqstudio.runtime.archive import RunInfo

KINDS = (".npz", ".csv", ".png")
SIZE = (1120, 760)
LOOKS: dict[str, type] = {
    "gates": GatesOf,
    "trajectory": TextStatesOf,
    "cells": CellsOf,
    "spectrum": SpectrumOf,
    "embedding": EmbeddingOf,
    "time-map": TimeMapOf,
    "predictions": PredictionsOf,
    "bptt": PlayOf,
    "weights": AttentionOf,
    "products": ProductsOf,
    "rollout": RolloutOf,
    "heads": HeadAblationOf,
    "units": UnitRankingOf,
    "distance": DistanceOf,
}
"""What can be asked, by name: the question behind the panel."""

MEASURED: dict[str, Callable[[Trained, str], Gradients | Attention]] = {
    "gradients": gradients_of,
    "attention": attention_of,
}
DRAWN = frozenset(LOOKS) - {"heads", "units"}


def inspect(arguments: Namespace) -> int:
    """Look into the weights of a run and write the numbers, or the panel's picture."""
    out = checked_out(Path(arguments.out), KINDS)
    path = Path(arguments.project)
    run = find_run(path, arguments.run)
    if arguments.what in MEASURED:
        step, content, left_out = _measured(arguments, run, path, out.suffix)
    else:
        step, content, left_out = _asked(arguments, run, path, out.suffix)
    write_atomic(out, content)
    print(f"{out.name}: {arguments.what} of {run.name} at step {step:,}{left_out}")
    return 0


# ------------------------------------------------------------------------------------ measured


def _measured(arguments: Namespace, run: RunInfo, path: Path, kind: str) -> tuple[int, bytes, str]:
    """Return step, file and what was left out, for gradients and attention."""
    if arguments.set or arguments.step is not None:
        raise UsageError(f"--set and --step do not fit {arguments.what}", "", "Leave them out")
    model = trained(run, path.parent)
    text = _text(model, arguments.text)
    found: Gradients | Attention = MEASURED[arguments.what](model, text)
    if kind == ".png":
        content = _picture(found, path, text)
    else:
        content = npz_bytes(found.arrays()) if kind == ".npz" else csv_bytes(found.rows())
    return model.step, content, _left_out(model, text)


def _text(model: Trained, given: str | None) -> str:
    """Return the text to look at, "" for the start of the held-out part.

    Raises:
        UsageError: The model reads no text.
    """
    if model.dataset.vocabulary is not None:
        return model.project.sampling.probe_text if given is None else given
    if given is not None:
        raise UsageError(
            "--text does not fit this run", f"{model.run} reads numbers", "Leave it out"
        )
    return ""


def _left_out(model: Trained, text: str) -> str:
    vocabulary = model.dataset.vocabulary
    unknown, rare = (vocabulary.unknown(text), vocabulary.rare(text)) if vocabulary else ((), ())
    left_out = f", left out as unknown: {' '.join(unknown)}" if unknown else ""
    return left_out + (f", read as one sign: {''.join(rare).strip()}" if rare else "")


def _picture(found: Gradients | Attention, path: Path, text: str) -> bytes:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported
    from seqstudio.studio.render import picture_of_readings

    return picture_of_readings(path, found.run, found.readings, SIZE, text)


# --------------------------------------------------------------------------------------- asked


def _asked(arguments: Namespace, run: RunInfo, path: Path, kind: str) -> tuple[int, bytes, str]:
    """Return step, file and what was left out, for everything that a panel asks the model."""
    question = question_of(LOOKS[arguments.what], arguments.set)
    if kind == ".png" and arguments.what not in DRAWN:
        raise UsageError(
            f"There is no picture of {arguments.what} alone", "", "Write .npz or .csv"
        )
    model = trained(run, path.parent)
    text = _text(model, arguments.text)
    if arguments.step is None:
        looked = _look_at(model, question, text)
    else:
        looked = _look_back(run, model, question, text, path, _step(arguments.step))
    if kind == ".png":
        content = _picture_of(arguments.what, looked, path, run.name, text)
    else:
        numbers = {"step": looked.step, **numbers_of(looked.reading)}
        arrays = {name: _array(value) for name, value in numbers.items()}
        content = npz_bytes(arrays) if kind == ".npz" else csv_bytes(long_rows(arrays))
    return looked.step, content, _left_out(model, text)


def _array(value: Any) -> Any:
    import numpy as np

    return np.asarray(value)


def _step(given: str) -> int:
    if not given.isdigit():
        raise UsageError(f"--step {given} is no step", "", "Give a whole number, 0 for the start")
    return int(given)


def question_of(kind: type, pairs: Iterable[str]) -> object:
    """Return a question with every "KEY=VALUE" put in force.

    Raises:
        UsageError: There is no such key, or the value does not fit.
    """
    known = {field.name: field for field in fields(kind)}
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key not in known:
            raise no_such("setting of this look", key, list(known))
        if not equals:
            raise UsageError(f"--set {pair} has no value", "", "Write it as KEY=VALUE")
        values[key] = _value(known[key], value)
    lacking = [f.name for f in known.values() if f.default is MISSING and f.name not in values]
    if lacking:
        raise UsageError(f"{lacking[0]} is needed", "", f"Give --set {lacking[0]}=VALUE")
    return kind(**values)


def _value(field: Field[Any], text: str) -> object:
    makers: dict[str, Callable[[str], object]] = {
        "int": int,
        "float": float,
        "str": str,
        "bool": _flag,
        "tuple[int, ...]": _numbers,
    }
    try:
        return makers[str(field.type)](text)
    except (KeyError, ValueError):
        raise UsageError(f"{field.name} cannot be {text!r}", f"it is {field.type}", "") from None


def _flag(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
        text.lower()
    ]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def _look_at(model: Trained, question: object, text: str) -> Looked:
    """Ask the best weights of a run."""
    import torch

    words, began = f"step {model.step:,}", time.perf_counter()
    network = model.model.eval().requires_grad_(False)
    subject = Subject(network, model.dataset, model.project, model.step, words, text)
    reading = None
    with torch.no_grad():
        for found in ANSWERS[type(question)](subject, question):
            reading = reading if found is None else found
    if reading is None:
        raise RunError("There is nothing to look at", "the look gave no numbers", "")
    return Looked(0, "", reading, model.step, words, time.perf_counter() - began)


def _look_back(
    run: RunInfo, model: Trained, question: object, text: str, path: Path, step: int
) -> Looked:
    """Ask the weights that the run kept at a step or before, as the window does."""
    looker, found = Looker(), None
    base = str(path.parent)
    looker.wish(LookAt(1, "", question, project_text(model.project), base, str(run.folder), step,
                       text))  # fmt: skip
    while looker.busy:
        told = looker.advance()
        if isinstance(told, LookFailed):
            raise RunError(told.what, told.why, told.hint)
        found = told or found
    if found is None:
        raise RunError("There is nothing to look at", "the look gave no numbers", "")
    return found


def _picture_of(name: str, looked: Looked, path: Path, run: str, text: str) -> bytes:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before Qt is imported
    from seqstudio.studio.render import picture_of_look

    return picture_of_look(path, run, name, looked, SIZE, text)
