"""What this user has seen of each engine: the last event and when, kept in the user's state folder."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ipv6console.wire.codec import WireError, decode, encode
from ipv6console.wire.state import State

ENGINES_KEPT = 200
"""The engines looked at last; older ones are forgotten."""


class Unremembered(OSError):
    """The file cannot be read or written; the message names it and the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest event somebody has seen on an engine, and the engine's time then in unix seconds."""

    event: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    engines: dict[str, Seen]
    version: int = 1


def engine_key(state: State) -> str:
    """Return what tells this engine from others for as long as it keeps its events: its host and state folder."""
    return f"{state.engine.host}:{state.engine.state_dir}"


class Memory:
    """The file. Every method reads it anew, since several consoles of one user share it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def recall(self, engine: str) -> Seen | None:
        """Return what was seen of `engine`, None when it is not known; raises Unremembered."""
        return self._read().engines.get(engine)

    def keep(self, engine: str, seen: Seen) -> None:
        """Remember `seen`; raises Unremembered. Nobody but the user can read the file."""
        engines = dict(self._read().engines)
        engines[engine] = seen
        newest = sorted(engines.items(), key=lambda item: item[1].at)[-ENGINES_KEPT:]
        text = json.dumps(encode(_File(engines=dict(newest))), indent=1)
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._replace(text)
        except OSError as error:
            raise Unremembered(f"{self._file} cannot be written: {error.strerror}") from error

    def _replace(self, text: str) -> None:
        number, name = tempfile.mkstemp(dir=self._file.parent, prefix=f".{self._file.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _read(self) -> _File:
        try:
            return decode(_File, json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return _File(engines={})
        except OSError as error:
            raise Unremembered(f"{self._file} cannot be read: {error.strerror}") from error
        except (WireError, ValueError) as error:
            raise Unremembered(f"{self._file} is not understood ({error}); remove it") from error
