"""Sound or MIDI devices as one JSON line: `python -m seqstudio.audio.report sound|midi`.

A program of its own: a broken driver may hang or take the process with it.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def sound_report() -> dict[str, Any]:
    """Return "portaudio" (its version) and "outputs", the names of devices that can play.

    Raises:
        OSError: The PortAudio library is not installed.
    """
    import sounddevice

    devices = sounddevice.query_devices()
    return {
        "portaudio": sounddevice.get_portaudio_version()[1],
        "outputs": [each["name"] for each in devices if each["max_output_channels"] > 0],
    }


def midi_report() -> dict[str, Any]:
    """Return "outputs" and "inputs", the names of live MIDI ports.

    Raises:
        ImportError: python-rtmidi, the extra `midi`, is not installed.
    """
    rtmidi = importlib.import_module("rtmidi")  # an extra, and it carries no types
    return {"outputs": rtmidi.MidiOut().get_ports(), "inputs": rtmidi.MidiIn().get_ports()}


if __name__ == "__main__":
    answer = {"sound": sound_report, "midi": midi_report}[sys.argv[1]]()
    sys.stdout.write(json.dumps(answer) + "\n")
