"""MIDI ports by name. They need python-rtmidi and a MIDI system; without, a sentence says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mido

from seqstudio.core.errors import DeviceError

#: What a port in hands over, in a thread of the driver: a `mido.Message`.
Heard = Callable[[Any], None]
_MISSING = (
    "No MIDI ports: the Python package python-rtmidi is missing. Install it and start again; "
    "everything else works without it."
)
_NO_SYSTEM = (
    "No MIDI ports: this computer has no MIDI system that answers. Everything else works "
    "without it."
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Names of the ports there are.

    Attributes:
        outputs: Ports that notes can be sent to.
        inputs: Ports that notes come from.
        message: Why there are none, "" where MIDI works.
    """

    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    message: str = ""


class MidiSystem:
    """The ports of a backend of mido; tests give one of their own.

    Args:
        backend: Like the module mido: `get_output_names`, `get_input_names`, `open_output`,
            `open_input`.
    """

    def __init__(self, backend: Any = mido) -> None:
        self._backend = backend

    def ports(self) -> Ports:
        """Return the names of the ports; takes a while."""
        try:
            outputs = tuple(dict.fromkeys(self._backend.get_output_names()))
            inputs = tuple(dict.fromkeys(self._backend.get_input_names()))
        except ImportError:
            return Ports(message=_MISSING)
        except Exception:  # noqa: BLE001 - python-rtmidi raises types of its own
            return Ports(message=_NO_SYSTEM)
        return Ports(outputs, inputs)

    def open_output(self, name: str) -> Any:
        """Return an open port to send to.

        Raises:
            DeviceError: It does not open.
        """
        try:
            return self._backend.open_output(name)
        except Exception as error:
            raise _refusal(name, error) from error

    def open_input(self, name: str, heard: Heard) -> Any:
        """Return an open port that hands every message to `heard`, in a thread of its own.

        Raises:
            DeviceError: It does not open.
        """
        try:
            return self._backend.open_input(name, callback=heard)
        except Exception as error:
            raise _refusal(name, error) from error


def _refusal(name: str, error: Exception) -> DeviceError:
    if isinstance(error, ImportError):
        return DeviceError(f"the MIDI port {name} does not open", "python-rtmidi is missing")
    return DeviceError(
        f"the MIDI port {name} does not open", str(error), "check that it is connected"
    )
