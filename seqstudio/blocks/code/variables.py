"""Names of variables and classes in generated source: readable, and never two alike."""

from __future__ import annotations

from seqstudio.blocks.declaration import Port
from seqstudio.blocks.plan import Node, Ref

# Names that a generated method uses itself.
_OWN = """self inputs source state before after lengths source_lengths outs going t torch nn F math
    tuple zip range len Any Tensor""".split()  # noqa: SIM905  a line a name would fill the screen


class Names:
    """Hands out names that are not taken yet."""

    def __init__(self, taken: tuple[str, ...] = tuple(_OWN)) -> None:
        self._taken = set(taken)

    def new(self, wish: str) -> str:
        """Return `wish`, with low lines behind it when it is taken."""
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish


class Variables:
    """The variables of one method: which holds the value of which port."""

    def __init__(self) -> None:
        self.names = Names()
        self._by_ref: dict[Ref, str] = {}

    def __getitem__(self, ref: Ref) -> str:
        return self._by_ref[ref]

    def hold(self, ref: Ref, name: str) -> None:
        """Let `name`, any expression, stand for a value."""
        self._by_ref[ref] = name

    def new(self, ref: Ref, wish: str) -> str:
        """Return a new variable for a value."""
        name = self.names.new(wish)
        self.hold(ref, name)
        return name

    def results(self, node: Node) -> list[str]:
        """Return new variables for what the module of a node returns."""
        ports = plain_outputs(node)
        if len(ports) < 2:  # a head has no port, its value leaves the model
            return [self.new((node.block, ports[0].name if ports else ""), node.name)]
        return [self.new((node.block, p.name), f"{node.name}_{p.name}") for p in ports]


def plain_outputs(node: Node) -> list[Port]:
    """Return the output ports that the module itself fills: all but those for its end state."""
    if node.inner is not None or len(node.outputs) == 1:
        return list(node.outputs)
    return [port for port in node.outputs if port.kind != "state"]


def state_output(node: Node) -> str:
    """Return the output port that carries the end state of a node, "" when it has none."""
    plain = plain_outputs(node)
    return next((port.name for port in node.outputs if port not in plain), "")


def class_name(block_id: str) -> str:
    """Return the name of a class for a block: "my_cell" is MyCell."""
    return "".join(word[:1].upper() + word[1:] for word in block_id.split("_")) or "Block"
