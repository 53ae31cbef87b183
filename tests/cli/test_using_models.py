"""generate, evaluate, inspect, export: what a trained run gives."""

import csv
import io
import math
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from seqstudio.cli.generating import file_bytes, first_tune
from seqstudio.core.errors import MusicError
from seqstudio.engine.evaluation import complete_score
from seqstudio.engine.trained import load_trained
from seqstudio.music.abc import read_tune
from seqstudio.music.midi import read_midi

TUNE = "X:1\nT:Scale\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\nCDEF|GABc|\n"

# ------------------------------------------------------------------------------------ generate


def test_the_same_seed_writes_the_same_text(call, made: Path) -> None:
    words = ("generate", made / "small.seq", "--length", "80", "--prompt", "the ")
    first, again = call(*words, "--seed", "5"), call(*words, "--seed", "5")
    assert first.code == 0
    assert first.out == again.out
    assert first.out.startswith("the ")
    assert len(first.out.removesuffix("\n")) >= 84 - 1
    assert call(*words, "--seed", "6").out != first.out


def test_a_file_holds_exactly_prompt_and_text(call, made: Path, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("old stone\n", encoding="utf-8")
    out = tmp_path / "w.txt"
    told = call("generate", made / "small.seq", "--prompt-file", prompt, "--length", 40,
                "--temperature", 0, "--out", out)  # fmt: skip
    assert told.code == 0, told.err
    written = out.read_text(encoding="utf-8")
    assert written.startswith("old stone\n")
    assert len(written) == len("old stone\n") + 40
    assert "small" not in told.err


def test_without_wishes_the_project_decides(call, project: Path) -> None:
    new = project.read_text(encoding="utf-8").replace('"length": 400', '"length": 7')
    project.write_text(new, encoding="utf-8")
    assert len(call("generate", project, "--prompt", "a").out.removesuffix("\n")) in {7, 8}


def test_an_unknown_character_in_the_prompt_is_named(call, made: Path) -> None:
    told = call("generate", made / "small.seq", "--prompt", "ünder")
    assert told.code == 2
    assert "characters that the model does not know: ü." in told.err
    assert told.out == ""


def test_a_text_that_is_no_tune_is_told_with_the_reason(call, made: Path, tmp_path: Path) -> None:
    for ending in ("abc", "mid", "wav"):
        out = tmp_path / f"t.{ending}"
        told = call("generate", made / "small.seq", "--length", "30", "--out", out)
        assert told.code == 2
        assert "The text is no tune: it has no " in told.err
        assert not out.exists()


def test_a_model_of_numbers_cannot_write(call, tmp_path: Path) -> None:
    path = tmp_path / "a.seq"
    assert call("new", "adding-rnn", path, "--set", "hidden=4", "--set", "data.length=6",
                "--set", "batch=4").code == 0  # fmt: skip
    assert call("train", path, "--steps", "2", "--threads", "1").code == 0
    told = call("generate", path)
    assert told.code == 2
    assert "rnn-1 cannot write: it reads no tokens" in told.err


def test_music_files_play_the_first_whole_tune() -> None:
    text = "X:1\nT:Silent\nK:C\n\n" + TUNE + "\nX:3\nT:Cut\nK:D\nDE"
    abc = file_bytes(text, ".abc").decode()
    assert abc == TUNE
    score = read_midi(file_bytes(text, ".mid"))
    assert [note.pitch for note in score.notes] == [60, 62, 64, 65, 67, 69, 71, 72]
    with wave.open(io.BytesIO(file_bytes(text, ".wav"))) as sound:
        seconds = sound.getnframes() / sound.getframerate()
    assert seconds == pytest.approx(4 + 1.5, abs=0.01)


def test_a_tune_cut_off_at_the_end_counts_only_when_there_is_no_other() -> None:
    cut = "X:3\nT:Cut\nK:D\nDE"
    assert "Scale" in first_tune(TUNE + "\n" + cut).text
    assert "Cut" in first_tune(cut).text
    assert read_tune(first_tune(cut).text).broken == ""
    with pytest.raises(MusicError):
        first_tune("X:1\nK:C\n")


# ------------------------------------------------------------------------------------ evaluate


def test_evaluate_measures_the_whole_held_out_part(call, made: Path) -> None:
    folder = made / "small.runs" / "lstm-1"
    model, dataset, _project, step = load_trained(folder, made)
    score = complete_score(model, dataset, 16, carry=True)
    (found,) = call("evaluate", made / "small.seq", "--json").records
    assert found["loss"] == pytest.approx(score.loss, abs=1e-9)
    assert found["accuracy"] == pytest.approx(score.accuracy)
    assert found["predictions"] == score.count
    assert found["perplexity"] == pytest.approx(math.exp(score.loss))
    assert found["bits"] == pytest.approx(score.loss / math.log(2))
    assert found["chance"] == pytest.approx(math.log(len(dataset.vocabulary.symbols)))
    assert found["step"] == step == 20
    told = call("evaluate", made / "small.seq")
    assert f"{score.loss:.3f}  nats per character, above the floor by" in told.out


def test_evaluate_on_a_text_counts_what_it_does_not_know(call, made: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("the river runs under old stone bridges ÄÄ7 " * 20, encoding="utf-8")
    (found,) = call("evaluate", made / "small.seq", "--data", own, "--json").records
    assert found["unknown"] == 60
    assert found["unknown_kinds"] == ["7", "Ä"]
    assert found["data"] == "own.txt"
    assert 0 < found["floor"] < found["chance"]
    told = call("evaluate", made / "small.seq", "--data", own)
    assert "left out      60 characters that the model does not know: 7, Ä" in told.out
    own.write_text("ÄÖÜ" * 50, encoding="utf-8")
    told = call("evaluate", made / "small.seq", "--data", own)
    assert told.code == 2
    assert "the model knows none of its characters" in told.err


def test_a_book_is_measured_tune_by_tune_without_its_broken_ones(call, tmp_path: Path) -> None:
    bars = ("DEFG A2B2", "A2F2 G2E2", "F2A2 D4", "d2cB A2G2")
    tunes = [
        f"X:{n}\nM:4/4\nL:1/8\nK:D\n{f'{bar}|{bars[0]}|' * 4}\n" for n, bar in enumerate(bars)
    ]
    book, path = tmp_path / "book.abc", tmp_path / "a.seq"
    book.write_text("\n".join(tunes), encoding="utf-8")
    sizes = ("hidden=8", "embedding.width=4", "batch=2", "window=8", "dropout.share=0")
    sets = [word for size in sizes for word in ("--set", size)]
    assert call("new", "abc-lstm", path, "--data", book, *sets).code == 0
    assert call("train", path, "--steps", "2", "--threads", "1").code == 0
    clean, broken = tmp_path / "clean.abc", tmp_path / "broken.abc"
    clean.write_text("\n".join(tunes[:2]), encoding="utf-8")
    broken.write_text("\n".join([*tunes[:2], "X:8\nK:D\n"]), encoding="utf-8")
    (found,) = call("evaluate", path, "--data", broken, "--json").records
    (wanted,) = call("evaluate", path, "--data", clean, "--json").records
    assert found["loss"] == wanted["loss"]
    assert found["predictions"] == wanted["predictions"] > 150


def test_a_task_has_no_perplexity_and_takes_no_text(call, tmp_path: Path, text: Path) -> None:
    path = tmp_path / "a.seq"
    assert call("new", "adding-lstm", path, "--set", "hidden=4", "--set", "data.length=6",
                "--set", "batch=4").code == 0  # fmt: skip
    assert call("train", path, "--steps", "2", "--threads", "1").code == 0
    (found,) = call("evaluate", path, "--json").records
    assert found["unit"] == "mean squared error"
    assert found["perplexity"] is None
    assert found["accuracy"] is None
    assert found["floor"] == pytest.approx(1 / 6)
    assert "perplexity" not in call("evaluate", path).out
    told = call("evaluate", path, "--data", text)
    assert told.code == 2
    assert "learns from generated data" in told.err


# ------------------------------------------------------------------------------------- inspect


def test_gradients_as_arrays_and_as_lines_are_the_same_numbers(
    call, made: Path, tmp_path: Path
) -> None:
    for ending in ("npz", "csv"):
        out = tmp_path / f"g.{ending}"
        assert call("inspect", "gradients", made / "small.seq", "--out", out).code == 0
    with np.load(tmp_path / "g.npz", allow_pickle=False) as arrays:
        named = {name: arrays[name] for name in arrays.files}
    assert named["step"] == 20
    assert len(named["tokens"]) == 16
    total = named["time.lstm.0.total_h"]
    assert total.shape == (16,)
    assert np.all(total > 0)
    # the last state is used by its own output alone, so all of its gradient is direct
    assert total[-1] == pytest.approx(named["time.lstm.0.direct_h"][-1], rel=1e-6)
    assert named["horizon.lstm.dl_dh.median"][0] == 0
    with (tmp_path / "g.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    times = [float(r["value"]) for r in rows if r["what"] == "time" and r["quantity"] == "total_h"]
    assert times == pytest.approx(total.tolist())
    horizon = [r for r in rows if r["what"] == "horizon" and r["quantity"] == "dl/dh"]
    assert [float(r["value"]) for r in horizon] == pytest.approx(
        named["horizon.lstm.dl_dh.median"].tolist(), nan_ok=True
    )


def test_gradients_of_a_text_of_ones_own(call, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "g.npz"
    told = call("inspect", "gradients", made / "small.seq", "--text", "the ünder", "--out", out)
    assert told.code == 0
    assert "left out as unknown: ü" in told.out
    with np.load(out) as arrays:
        assert "".join(arrays["tokens"]) == "the nde"
    told = call("inspect", "gradients", made / "small.seq", "--text", "the", "--out", out)
    assert told.code == 2
    assert "too short to look at" in told.err


def test_attention_weights_are_rows_of_shares(call, tmp_path: Path, text: Path) -> None:
    path = tmp_path / "a.seq"
    sizes = ("batch=2", "window=12", "embedding.width=8", "heads=2")
    sets = [word for size in sizes for word in ("--set", size)]
    assert call("new", "char-attention", path, "--data", text, *sets).code == 0
    assert call("train", path, "--steps", "2", "--threads", "1").code == 0
    words = ("inspect", "attention", path, "--text", "river boats", "--out")
    assert call(*words, tmp_path / "a.npz").code == 0
    assert call(*words, tmp_path / "a.csv").code == 0
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        weights, masked = arrays["attention.self_attention.0"], arrays["masked.self_attention.0"]
        assert "".join(arrays["tokens"]) == "river boats"
    assert weights.shape == (2, 11, 11)
    assert weights.sum(-1) == pytest.approx(np.ones((2, 11)), abs=1e-6)
    assert np.all(weights[:, masked] == 0)
    assert masked.sum() == 11 * 10 / 2
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 11 * 12 / 2
    row = rows[5]
    place = (int(row["head"]), int(row["query"]), int(row["key"]))
    assert float(row["weight"]) == pytest.approx(float(weights[place]))


def test_a_model_without_attention_says_so(call, made: Path, tmp_path: Path) -> None:
    told = call("inspect", "attention", made / "small.seq", "--out", tmp_path / "a.npz")
    assert told.code == 2
    assert "lstm-1 has no attention to look at" in told.err


# -------------------------------------------------------------------------------------- export

LOAD_ALONE = """
import importlib.util, pathlib, sys
import numpy as np
import torch
sys.meta_path = [each for each in sys.meta_path if "editable" not in repr(each)]
sys.path = [p for p in sys.path if not (pathlib.Path(p or ".") / "seqstudio").exists()]
assert importlib.util.find_spec("seqstudio") is None
for name in sys.argv[1:]:
    folder = pathlib.Path(name)
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    model = found.Model()
    found.load_weights(model, folder / "weights.safetensors")
    model.eval()
    with torch.no_grad():
        outputs, state = model(torch.from_numpy(np.load(folder / "inputs.npy")))
    np.save(folder / "outputs.npy", outputs.numpy())
assert not any(name.partition(".")[0] == "seqstudio" for name in sys.modules)
"""
SIZES = {
    "char-lstm": ("hidden=16", "embedding.width=8", "training.window=12"),
    "char-gpt": ("embedding.width=12", "layers=2", "heads=2", "training.window=12"),
    "char-attention": ("embedding.width=8", "heads=2", "training.window=12"),
    "hello-rnn": (),
    "adding-lstm": ("hidden=6", "data.length=8"),
}


def test_exported_models_need_only_torch_and_give_the_same_numbers(
    call, tmp_path: Path, text: Path
) -> None:
    expected = {}
    for name, sizes in SIZES.items():
        path, folder = tmp_path / f"{name}.seq", tmp_path / name
        data = ("--data", text) if name.startswith("char") else ()
        sets = [word for size in (*sizes, "batch=2") for word in ("--set", size)]
        assert call("new", name, path, *data, *sets).code == 0
        assert call("train", path, "--steps", "1", "--threads", "1").code == 0
        told = call("export", path, "--format", "pytorch", "--out", folder)
        assert told.code == 0, told.err
        run = next((tmp_path / f"{name}.runs").iterdir())
        model, dataset, _project, _step = load_trained(run, tmp_path)
        inputs = np.random.default_rng(1).integers(0, 4, (2, 7))
        if dataset.vector_width:
            inputs = np.random.default_rng(1).random((2, 8, 2), np.float32)
        np.save(folder / "inputs.npy", inputs)
        with torch.no_grad():
            expected[folder] = model(torch.from_numpy(inputs))[0].numpy()
    done = subprocess.run(
        [sys.executable, "-c", LOAD_ALONE, *map(str, expected)],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for folder, outputs in expected.items():
        assert np.load(folder / "outputs.npy") == pytest.approx(outputs, abs=1e-6)
        told = (folder / "README.txt").read_text(encoding="utf-8")
        assert "load_weights(model, 'weights.safetensors')" in told


def test_a_project_without_a_run_is_exported_without_weights(
    call, tmp_path: Path, text: Path
) -> None:
    path, folder = tmp_path / "a.seq", tmp_path / "out"
    assert call("new", "char-gru", path, "--data", text).code == 0
    told = call("export", path, "--format", "pytorch", "--out", folder)
    assert told.code == 0
    assert "no weights" in told.out
    files = {"model.py", "train.py", "train.npy", "README.txt"}
    assert {each.name for each in folder.iterdir()} == files
    compile((folder / "model.py").read_text(encoding="utf-8"), "model.py", "exec")
