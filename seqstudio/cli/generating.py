"""`seqstudio generate`: a trained model writes text, a tune, notes or sound."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path

from seqstudio.cli.evaluating import beams_of
from seqstudio.cli.overrides import with_setting
from seqstudio.cli.runs import Trained, find_run, trained
from seqstudio.cli.takes import measured
from seqstudio.cli.usage import UsageError, checked_out
from seqstudio.core.errors import MusicError
from seqstudio.core.files import read_text, write_atomic
from seqstudio.document.project import Project, load_project
from seqstudio.document.settings import TrainingSettings
from seqstudio.engine.decoding import source_lines
from seqstudio.music import tune_files
from seqstudio.music.abc import Tune, parse_meter
from seqstudio.music.codings import CODINGS, Coding
from seqstudio.music.codings.coding import AbcCharacters
from seqstudio.music.codings.words import END, PITCHES
from seqstudio.music.guiding.scales import scale_of
from seqstudio.music.keys import parse_key
from seqstudio.music.tune_files import tune_bytes
from seqstudio.records.messages import Constraints, Write

KINDS = (".txt", *tune_files.KINDS)
PROMPT_BYTES = 1_000_000
MOST_TAKES = 1000
MOST_BARS = 512
CLOSINGS = ("\n\n", END)
_ASKED = ("prompt", "length", "temperature", "top_k", "top_p")


def generate(arguments: Namespace) -> int:
    """Write with the best weights of a run, to standard output or into files."""
    out = None if arguments.out is None else checked_out(Path(arguments.out), KINDS)
    path = Path(arguments.project)
    wish = _wish(load_project(path), arguments)
    count, constraints = _count(arguments.count), constraints_of(arguments)
    model = trained(find_run(path, arguments.run), path.parent)
    coding = CODINGS.get(model.project.data.kind)
    if coding is None and (arguments.measure or constraints != Constraints()):
        why = "key, metre, range, bars and measures are about music"
        raise UsageError(f"{path.name} does not write music", why, "Leave these options out")
    prompt = wish.sampling.prompt
    beams, texts, kept = _beams(arguments.beams, model), list[str](), 0
    for number in range(count):
        request = replace(_request(wish, arguments.seed, number, constraints), beams=beams)
        texts.append(_beside(prompt, model.write(request), model))
        if out is None:
            print(texts[-1], end="" if texts[-1].endswith("\n") else "\n")
        else:
            kept += _kept(texts[-1], numbered(out, number, count), model, coding, alone=count == 1)
    if out is not None and not kept:
        raise MusicError("None of the takes is a tune", "", "Train longer, or write more")
    if arguments.measure and coding is not None:
        print("\n".join(measured(coding, texts, model.dataset)))
    return 0


def _beams(typed: str | None, model: Trained) -> int:
    if typed is None:
        return 1
    if model.dataset.writes is None:
        why = f"{model.run} writes nothing from a source"
        raise UsageError("--beams does not fit this run", why, "Leave --beams out")
    return beams_of(typed)


def _beside(prompt: str, text: str, model: Trained) -> str:
    """Return a text behind its prompt; what is written from a source stands line by line."""
    if not prompt or model.dataset.writes is None:
        return prompt + text
    lines = zip(source_lines(prompt), text.split("\n"), strict=True)
    return "\n".join(f"{read} → {written}" for read, written in lines)


def _kept(text: str, out: Path, model: Trained, coding: Coding | None, *, alone: bool) -> bool:
    """Write a take into a file; one of several that is no tune is told and left out."""
    try:
        write_atomic(out, file_bytes(text, out.suffix, coding))
    except MusicError as error:
        if alone:
            raise
        print(f"{out.name} left out: {error.sentence()}")
        return False
    print(f"{out.name}: {len(text):,} characters from {model.run} at step {model.step:,}")
    return True


def numbered(out: Path, number: int, count: int) -> Path:
    """Return the file of one of several takes: "tune-01.mid"; one alone keeps the name."""
    digits = len(str(count))
    return out if count == 1 else out.with_stem(f"{out.stem}-{number + 1:0{digits}}")


def _count(typed: str | None) -> int:
    if typed is None:
        return 1
    if not typed.isdigit() or not 1 <= int(typed) <= MOST_TAKES:
        raise UsageError(f"--count {typed} is no number of takes", "", f"1 to {MOST_TAKES:,}")
    return int(typed)


def constraints_of(arguments: Namespace) -> Constraints:
    """Return what the tunes have to keep to.

    Raises:
        UsageError: A key, a metre, a pitch or a number of bars cannot be understood.
    """
    key, meter = arguments.key or "", arguments.metre or ""
    if key and (parse_key(key)[1] or scale_of(key) is None):
        raise UsageError(f"There is no key {key!r}", "", 'Write it like "D major" or "A dorian"')
    if meter and parse_meter(meter)[1] is None:
        raise UsageError(f"There is no metre {meter!r}", "", "Write it like 6/8")
    bars = arguments.bars or "0"
    if not bars.isdigit() or int(bars) > MOST_BARS:
        raise UsageError(f"--bars {bars} is no number of bars", "", f"1 to {MOST_BARS}")
    lowest, highest = _pitch(arguments.lowest, 0), _pitch(arguments.highest, 127)
    if lowest > highest:
        raise UsageError("The lowest pitch lies above the highest", "", "Swap them")
    return Constraints(key, meter, lowest, highest, int(bars), arguments.end_on_tonic)


def _pitch(typed: str | None, otherwise: int) -> int:
    if typed is None:
        return otherwise
    if typed.isdigit() and int(typed) <= 127:
        return int(typed)
    if typed in PITCHES:
        return PITCHES[typed]
    raise UsageError(f"There is no pitch {typed!r}", "", "Write 0 to 127, or a name: C4 is 60")


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


def _request(project: Project, seed: str | None, number: int, constraints: Constraints) -> Write:
    wish = project.sampling
    first = TrainingSettings.param("seed").parse(0 if seed is None else seed)
    return Write(
        request=1,
        prompt=wish.prompt,
        length=wish.length,
        temperature=wish.temperature,
        top_k=wish.top_k,
        top_p=wish.top_p,
        seed=int(first) + number,
        constraints=constraints,
    )


def file_bytes(text: str, suffix: str, coding: Coding | None = None) -> bytes:
    """Return the content of a file of one of `KINDS` for a written text.

    Args:
        text: What was written.
        suffix: Kind of the file.
        coding: How the text is music; None takes it for ABC.

    Raises:
        MusicError: The text holds no tune and the file has to, or the file cannot be made here.
    """
    if suffix == ".txt":
        return text.encode("utf-8")
    coding = coding or CODINGS["abc"]
    found = first_tune(text, coding)
    abc = found.text.strip() if isinstance(coding, AbcCharacters) else ""
    return tune_bytes(found.tune.score, suffix, abc)


@dataclass(frozen=True)
class Found:
    """A tune found in a text: as written, and as read."""

    text: str
    tune: Tune


def first_tune(text: str, coding: Coding | None = None) -> Found:
    """Return the first tune of a text that can be played and was written to its end.

    A tune ends with its closing sign or with the next tune. One that the end of the text cuts
    off is taken only when there is no other.

    Raises:
        MusicError: There is none; the reasons are those of the first.
    """
    coding = coding or CODINGS["abc"]
    parts = [part.text for part in coding.split(text)]
    read = [Found(part, coding.read(part)) for part in parts]
    good = [found for found in read if not found.tune.broken]
    if not good:
        reason = read[0].tune.broken if read else f"no {coding.opening.strip()} begins a tune"
        hint = "Train longer, or write more"
        raise MusicError("The text is no tune", reason, hint)
    cut_off = read[-1] if not text.endswith(CLOSINGS) else None
    whole = [found for found in good if found is not cut_off]
    return (whole or good)[0]
