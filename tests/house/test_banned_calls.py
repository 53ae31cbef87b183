"""Nothing in a file can run code: no call that could is in the product's source."""

import ast
import pathlib
from collections.abc import Iterator

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
CALLS = {"torch.load", "os.system", "os.popen", "subprocess.getoutput", "code.interact"}
BUILTINS = {"eval", "exec", "__import__", "builtins.eval", "builtins.exec"}


def imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield (line, name in this file, dotted origin) of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield node.lineno, alias.asname or top, alias.name if alias.asname else top
                yield node.lineno, "", alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.lineno, alias.asname or alias.name, f"{node.module}.{alias.name}"


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def is_literal(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def banned(source: str) -> list[str]:
    """Return "line: reason" for every banned import and call."""
    tree = ast.parse(source)
    origins = {}
    found = []
    for line, name, origin in imports(tree):
        origins[name] = origin
        if MODULES & set(origin.split(".")[:1]) or origin in CALLS:
            found.append(f"{line}: imports {origin}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            head, dot, rest = dotted(node.func).partition(".")
            called = origins.get(head, head) + dot + rest
            if called in CALLS | BUILTINS:
                found.append(f"{node.lineno}: calls {called}")
            for each in node.keywords:
                unsafe = each.arg == "allow_pickle" and not is_literal(each.value, value=False)
                shell = each.arg == "shell" and not is_literal(each.value, value=False)
                if unsafe or shell:
                    found.append(f"{node.lineno}: sets {each.arg}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, pickle as p",
        "from joblib import dump",
        "from torch import load",
        "import torch\ntorch.load(path)",
        "import torch as th\nth.load(path)",
        "import torch.nn\ntorch.load(path)",
        "import os.path\nos.system(x)",
        "import subprocess\nsubprocess.run(x, shell=True)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "eval(text)",
        "import builtins\nbuiltins.exec(text)",
        "def f():\n    import shelve",
    ],
)
def test_the_search_finds(source: str) -> None:
    assert banned(source)


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import torch\ntorch.loads = 1\nsafetensors.torch.load_file(path)",
        "from safetensors.torch import load\nload(data)",
        "np.save(path, values, allow_pickle=False)",
        "import json\njson.load(handle)",
    ],
)
def test_the_search_leaves_alone(source: str) -> None:
    assert banned(source) == []


def test_the_product_holds_no_banned_call() -> None:
    files = [REPO / "main.py", *sorted((REPO / "seqstudio").rglob("*.py"))]
    assert len(files) > 20
    found = [
        f"{path.relative_to(REPO)}:{each}"
        for path in files
        for each in banned(path.read_text("utf-8"))
    ]
    assert found == []
