"""The PyTorch module that a graph is, as readable source that needs only torch.

The layers' source is taken verbatim from `seqstudio/engine/layers/`, read as text (nothing is
imported or run), so what a person takes home is what trains here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import seqstudio
from seqstudio.blocks.catalogue import KINDS
from seqstudio.blocks.check import Report, check, tied_embedding
from seqstudio.blocks.declaration import Call, DataFacts
from seqstudio.blocks.names import attribute_name
from seqstudio.document.graph import Graph
from seqstudio.document.param import Value

_IMPORTS = (
    ("json", "import json"),
    ("math", "import math"),
    ("struct", "import struct"),
    ("Sequence", "from collections.abc import Sequence"),
    ("Path", "from pathlib import Path"),
    ("Any", "from typing import Any"),
)
_LOADER = '''
def load_weights(model: nn.Module, path: str | Path) -> None:
    """Put the weights of a safetensors file into the model."""
    data = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    kinds = {"F32": torch.float32, "F64": torch.float64, "BF16": torch.bfloat16}
    weights = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            raw = bytearray(data[8 + size + start : 8 + size + end])
            weights[name] = torch.frombuffer(raw, dtype=kinds[entry["dtype"]]).view(entry["shape"])
    model.load_state_dict(weightsTIED)
'''
_WRITER = '''
@torch.no_grad()
def write(model: nn.Module, prompt: str, length: int, temperature: float = 0.8) -> str:
    """Continue a prompt by `length` symbols."""
    model.eval()
    ids = [VOCABULARY.index(symbol) for symbol in prompt]
    for _ in range(length):
        logits, _ = model(torch.tensor([ids[-WINDOW:]]))
        chances = (logits[0, -1] / temperature).softmax(-1)
        ids.append(int(torch.multinomial(chances, 1)))
    return "".join(VOCABULARY[i] for i in ids)
'''


@dataclass(frozen=True)
class Code:
    """Generated source.

    Attributes:
        text: The file.
        lines: Lines (from 1) that belong to each block, by block id.
    """

    text: str
    lines: Mapping[str, tuple[int, ...]]


def model_code(graph: Graph, facts: DataFacts, vocabulary: tuple[str, ...] = ()) -> Code:
    """Return the source of a graph.

    Args:
        graph: A playable graph.
        facts: Facts about its data.
        vocabulary: Symbols in the order of their numbers; with them the file can write text.

    Raises:
        GraphError: The graph has an error.
    """
    report = check(graph, facts)
    report.raise_errors()
    model, marks = _model_class(graph, report)
    body = [*_layer_sources(_classes(graph, report)), "\n".join(model)]
    if vocabulary:
        body.insert(0, f"{_vocabulary_lines(vocabulary)}\nWINDOW = {facts.window}")
    body.append(_LOADER.strip().replace("TIED", _tied_weights(graph, report)))
    if vocabulary and facts.pattern == "next token":
        body.append(_WRITER.strip())
    text = "\n\n\n".join(body) + "\n"
    header = _header(facts, text)
    shift = header.count("\n") + text[: text.index("class Model(")].count("\n")
    lines = {key: tuple(shift + 1 + n for n in numbers) for key, numbers in marks.items()}
    return Code(header + text, lines)


def _vocabulary_lines(vocabulary: tuple[str, ...]) -> str:
    pieces = ["".join(vocabulary[i : i + 40]) for i in range(0, len(vocabulary), 40)]
    return "\n".join(["VOCABULARY = list(", *(f"    {piece!r}" for piece in pieces), ")"])


def _header(facts: DataFacts, text: str) -> str:
    used = [line for name, line in _IMPORTS if re.search(rf"\b{name}\b", text)]
    torch_lines = ["import torch", "from torch import Tensor, nn"]
    if "F." in text:
        torch_lines.append("from torch.nn import functional as F")
    # The title may be the name of a file, which must not end the text and become code.
    safe = (c if c.isprintable() and c not in '"\\' else "_" for c in facts.title)
    title = "".join(safe)
    head = f'"""A sequence model for {title}, made with SeqStudio. Needs only torch."""'
    return "\n".join([head, "", *used, "", *torch_lines]) + "\n\n"


def _model_class(graph: Graph, report: Report) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    lines = ["class Model(nn.Module):", '    """The graph, block by block."""', ""]
    lines += ["    def __init__(self) -> None:", "        super().__init__()"]
    marks: dict[str, list[int]] = {key: [] for key in report.order}
    for key in report.order:
        if KINDS[graph.blocks[key].kind].inputs:
            marks[key].append(len(lines))
            call = report.call(graph.blocks[key])
            lines.extend(_wrapped(f"        self.{attribute_name(key)} = ", call))
    lines += list(_tie_lines(graph, report))
    lines += [""]
    lines += [
        "    def forward(",
        "        self, inputs: Tensor, state: dict[str, Any] | None = None",
        "    ) -> tuple[Tensor, dict[str, Any]]:",
        '        """Return the predictions and the state to continue from."""',
        "        before = state or {}",
        "        after: dict[str, Any] = {}",
    ]
    for key in report.order:
        if KINDS[graph.blocks[key].kind].inputs:
            marks[key].append(len(lines))
            lines.append("        " + _forward_line(graph, key))
    lines.append(f"        return {attribute_name(report.head)}, after")
    return lines, {key: tuple(numbers) for key, numbers in marks.items()}


def _forward_line(graph: Graph, key: str) -> str:
    kind, wires, name = KINDS[graph.blocks[key].kind], graph.into(key), attribute_name(key)
    args = ", ".join(_variable(graph, wires[port.name].source) for port in kind.inputs)
    if kind.memory:
        return f'{name}, after["{key}"] = self.{name}({args}, before.get("{key}"))'
    return f"{name} = self.{name}({args})"


def _variable(graph: Graph, key: str) -> str:
    return attribute_name(key) if KINDS[graph.blocks[key].kind].inputs else "inputs"


def _wrapped(start: str, call: Call) -> list[str]:
    args = [f"{name}={_literal(value)}" for name, value in call.args.items()]
    line = f"{start}{call.cls}({', '.join(args)})"
    if len(line) <= 99:
        return [line]
    inner = " " * 12
    return [f"{start}{call.cls}(", *(f"{inner}{arg}," for arg in args), "        )"]


def _literal(value: Value) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _tie_lines(graph: Graph, report: Report) -> Iterator[str]:
    embedding = _tied(graph, report)
    if embedding is not None:
        head, source = attribute_name(report.head), attribute_name(embedding)
        yield f"        self.{head}.linear.weight = self.{source}.weight  # tied"


def _tied(graph: Graph, report: Report) -> str | None:
    if not graph.blocks[report.head].params.get("tie", False):
        return None
    return tied_embedding(graph, report.head)


def _tied_weights(graph: Graph, report: Report) -> str:
    embedding = _tied(graph, report)
    if embedding is None:
        return ""
    head, source = attribute_name(report.head), attribute_name(embedding)
    return f' | {{"{head}.linear.weight": weights["{source}.weight"]}}'


def _classes(graph: Graph, report: Report) -> set[str]:
    calls = (report.call(graph.blocks[key]) for key in report.order)
    return {call.cls for call in calls if not call.cls.startswith("nn.")}


def _layer_sources(wanted: set[str]) -> Iterator[str]:
    """Yield the definitions that `wanted` needs, in the order of the file."""
    parts = _layer_parts()
    needed, todo = set(), list(wanted)
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            words = set(re.findall(r"\w+", parts[name]))
            todo.extend(other for other in parts if other in words)
    return (source for name, source in parts.items() if name in needed)


@cache
def _layer_parts() -> dict[str, str]:
    """Return the source of every definition in the layers' files by its name."""
    home = Path(seqstudio.__file__).parent / "engine" / "layers"
    parts = {}
    for path in sorted(home.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                parts[node.name] = ast.get_source_segment(text, node) or ""
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                parts[node.targets[0].id] = ast.get_source_segment(text, node) or ""
    parts.pop("__all__", None)
    return parts
