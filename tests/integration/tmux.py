"""A tmux of its own inside a lab: terminals that are typed into and read, as an operator would."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from tests.integration.conftest import Lab

_LOOK_EVERY = 0.05
_STYLE, _GROUND = r"\x1b\[[0-9;]*m", r"\x1b\[48;[0-9;]*m"


class Tmux:
    """One session on the lab's egress host, a shell in each pane; it ends with the lab.

    `unset` are variables of the lab's environment that its shells are not to have.
    """

    def __init__(self, lab: Lab, folder: Path, *, columns: int, rows: int, unset: tuple[str, ...] = ()) -> None:
        self._socket = folder / "tmux"
        # COLUMNS and LINES win over a terminal's own size, and a plugin of pytest sets them.
        without = (word for name in ("COLUMNS", "LINES", *unset) for word in ("-u", name))
        size = ("-x", str(columns), "-y", str(rows))
        started = lab.run(
            "env", *without, "tmux", "-S", str(self._socket), "-f", "/dev/null",
            "new-session", "-d", "-s", "lab", *size, "sh",
        )  # fmt: skip
        assert started.code == 0, started

    def split(self, rows: int) -> int:
        """Open a pane of `rows` below the first and return its number; the first keeps the rest."""
        return int(self._ask("split-window", "-d", "-v", "-l", str(rows), "-P", "-F", "#{pane_index}", "sh"))

    def press(self, *keys: str, pane: int = 0) -> None:
        """Press keys by tmux's names for them, one after the other."""
        self._ask("send-keys", "-t", f"lab:0.{pane}", *keys)

    def type(self, text: str, *, pane: int = 0) -> None:
        """Type `text` as it is, and Enter."""
        self.write(text, pane=pane)
        self.press("Enter", pane=pane)

    def write(self, text: str, *, pane: int = 0) -> None:
        """Type `text` as it is."""
        self._ask("send-keys", "-t", f"lab:0.{pane}", "-l", text)

    def reset(self, *, pane: int = 0) -> None:
        """Clear a pane as `reset` would, unknown to whoever runs in it."""
        self._ask("send-keys", "-R", "-t", f"lab:0.{pane}")

    def text(self, *, pane: int = 0, styled: bool = False) -> str:
        """What a pane shows, `styled` with the sequences for colours and the like."""
        return self._ask("capture-pane", "-p", *(["-e"] if styled else []), "-t", f"lab:0.{pane}")

    def process(self, *, pane: int = 0) -> int:
        """The process of a pane's shell, as numbered inside the lab."""
        return int(self._ask("display-message", "-p", "-t", f"lab:0.{pane}", "#{pane_pid}"))

    def wait_for(self, pattern: str, within: float, *, pane: int = 0, styled: bool = False) -> None:
        """Wait until what a pane shows has `pattern` in it."""
        deadline = time.monotonic() + within
        while re.search(pattern, shown := self.text(pane=pane, styled=styled)) is None:
            assert time.monotonic() < deadline, f"not within {within:g} s: {pattern}\n{shown}"
            time.sleep(_LOOK_EVERY)

    def wait_for_focus(self, text: str, within: float) -> None:
        """Wait until a line to type into has its cursor on the first letter of `text`, or a button `text` its own colour."""
        first, rest, whole = map(re.escape, (text[0], text[1:], text))
        line, button = rf"{first}(?:{_STYLE})+{rest}", rf"{_GROUND} +{_GROUND} +(?:{_STYLE})+ {whole} "
        self.wait_for(f"{line}|{button}", within, styled=True)

    def _ask(self, *command: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *command], capture_output=True, text=True, check=False, timeout=10
        )
        assert done.returncode == 0, f"tmux {' '.join(command)}: {done.stderr}"
        return done.stdout
