"""A server of the lab beside the web site: what starts it, and how it is told apart that it listens."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from ipv6console.lab.error import LabError

_LOOK_EVERY = 0.02
_LAST_LINES = 10


@dataclass(frozen=True, slots=True)
class Service:
    """Started by `command`, it writes `ready` when it listens on `address`; `secret` is the file its callers need."""

    name: str
    command: list[str]
    ready: str
    address: IPv6Address
    secret: Path

    def wait_until_ready(self, pid: int, log: Path, patience: float) -> None:
        """Return when the process `pid` has written to `log` that it listens. Raises LabError when it does not."""
        deadline = time.monotonic() + patience
        while self.ready not in (told := log.read_text(errors="replace")):
            # It stays to be reaped by whoever started it.
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None or time.monotonic() > deadline:
                why = "has ended" if ended is not None else f"is not ready after {patience:g} s"
                lines = told.splitlines()[-_LAST_LINES:]
                raise LabError(
                    f"{self.name} of the lab {why}",
                    "\n".join(["It wrote:", *lines] if lines else ["It wrote nothing."]),
                )
            time.sleep(_LOOK_EVERY)
