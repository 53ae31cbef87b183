"""Files of a tune: each kind holds the same notes, sound is what the band plays."""

from __future__ import annotations

import builtins
import io
import wave
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from seqstudio.core.errors import MusicError
from seqstudio.music.abc import read_tune
from seqstudio.music.midi import read_midi
from seqstudio.music.score import Note, Score, Track
from seqstudio.music.synth import RATE, render
from seqstudio.music.tune_files import (
    KINDS,
    TAIL_S,
    CancelledError,
    flac_bytes,
    rendered,
    tune_bytes,
)
from seqstudio.music.wav import wav_bytes


@dataclass(frozen=True)
class Player:
    voice: int
    instrument: str
    gain: float = 1.0
    pan: float = 0.0
    muted: bool = False


SCORE = Score(
    (Note(60, Fraction(0), Fraction(1, 2)), Note(67, Fraction(1, 2), Fraction(1, 2), voice=1)),
    tempo_bpm=180.0,
    tracks=(Track(0, "A", 0), Track(1, "B", 73)),
)


def nothing(_share: float) -> None:
    """Progress that nobody watches."""


def test_text_files_hold_the_notes() -> None:
    midi = read_midi(tune_bytes(SCORE, ".mid"))
    assert [(n.pitch, n.start, n.length) for n in midi.notes] == [
        (n.pitch, n.start, n.length) for n in SCORE.notes
    ]
    assert {n.pitch for n in read_tune(tune_bytes(SCORE, ".abc").decode()).score.notes} == {60, 67}
    assert b"<score-partwise" in tune_bytes(SCORE, ".musicxml")


def test_abc_is_kept_as_it_was_written_and_written_anew_for_other_texts() -> None:
    text = "X:7\nT:Own\nK:C\n%%odd\nC D|"
    assert tune_bytes(SCORE, ".abc", text) == (text + "\n").encode()
    assert tune_bytes(SCORE, ".abc", "Bar Position_0").startswith(b"X:1\n")


def test_sound_is_what_the_band_renders() -> None:
    assert np.array_equal(rendered(SCORE, (), nothing), render(SCORE, tail_s=TAIL_S))


def test_players_choose_instrument_gain_and_silence() -> None:
    both = rendered(SCORE, [Player(0, "organ"), Player(1, "flute")], nothing)
    assert np.array_equal(both, render(SCORE, {0: "organ", 1: "flute"}, tail_s=TAIL_S))
    silent = rendered(SCORE, [Player(0, "organ", muted=True), Player(1, "flute", 0.0)], nothing)
    assert np.abs(silent).max() < 1e-3
    half = round(0.5 * 60 / 180 * RATE)
    muted = rendered(SCORE, [Player(0, "organ", muted=True)], nothing)
    assert np.abs(muted[: half - 10]).max() < 1e-3
    assert np.abs(muted[half:]).max() > 0.01


def test_progress_rises_and_can_end_the_work() -> None:
    shares: list[float] = []
    tune_bytes(SCORE, ".wav", progress=shares.append)
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert len(shares) > 3

    def stop(share: float) -> None:
        if share > 0.3:
            raise CancelledError

    with pytest.raises(CancelledError):
        tune_bytes(SCORE, ".wav", progress=stop)


def test_flac_has_the_frames_of_wav() -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = (0.4 * np.random.default_rng(1).standard_normal((5000, 2))).astype(np.float32)
    found, rate = soundfile.read(io.BytesIO(flac_bytes(samples, RATE)), dtype="int16")
    with wave.open(io.BytesIO(wav_bytes(samples, RATE))) as sound:
        wanted = np.frombuffer(sound.readframes(5000), "<i2").reshape(-1, 2)
    assert rate == RATE
    assert np.array_equal(found, wanted)


def test_without_soundfile_flac_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: object, **named: object) -> object:
        if name == "soundfile":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MusicError, match="FLAC cannot be written here") as caught:
        tune_bytes(SCORE, ".flac")
    assert "pip install soundfile" in caught.value.sentence()


def test_what_cannot_be_saved_is_said() -> None:
    with pytest.raises(MusicError, match=r"A tune is not saved as \.xyz"):
        tune_bytes(SCORE, ".xyz")
    long = Score((Note(60, Fraction(0), Fraction(9000)),), tempo_bpm=120.0)
    with pytest.raises(MusicError, match="too long"):
        tune_bytes(long, ".wav")
    assert set(KINDS) == {".mid", ".abc", ".musicxml", ".wav", ".flac"}
