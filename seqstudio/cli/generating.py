"""`seqstudio generate`: a trained model writes text, a tune, notes or sound."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from seqstudio.cli.overrides import with_setting
from seqstudio.cli.runs import find_run, trained
from seqstudio.cli.usage import checked_out
from seqstudio.core.errors import MusicError
from seqstudio.core.files import read_text, write_atomic
from seqstudio.document.project import Project, load_project
from seqstudio.document.settings import TrainingSettings
from seqstudio.music import tune_files
from seqstudio.music.abc import Tune, read_tune, split_book
from seqstudio.music.tune_files import tune_bytes
from seqstudio.records.messages import Write

KINDS = (".txt", *tune_files.KINDS)
PROMPT_BYTES = 1_000_000
_ASKED = ("prompt", "length", "temperature", "top_k", "top_p")


def generate(arguments: Namespace) -> int:
    """Write with the best weights of a run, to standard output or into a file."""
    out = None if arguments.out is None else checked_out(Path(arguments.out), KINDS)
    path = Path(arguments.project)
    wish = _wish(load_project(path), arguments)
    model = trained(find_run(path, arguments.run), path.parent)
    prompt = wish.sampling.prompt
    between = " → " if prompt and model.dataset.writes is not None else ""
    text = prompt + between + model.write(_request(wish, arguments.seed))
    if out is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return 0
    write_atomic(out, file_bytes(text, out.suffix))
    print(f"{out.name}: {len(text):,} characters from {model.run} at step {model.step:,}")
    return 0


def _wish(project: Project, arguments: Namespace) -> Project:
    """Return the project with its sampling settings as asked for."""
    if arguments.prompt_file is not None:
        prompt = read_text(Path(arguments.prompt_file), PROMPT_BYTES)
        project = with_setting(project, "sampling.prompt", prompt)
    for name in _ASKED:
        value = getattr(arguments, name)
        if value is not None:
            project = with_setting(project, f"sampling.{name}", value)
    return project


def _request(project: Project, seed: str | None) -> Write:
    wish = project.sampling
    number = TrainingSettings.param("seed").parse(0 if seed is None else seed)
    return Write(
        request=1,
        prompt=wish.prompt,
        length=wish.length,
        temperature=wish.temperature,
        top_k=wish.top_k,
        top_p=wish.top_p,
        seed=int(number),
    )


def file_bytes(text: str, suffix: str) -> bytes:
    """Return the content of a file of one of `KINDS` for a written text.

    Raises:
        MusicError: The text holds no tune and the file has to, or the file cannot be made here.
    """
    if suffix == ".txt":
        return text.encode("utf-8")
    found = first_tune(text)
    return tune_bytes(found.tune.score, suffix, found.text.strip())


@dataclass(frozen=True)
class Found:
    """A tune found in a text: as written, and as read."""

    text: str
    tune: Tune


def first_tune(text: str) -> Found:
    """Return the first tune of a text that can be played and was written to its end.

    A tune ends with an empty line or with the next tune. One that the end of the text cuts off
    is taken only when there is no other.

    Raises:
        MusicError: There is none; the reasons are those of the first.
    """
    parts = [part.text for part in split_book(text)]
    read = [Found(part, read_tune(part)) for part in parts]
    good = [found for found in read if not found.tune.broken]
    if not good:
        reason = read[0].tune.broken if read else "no line begins with X:, which starts a tune"
        hint = "Train longer, write more, or begin the prompt with X:1"
        raise MusicError("The text is no tune", reason, hint)
    cut_off = read[-1] if not text.endswith("\n\n") else None
    whole = [found for found in good if found is not cut_off]
    return (whole or good)[0]
