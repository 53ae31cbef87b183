"""Looks into a person's torch module by running their Python: only ever in a process of its own.

The result is plain data (JSON), so that nothing of what ran gets into the program.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from typing_extensions import override

_SETTINGS = """in_features out_features num_embeddings embedding_dim input_size hidden_size
    num_layers bidirectional batch_first dropout bias nonlinearity proj_size normalized_shape eps p
    embed_dim num_heads kdim vdim norm_first elementwise_affine approximate dim start_dim end_dim
    """.split()  # noqa: SIM905  a line a name would fill the screen
_ROWS, _STEPS = 2, 8


class Refusal(Exception):  # noqa: N818  it says why, it is no fault of ours
    """The module cannot be looked into; its text says why."""


def trace_file(path: str, wanted: str, out: str) -> None:
    """Trace a module of a file and write what was found, or why not, as JSON to `out`."""
    try:
        found = _traced(Path(path), wanted)
    except Refusal as refusal:
        found = {"refused": str(refusal)}
    except BaseException as error:  # noqa: BLE001  whatever a stranger's file raises
        found = {"refused": f"it raised {type(error).__name__}: {error}"[:300]}
    Path(out).write_text(json.dumps(found), encoding="utf-8")


def _traced(path: Path, wanted: str) -> dict[str, Any]:
    model = _made(_loaded(path), wanted)
    model.eval()
    try:
        steps = list(_by_fx(model))
        way = "torch.fx"
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001  control flow that fx does not follow
        steps = list(_by_export(model, error))
        way = "torch.export"
    return {"steps": steps, "way": way, "name": type(model).__name__}


def _loaded(path: Path) -> Any:
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("imported_model", path)
    if spec is None or spec.loader is None:
        raise Refusal("Python cannot load it")
    module = importlib.util.module_from_spec(spec)
    sys.modules["imported_model"] = module
    spec.loader.exec_module(module)
    return module


def _made(module: Any, wanted: str) -> nn.Module:
    """Return the module that is named, or the only one that the file defines for itself."""
    found = getattr(module, wanted, None) if wanted else _only(module)
    if isinstance(found, nn.Module):
        return found
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise Refusal(f"there is no torch module called {wanted}")
    needed = [
        p.name
        for p in inspect.signature(found).parameters.values()
        if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}
    ]
    if needed:
        raise Refusal(
            f"{found.__name__} needs {', '.join(needed)}; put `model = {found.__name__}(...)` "
            "into the file and name it: FILE.py:model"
        )
    return found()


def _only(module: Any) -> type:
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, nn.Module)
        and value.__module__ == module.__name__
    ]
    sources = {cls: inspect.getsource(cls) for cls in own}
    tops = [
        cls for cls in own
        if not any(cls.__name__ in text for other, text in sources.items() if other is not cls)
    ]  # fmt: skip
    if len(tops) != 1:
        names = ", ".join(cls.__name__ for cls in (tops or own)) or "none"
        raise Refusal(f"say which class to import, FILE.py:CLASS; it has {names}")
    return tops[0]


# ------------------------------------------------------------------------ torch.fx


class _Tracer(fx.Tracer):
    """Stops at the layers of torch and at modules that it cannot look into."""

    @override
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, (nn.Sequential, nn.ModuleList)):
            return False
        return super().is_leaf_module(m, module_qualified_name)


def _by_fx(model: nn.Module) -> Iterator[dict[str, Any]]:
    signature = inspect.signature(model.forward)
    fixed = {
        name: p.default for name, p in signature.parameters.items() if p.default is not p.empty
    }
    graph = _Tracer().trace(model, concrete_args=fixed or None)
    for node in graph.nodes:
        if node.op == "placeholder" and node.name.split("_")[0] in fixed:
            continue
        yield _step(node, model)


def _step(node: fx.Node, model: nn.Module) -> dict[str, Any]:
    step: dict[str, Any] = {
        "name": node.name,
        "op": {"placeholder": "input", "call_module": "module", "output": "output"}.get(
            node.op, "function"
        ),
        "target": _target(node),
        "args": [_plain(arg) for arg in node.args],
        "named": {key: _plain(value) for key, value in node.kwargs.items()},
    }
    if node.op == "call_module":
        step |= _described(model.get_submodule(str(node.target)), str(node.target))
    if node.op == "get_attr":
        step["target"] = "parameter"
        step["path"] = str(node.target)
    return step


def _target(node: fx.Node) -> str:
    return (
        node.target if isinstance(node.target, str) else str(getattr(node.target, "__name__", ""))
    )


def _plain(value: Any) -> Any:
    """Return an argument as JSON: a reference to a step, a number, a slice, or a list."""
    if isinstance(value, fx.Node):
        return {"ref": value.name}
    if isinstance(value, slice):
        return {"slice": [_plain(value.start), _plain(value.stop), _plain(value.step)]}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (bool, int, float, str, type(None))):
        return value
    return "..." if value is Ellipsis else {"other": str(value)[:80]}


def _described(module: nn.Module, path: str) -> dict[str, Any]:
    """Return what a layer is: its class, its settings, its source when it is not torch's own."""
    cls = type(module)
    own = cls.__module__.startswith("torch.")
    settings = {
        name: value
        for name in _SETTINGS
        if isinstance(value := _setting(module, name), (bool, int, float, str, list))
    }
    if isinstance(module, nn.TransformerEncoder):
        settings = {"layers": [_described(each, "") for each in module.layers],
                    "norm": module.norm is not None}  # fmt: skip
    if isinstance(module, nn.TransformerEncoderLayer):
        settings |= _encoder_layer(module)
    return {
        "cls": f"nn.{cls.__name__}" if own else cls.__name__,
        "path": path,
        "settings": settings,
        "code": "" if own else _source(cls),
        "numbers": sum(p.numel() for p in module.parameters()),
    }


