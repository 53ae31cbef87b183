"""import: a model out of a file; export and import as they are typed."""

from __future__ import annotations

from pathlib import Path

from seqstudio.cli.importing import named
from seqstudio.document.project import load_project

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(9, 8)
        self.fc = nn.Linear(8, 9)

    def forward(self, x):
        return self.fc(self.emb(x))
"""


def test_what_was_exported_is_imported_without_running_it(call, tmp_path: Path) -> None:
    path, folder, out = tmp_path / "a.seq", tmp_path / "out", tmp_path / "b.seq"
    assert call("new", "adding-lstm", path).code == 0
    assert call("export", path, "--format", "pytorch", "--out", folder).code == 0
    told = call("import", folder / "model.py", out)
    assert told.code == 0, told.err
    assert "blocks from model.py" in told.out
    assert "note: Weights are not carried over" in told.out
    back, first = load_project(out).graph, load_project(path).graph
    assert {b.id: b.kind for b in back} == {b.id: b.kind for b in first}
    assert load_project(out).data.kind == "adding"
    assert call("check", out).code == 0
    assert call("import", folder / "model.py", out).code == 2  # it is there already


def test_a_stranger_s_file_is_run_only_when_that_is_said(call, tmp_path: Path) -> None:
    path, out = tmp_path / "net.py", tmp_path / "net.seq"
    path.write_text(NET, encoding="utf-8")
    told = call("import", path, out)
    assert told.code == 2
    assert "--run-python" in told.err
    assert not out.exists()
    told = call("import", f"{path}:Net", out, "--run-python")
    assert told.code == 0, told.err
    assert [b.kind for b in load_project(out).graph] == ["tokens", "embedding", "next_token"]


def test_a_class_is_named_behind_a_colon() -> None:
    assert named("a/b.py:Net") == (Path("a/b.py"), "Net")
    assert named("C:/b.py") == (Path("C:/b.py"), "")
    assert named("b.py") == (Path("b.py"), "")
