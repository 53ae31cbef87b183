"""Keys as a file: JSON that can be given to somebody else. A stranger's file is data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from seqstudio.core.errors import SeqError
from seqstudio.studio.keys.action import key_text
from seqstudio.studio.keys.presets import PRESETS, SEQSTUDIO

FORMAT, VERSION = "seqstudio keys", 1
LONGEST = 1_000_000  # characters of a file
MOST_ACTIONS, MOST_KEYS, LONGEST_KEY = 1_000, 8, 60
HINT = "Choose a file that was made with Export in Keyboard shortcuts"


class KeysFileError(SeqError):
    """A file of keys cannot be read or written."""


@dataclass(frozen=True)
class KeysFile:
    """What a file of keys says: the preset it starts from, and keys by action."""

    preset: str
    keys: Mapping[str, tuple[str, ...]]


def written_keys(preset: str, keys: Mapping[str, tuple[str, ...]]) -> str:
    """Return preset and keys as the text of a file."""
    content = {"format": FORMAT, "version": VERSION, "preset": preset,
               "keys": {name: list(texts) for name, texts in keys.items()}}  # fmt: skip
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_keys(text: str) -> KeysFile:
    """Return what the text of a file says; ids of actions are not looked up here.

    Raises:
        KeysFileError: It is too long, no JSON, or not in this format; the error says where.
    """
    if len(text) > LONGEST:
        raise _refused(f"it has more than {LONGEST:,} characters")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused("it is not JSON") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _refused(f'its "format" is not "{FORMAT}"')
    if content.get("version") != VERSION:
        newer = "Update SeqStudio, or export the keys from this version"
        raise _refused(f"it has version {str(content.get('version'))[:20]}", newer)
    return KeysFile(_preset(content.get("preset", SEQSTUDIO)), _keys(content.get("keys")))


def _preset(name: object) -> str:
    if not isinstance(name, str) or name not in PRESETS:
        raise _refused(f"there is no preset {str(name)[:40]!r}", f"Known: {', '.join(PRESETS)}")
    return name


def _keys(entries: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(entries, dict):
        raise _refused('it has no table "keys"')
    if len(entries) > MOST_ACTIONS:
        raise _refused(f"it names more than {MOST_ACTIONS:,} actions")
    return {name: _texts(name[:60], texts) for name, texts in entries.items()}


def _texts(name: str, texts: object) -> tuple[str, ...]:
    if not isinstance(texts, list) or len(texts) > MOST_KEYS:
        raise _refused(f"{name!r} has no list of at most {MOST_KEYS} keys")
    return tuple(_one(name, text) for text in texts)


def _one(name: str, text: object) -> str:
    key = key_text(text) if isinstance(text, str) and len(text) <= LONGEST_KEY else ""
    if not key:
        raise _refused(f"{str(text)[:40]!r} of {name!r} is not a key")
    return key


def _refused(why: str, hint: str = HINT) -> KeysFileError:
    return KeysFileError("These keys cannot be read", why, hint)