def _setting(module: nn.Module, name: str) -> Any:
    value = getattr(module, name, None)
    if name == "bias" and (value is None or isinstance(value, Tensor)):
        return value is not None
    return list(value) if isinstance(value, tuple) else value


def _encoder_layer(module: nn.TransformerEncoderLayer) -> dict[str, Any]:
    activation = module.activation
    return {
        "embed_dim": module.self_attn.embed_dim,
        "num_heads": module.self_attn.num_heads,
        "batch_first": module.self_attn.batch_first,
        "feed_forward": module.linear1.out_features,
        "activation": getattr(activation, "__name__", type(activation).__name__).lower(),
        "dropout": module.dropout.p,
    }


def _source(cls: type) -> str:
    try:
        return inspect.getsource(cls)[:20_000]
    except (OSError, TypeError):
        return ""


# -------------------------------------------------------------------- torch.export


def _by_export(model: nn.Module, cause: Exception) -> Iterator[dict[str, Any]]:
    """Trace with an example; calls that belong to one layer of torch become that layer again."""
    example = _example(model, cause)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(model, (example,))
    except Exception as error:
        first = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise Refusal(f"torch cannot follow its forward: {first[:200]}") from error
    yield from _Collapsed(program, model).steps()


def _example(model: nn.Module, cause: Exception) -> Tensor:
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            return torch.zeros(_ROWS, _STEPS, dtype=torch.long)
        if isinstance(module, (nn.LSTM, nn.GRU, nn.RNN)):
            return torch.zeros(_ROWS, _STEPS, module.input_size)
        if isinstance(module, nn.Linear):
            return torch.zeros(_ROWS, _STEPS, module.in_features)
    raise Refusal(f"torch cannot follow its forward: {str(cause)[:200]}")


class _Collapsed:
    """The nodes of an exported program, those of one layer of torch taken together."""

    def __init__(self, program: Any, model: nn.Module) -> None:
        self.nodes = list(program.graph.nodes)
        self.model = model
        self.weights = {*program.graph_signature.inputs_to_parameters,
                        *program.graph_signature.inputs_to_buffers}  # fmt: skip
        self.homes = {node: self._home(node) for node in self.nodes}
        self.first: dict[str, str] = {}

    def steps(self) -> Iterator[dict[str, Any]]:
        """Yield the steps in order."""
        for node in self.nodes:
            home = self.homes[node]
            if node.name in self.weights:
                continue
            if home:
                yield from self._layer(node, home)
            else:
                step = _step(node, self.model)
                step["target"] = step["target"].split(".")[0]
                step["args"] = [self._shown(arg) for arg in node.args]
                if node.op == "output":
                    step["args"] = step["args"][0]
                yield step

    def _home(self, node: fx.Node) -> str:
        """Return the path of the layer of torch that a node belongs to, "" for none."""
        for path, _ in (node.meta.get("nn_module_stack") or {}).values():
            if path and _is_layer(self.model.get_submodule(path)):
                return str(path)
        return ""

    def _layer(self, node: fx.Node, home: str) -> Iterator[dict[str, Any]]:
        if home in self.first:
            return
        self.first[home] = name = home.replace(".", "_")
        args = [self._shown(arg) for arg in self._arriving(home)]
        yield {"name": name, "op": "module", "target": home, "args": args, "named": {},
               **_described(self.model.get_submodule(home), home)}  # fmt: skip
        if isinstance(self.model.get_submodule(home), (nn.LSTM, nn.GRU, nn.RNN)):
            yield {"name": f"{name}_out", "op": "function", "target": "getitem",
                   "args": [{"ref": name}, 0], "named": {}}  # fmt: skip
            self.first[home] = f"{name}_out"

    def _arriving(self, home: str) -> list[fx.Node]:
        """Return what a layer takes from outside, in order."""
        nodes = (node for node in self.nodes if self.homes[node] == home)
        taken = (arg for node in nodes for arg in node.all_input_nodes)
        outside = (a for a in taken if self.homes[a] != home and a.name not in self.weights)
        return list(dict.fromkeys(outside))

    def _shown(self, value: Any) -> Any:
        if isinstance(value, fx.Node):
            home = self.homes[value]
            return {"ref": self.first.get(home, value.name) if home else value.name}
        if isinstance(value, (list, tuple)):
            return [self._shown(part) for part in value]
        return _plain(value)


def _is_layer(module: nn.Module) -> bool:
    own = type(module).__module__.startswith("torch.nn")
    return own and not isinstance(module, (nn.Sequential, nn.ModuleList))
