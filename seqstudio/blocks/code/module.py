"""The whole file: constants, layers, groups and cells, the model, and what loads its weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from seqstudio.blocks.check import Report, check, tied_embedding
from seqstudio.blocks.code.circuit import CircuitClass, Classes, is_stream
from seqstudio.blocks.code.formulas import is_formula
from seqstudio.blocks.code.library import Import, import_lines, layers
from seqstudio.blocks.code.lines import Code, Line, wrapped
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.names import attribute_name
from seqstudio.blocks.plan import Node, Plan, make_plan
from seqstudio.document.graph import Graph, Path

_KNOWN = (
    Import("json", "", "json"),
    Import("math", "", "math"),
    Import("struct", "", "struct"),
    Import("pathlib", "Path", "Path"),
    Import("typing", "Any", "Any"),
    Import("torch", "", "torch"),
    Import("torch", "Tensor", "Tensor"),
    Import("torch", "nn", "nn"),
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
    return _File(graph, facts, report, make_plan(graph, report), vocabulary).code()


@dataclass(frozen=True)
class _Piece:
    """Lines that stand together, and the blocks that they are the class of."""

    lines: tuple[Line, ...]
    homes: tuple[Path, ...] = ()


class _File:
    def __init__(
        self,
        graph: Graph,
        facts: DataFacts,
        report: Report,
        plan: Plan,
        vocabulary: tuple[str, ...],
    ) -> None:
        self.graph = graph
        self.facts = facts
        self.plan = plan
        self.vocabulary = vocabulary
        self.tied = _tied(graph, report)
        imported = {*layers().imports, *(each.alias for each in _KNOWN)}
        taken = {*layers().needed(self._wanted()), *imported, "Model"}
        self.classes = Classes(taken, facts.padded)
        self.model = ModelClass(self.classes, plan, facts, self.tied)

    def code(self) -> Code:
        """Return the text and which lines are whose."""
        pieces = [_plain(part) for part in self._before()]
        pieces += [_Piece(written.lines, written.homes) for written in self.classes]
        pieces.append(_Piece(tuple(self.model.lines()), ((),)))
        pieces += [_plain(part) for part in self._behind()]
        body = "\n\n\n".join(_text(piece) for piece in pieces) + "\n"
        header = _header(self.facts, body)
        return Code(header + body, self._marks(pieces, header.count("\n") + 1))

    def _marks(self, pieces: Iterable[_Piece], line: int) -> Mapping[Path, tuple[int, ...]]:
        marks: dict[Path, list[int]] = {
            (*path, block.id): [] for path, block in self.graph.everything()
        }
        for piece in pieces:
            for number, each in enumerate(piece.lines, line):
                for home in piece.homes:
                    if home:
                        marks[home].append(number)
                    for owner in each.owners:
                        marks[*home, owner].append(number)
            line += len(piece.lines) + 2
        return {path: tuple(numbers) for path, numbers in marks.items()}

    def _before(self) -> Iterator[str]:
        yield _constants(self.facts, self.vocabulary)
        yield from layers().needed(self._wanted()).values()

    def _wanted(self) -> set[str]:
        """Return the classes that the blocks are made of."""
        made = (n for n in self.plan.everything() if n.inner is None and not is_formula(n))
        wanted = {node.call.cls for node in made}
        return wanted | {kept.call.cls for plan in _plans(self.plan) for kept in plan.states}

    def _behind(self) -> Iterator[str]:
        yield _LOADER.strip().replace("TIED", self._tied_weights())
        if self.vocabulary and self.facts.pattern == "next token" and not self.facts.source:
            yield _WRITER.strip()

    def _tied_weights(self) -> str:
        if self.tied is None:
            return ""
        head, source = map(attribute_name, self.tied)
        return f' | {{"{head}.linear.weight": weights["{source}.weight"]}}'


class ModelClass(CircuitClass):
    """Writes the outermost class: streams of the data come in, predictions leave."""

    def __init__(
        self, classes: Classes, plan: Plan, facts: DataFacts, tied: tuple[str, str] | None
    ) -> None:
        super().__init__(classes, plan, ())
        self.facts = facts
        self.tied = tied

    def lines(self) -> Iterator[Line]:
        """Yield the class."""
        yield Line("class Model(nn.Module):")
        yield Line('    """The graph, block by block."""')
        yield Line()
        yield from self.constructor()
        yield from self._tie()
        yield Line()
        yield from wrapped("def forward(", self._arguments(),
                           ") -> tuple[Tensor, dict[str, Any]]:", indent=4)  # fmt: skip
        yield Line('        """Return the predictions and the state to continue from."""')
        yield Line("        before = state or {}")
        yield Line("        after: dict[str, Any] = {}")
        for node in self.plan.nodes:
            yield from self._node(node)
        head = self.plan.nodes[-1]
        predictions = self.value((head.block, head.outputs[0].name if head.outputs else ""))
        yield Line(f"        return {predictions}, after", (head.block,))

    def _tie(self) -> Iterator[Line]:
        if self.tied is not None:
            head, source = map(attribute_name, self.tied)
            yield Line(f"        nn.init.normal_(self.{source}.weight, std=0.02)", self.tied[1:])
            tie = f"        self.{head}.linear.weight = self.{source}.weight  # tied"
            yield Line(tie, self.tied[:1])

    def _arguments(self) -> list[str]:
        args = ["self", "inputs: Tensor", "state: dict[str, Any] | None = None"]
        if self.facts.source:
            args.append("source: Tensor | None = None")
        if self.facts.padded:
            args.append("lengths: Tensor | None = None")
            if self.facts.source:
                args.append("source_lengths: Tensor | None = None")
        return args

    def _node(self, node: Node) -> Iterator[Line]:
        if not node.stream:
            yield from self.statements(node)
            return
        beside = node.stream == "source" or (
            node.stream == "picture" and self.facts.input != "picture"
        )
        stream = "source" if beside else "inputs"
        ref = (node.block, node.outputs[0].name)
        if is_stream(node):
            self.vars.hold(ref, stream)
        else:
            name = self.vars.new(ref, node.name)
            yield Line(f"        {name} = self.{node.name}({stream})", (node.block,))


def _plain(source: str) -> _Piece:
    return _Piece(tuple(Line(text) for text in source.split("\n")))


def _text(piece: _Piece) -> str:
    return "\n".join(line.text for line in piece.lines)


def _plans(plan: Plan) -> Iterator[Plan]:
    yield plan
    for node in plan.nodes:
        if node.inner is not None:
            yield from _plans(node.inner)


def _constants(facts: DataFacts, vocabulary: tuple[str, ...]) -> str:
    """Return what the file says about its data, as constants."""
    lines = ["DATA = {  # what the model was made for"]
    plain = {name: value for name, value in asdict(facts).items() if value and name != "title"}
    lines += [f'    "{name}": {value!r},' for name, value in plain.items()]
    lines.append("}")
    if vocabulary:
        lines += [*_vocabulary_lines(vocabulary), f"WINDOW = {facts.window}"]
    return "\n".join(lines)


def _vocabulary_lines(vocabulary: tuple[str, ...]) -> list[str]:
    if any(len(symbol) != 1 for symbol in vocabulary):
        pieces = [
            ", ".join(map(repr, vocabulary[i : i + 8])) for i in range(0, len(vocabulary), 8)
        ]
        return ["VOCABULARY = [", *(f"    {piece}," for piece in pieces), "]"]
    pieces = ["".join(vocabulary[i : i + 40]) for i in range(0, len(vocabulary), 40)]
    return ["VOCABULARY = list(", *(f"    {piece!r}" for piece in pieces), ")"]


def _header(facts: DataFacts, body: str) -> str:
    # The title may be the name of a file, which must not end the text and become code.
    safe = (c if c.isprintable() and c not in '"\\' else "_" for c in facts.title)
    head = f'"""A sequence model for {"".join(safe)}, made with SeqStudio. Needs only torch."""'
    known = {**layers().imports, **{each.alias: each for each in _KNOWN}}
    del known["annotations"]
    return f"{head}\n\n{import_lines(body, known)}\n\n"


def _tied(graph: Graph, report: Report) -> tuple[str, str] | None:
    """Return the ids of the head and of the embedding whose weights it shares."""
    if not graph.blocks[report.head].params.get("tie", False):
        return None
    embedding = tied_embedding(graph, report.head)
    return None if embedding is None else (report.head, embedding)
