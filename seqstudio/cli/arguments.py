"""What can be typed. Imports nothing heavy: `seqstudio --help` has to answer at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from typing_extensions import override

import seqstudio
from seqstudio.cli.usage import UsageError

Declare = Callable[[argparse.ArgumentParser], None]


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are errors in one sentence."""

    @override
    def error(self, message: str) -> NoReturn:
        text = message[:1].upper() + message[1:]
        raise UsageError(text, "", f"{self.prog} --help shows what can be given")


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        help: One line.
        where: Module and function that do it, "module:function", imported when it is called.
        declare: Adds its arguments to a parser.
    """

    help: str
    where: str
    declare: Declare


INSPECTED = (
    "gradients", "attention", "gates", "trajectory", "cells", "spectrum", "embedding", "time-map",
    "predictions", "bptt", "weights", "products", "rollout", "heads", "units",
    "distance",
)  # fmt: skip


def parser_of(name: str) -> Parser:
    """Return the parser of one command."""
    command = COMMANDS[name]
    parser = Parser(
        prog=f"seqstudio {name}", description=command.help, allow_abbrev=False, add_help=True
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of a mistake")
    command.declare(parser)
    return parser


def window_parser() -> Parser:
    """Return the parser of `seqstudio [PROJECT]`."""
    listed = "\n".join(f"  {name:<11} {command.help}" for name, command in COMMANDS.items())
    parser = Parser(
        prog="seqstudio",
        usage="seqstudio [PROJECT] [--thread-engine]\n       seqstudio COMMAND ...",
        description="Open the window, or give a command:\n\n" + listed,
        epilog="seqstudio COMMAND --help tells what a command takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("project", nargs="?", metavar="PROJECT", help="project file to open")
    parser.add_argument(
        "--thread-engine",
        action="store_true",
        help="train in a thread of the window, not in a process of its own",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of a mistake")
    version = f"SeqStudio {seqstudio.__version__}"
    parser.add_argument("--version", action="version", version=version)
    return parser


def _project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", help="project file, NAME.seq")


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", metavar="NAME", help="a run; the newest if not given")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("template", metavar="TEMPLATE|FILE", help="see seqstudio templates; or "
                        "your own file or folder, which finds its template")  # fmt: skip
    parser.add_argument("out", metavar="OUT.seq", help="project file to write")
    parser.add_argument("--data", metavar="PATH", help="your own file or folder for the template")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[],
        help="change a setting: training.minutes=1, lstm.hidden=64, or minutes=1 where only one "
        "has that name",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="overwrite OUT.seq")


def _check(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    _json(parser)
    parser.add_argument("--values", action="store_true",
                        help="tell what flows on every wire, too, on one real batch")  # fmt: skip


def _train(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", metavar="N", help="end after N steps")
    budget.add_argument("--minutes", metavar="M", help="end after M minutes of training")
    parser.add_argument("--run", metavar="NAME", help="name of the run: a new one, or with "
                        "--resume one to continue")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="continue the newest or named run")
    parser.add_argument("--device", metavar="D", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--seed", metavar="S", help="start of all random numbers")
    parser.add_argument("--threads", metavar="N", help="processor threads, 0 for a trial")
    parser.add_argument("--precision", metavar="P", help="auto, float32, bfloat16 or float16")
    parser.add_argument("--find-rate", action="store_true", help="train nothing: try rising "
                        "learning rates on a copy and suggest one")  # fmt: skip
    _json(parser)


def _sweep(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    parser.add_argument(
        "--set", metavar="KEY=VALUES", action="append", default=[],
        help="a setting to vary: lstm.hidden=32,64,128 or learning_rate=1e-4..1e-2; a range runs "
        "over decades where its setting does, or as :log or :linear at its end says",
    )  # fmt: skip
    parser.add_argument("--method", choices=("grid", "random", "optuna"), default="grid",
                        help="every combination, random ones, or Optuna's choice")  # fmt: skip
    parser.add_argument("--trials", metavar="N", help="combinations to try, at most")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", metavar="N", help="steps of a trial, 500 if not given")
    budget.add_argument("--minutes", metavar="M", help="minutes of a trial")
    parser.add_argument("--seeds", metavar="N", help="train each combination with N seeds")
    parser.add_argument("--device", metavar="D", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--resume", action="store_true", help="continue the newest sweep that is "
                        "not finished")  # fmt: skip
    _json(parser)


def _compare(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    parser.add_argument("--with", dest="memories", metavar="NAMES",
                        default="rnn,lstm,gru,attention,transformer",
                        help="memories to put in the place of the model's own, with commas "
                        "between: rnn,lstm,gru,attention,transformer")  # fmt: skip
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", metavar="N", help="steps of each, 500 if not given")
    budget.add_argument("--minutes", metavar="M", help="minutes of each")
    parser.add_argument("--seeds", metavar="N", help="train each with N seeds")
    parser.add_argument("--device", metavar="D", default="auto", help="auto, cpu, cuda or mps")
    _json(parser)


def _fork(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    parser.add_argument("--run", metavar="NAME", help="run to leave; the newest if not given")
    parser.add_argument("--step", metavar="K", help="last step that both share; the newest if "
                        "not given")  # fmt: skip
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[],
                        help="what is other from there on: learning_rate=1e-3")  # fmt: skip
    parser.add_argument("--name", metavar="NEW", help="name of the new run")
    parser.add_argument("--device", metavar="D", default="auto", help="auto, cpu, cuda or mps")
    _json(parser)


def _report(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    parser.add_argument("--run", metavar="NAME", action="append",
                        help="a run; repeatable, the newest if none")  # fmt: skip
    parser.add_argument("--format", choices=("html", "csv", "tensorboard"), default="html",
                        help="html: one page that needs nothing else; csv: tables; tensorboard: "
                        "event files")  # fmt: skip
    parser.add_argument("--out", metavar="PATH", required=True, help="file for html, else folder")


def _generate(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    _run(parser)
    prompt = parser.add_mutually_exclusive_group()
    prompt.add_argument("--prompt", metavar="TEXT", help="text to continue")
    prompt.add_argument("--prompt-file", metavar="F", help="file with the text to continue")
    parser.add_argument("--length", metavar="N", help="tokens to write")
    parser.add_argument("--temperature", metavar="X", help="0 takes the likeliest, 1 as learnt")
    parser.add_argument("--top-k", metavar="K", help="choose among the K likeliest, 0 for all")
    parser.add_argument("--top-p", metavar="P", help="choose among the likeliest that reach P")
    parser.add_argument("--seed", metavar="S", help="same seed, same output; 0 if not given")
    parser.add_argument("--count", metavar="N", help="several takes, with seeds S, S+1, ...")
    parser.add_argument("--beams", metavar="W", help="from a source, such as translations: beam "
                        "search with W beams; 1, greedy, if not given")  # fmt: skip
    parser.add_argument("--key", metavar="KEY", help='music: notes of this scale only, "D major"')
    parser.add_argument("--metre", metavar="M", help="music: every bar fills this metre, 6/8")
    parser.add_argument("--lowest", metavar="P", help="music: lowest pitch, 60 or C4")
    parser.add_argument("--highest", metavar="P", help="music: highest pitch")
    parser.add_argument("--bars", metavar="N", help="music: the tune ends after N bars")
    parser.add_argument("--end-on-tonic", action="store_true",
                        help="music: the last note is the tonic")  # fmt: skip
    parser.add_argument("--measure", action="store_true",
                        help="music: print measures of what was written")  # fmt: skip
    parser.add_argument(
        "--out", metavar="F", help="file to write: .txt, .abc, .mid, .musicxml, .wav or .flac"
    )


def _evaluate(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    _run(parser)
    parser.add_argument("--data", metavar="PATH", help="a file of your own to measure on, of the "
                        "kind that the model learned from")  # fmt: skip
    parser.add_argument("--by-length", action="store_true",
                        help="written sentences also by the length of the source")  # fmt: skip
    parser.add_argument("--sentences", metavar="N", help="sentences to write and compare; 1000 "
                        "if not given, all for every one")  # fmt: skip
    parser.add_argument("--beams", metavar="W", help="write them by beam search with W beams; 1, "
                        "greedy, if not given")  # fmt: skip
    _json(parser)


def _inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=INSPECTED, metavar="WHAT",
                        help=f"what to look at: {', '.join(INSPECTED)}")  # fmt: skip
    _project(parser)
    _run(parser)
    parser.add_argument("--text", metavar="T", help="text to look at; else that of the project")
    parser.add_argument("--step", metavar="K", help="weights kept at step K or before; else the "
                        "best ones")  # fmt: skip
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[],
                        help="what to look at more closely, such as block=lstm")  # fmt: skip
    parser.add_argument("--out", metavar="F", required=True, help="file: .npz, .csv or .png")


def _export(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    _run(parser)
    parser.add_argument("--format", choices=("pytorch", "onnx"), required=True, help="pytorch: "
                        "source, weights and a training script; onnx: one file")  # fmt: skip
    parser.add_argument(
        "--out", metavar="PATH", required=True, help="folder to write, or FILE.onnx"
    )


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="FILE.py[:CLASS]", help="a file that SeqStudio exported, "
                        "or with --run-python any torch module")  # fmt: skip
    parser.add_argument("out", metavar="OUT.seq", help="project file to write")
    parser.add_argument("--run-python", action="store_true", help="run the file to see what its "
                        "module does: only files that you trust")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="overwrite OUT.seq")


def _render(parser: argparse.ArgumentParser) -> None:
    _project(parser)
    _run(parser)
    parser.add_argument("--panel", metavar="NAME", required=True, help="panel or page to draw")
    parser.add_argument("--size", metavar="WxH", help="size in pixels, such as 1200x800")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark", help="colours")
    parser.add_argument("--out", metavar="F.png", required=True, help="picture to write")


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "get", "where"),
                        help="list the sets, get one, or tell where they are kept")  # fmt: skip
    parser.add_argument("name", nargs="?", metavar="NAME", help="the set to get")
    parser.add_argument("--catalogue", metavar="FILE", help="a list of sets of your own, too")
    parser.add_argument("--to", metavar="FOLDER", help="keep sets there, not in your data folder")
    parser.add_argument("--discard", action="store_true",
                        help="remove what is here of an unfinished transfer")  # fmt: skip
    _json(parser)


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="train, probes, window, start, play, canvas, "
        "plots, sampling, gradflow, several or learn; all but the last two if none",
    )  # fmt: skip
    _json(parser)
    parser.add_argument("--seconds", metavar="S", help="time for each, about")
    parser.add_argument("--data", metavar="PATH", action="append", default=[],
                        help="text, or .abc book of tunes, for learn; repeatable")  # fmt: skip
    parser.add_argument("--platform", default="offscreen", help="where windows open: offscreen, "
                        "or xcb for a real one")  # fmt: skip
    parser.add_argument("--table", metavar="FILE", help="print results of --json as Markdown")


COMMANDS = {
    "templates": Command("list the templates", "seqstudio.cli.projects:templates", _json),
    "new": Command("make a project from a template or a file", "seqstudio.cli.projects:new", _new),
    "check": Command(
        "shapes, parameters and problems of a project",
        "seqstudio.cli.projects:check_project",
        _check,
    ),
    "train": Command("train a project", "seqstudio.cli.training:train", _train),
    "sweep": Command(
        "train with many settings and find the best", "seqstudio.cli.sweeping:sweep", _sweep
    ),
    "compare": Command(
        "train the same model with other memories", "seqstudio.cli.comparing:compare", _compare
    ),
    "fork": Command(
        "train on from any step of a run, with a change", "seqstudio.cli.run_commands:fork", _fork
    ),
    "report": Command(
        "runs as a page, tables or TensorBoard files", "seqstudio.cli.run_commands:report", _report
    ),
    "generate": Command(
        "let a trained model write", "seqstudio.cli.generating:generate", _generate
    ),
    "evaluate": Command("measure a trained model", "seqstudio.cli.evaluating:evaluate", _evaluate),
    "inspect": Command(
        "what is inside a trained model, as numbers or a picture",
        "seqstudio.cli.inspecting:inspect",
        _inspect,
    ),
    "export": Command(
        "write a model as PyTorch source with its weights, or as ONNX",
        "seqstudio.cli.exporting:export",
        _export,
    ),
    "import": Command(
        "make a project from a torch module", "seqstudio.cli.importing:import_file", _import
    ),
    "render": Command(
        "draw a panel or a page of the window", "seqstudio.cli.rendering:render", _render
    ),
    "data": Command("fetch public data sets by name", "seqstudio.cli.datasets:data", _data),
    "bench": Command("speeds beside plain PyTorch", "seqstudio.bench.command:bench", _bench),
    "doctor": Command("what works on this computer", "seqstudio.cli.entry:doctor", _json),
}
