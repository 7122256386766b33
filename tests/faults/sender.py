"""Sessions that send all the while, also while the engine is dead: `python -m tests.faults.sender FOLDER SOCKET URL`.

Each thread asks URL, which tells every caller its address, and writes a line to its ledger in FOLDER: the address that its
session had before and after, and the one it was seen from; or why nothing was sent. The end of stdin ends them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

import httpx
import requests

from ipv6console.client import IPv6ConsoleError, IPv6Session
from ipv6console.client.requests import IPv6Session as RequestsSession

MIRROR = "sender"
TIMEOUT = 10.0
FEW, MANY = 3, 1_000_000
PAUSE = 0.01

Make = Callable[[], IPv6Session | RequestsSession]


def _httpx(socket: str) -> IPv6Session:
    return IPv6Session(MIRROR, socket=socket, adapt_max_retries=1, adapt_retry_interval=0.1, timeout=TIMEOUT)


def _requests(socket: str) -> RequestsSession:
    return RequestsSession(MIRROR, socket=socket, adapt_max_retries=1, adapt_retry_interval=0.1)


class Sender:
    """One thread's sessions, each of them for `each` requests."""

    def __init__(self, folder: Path, name: str, make: Make, each: int, url: str) -> None:
        self._make, self._each, self._url = make, each, url
        self._ledger = os.open(folder / f"{name}.sent", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._end = threading.Event()
        self.thread = threading.Thread(target=self._work)

    def stop(self) -> None:
        self._end.set()
        self.thread.join()

    def _work(self) -> None:
        while not self._end.wait(PAUSE):
            try:
                with self._make() as session:
                    for _ in range(self._each):
                        if self._end.wait(PAUSE):
                            break
                        self._send(session)
            except (IPv6ConsoleError, httpx.HTTPError, requests.RequestException, OSError) as error:
                self._write(error=type(error).__name__)

    def _send(self, session: IPv6Session | RequestsSession) -> None:
        before = session.addr
        seen = session.get(self._url, timeout=TIMEOUT).text
        self._write(before=before, after=session.addr, seen=seen)

    def _write(self, **entry: object) -> None:
        os.write(self._ledger, (json.dumps(entry) + "\n").encode())


@dataclass
class Sent:
    """What senders wrote down: how often they were answered and why not otherwise, and what broke the rule."""

    folder: Path
    network: IPv6Network
    answered: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    _places: dict[Path, int] = field(default_factory=dict)

    def read(self) -> None:
        """Take in what was written since the last time."""
        for path in sorted(self.folder.glob("*.sent")):
            for entry in self._new(path):
                if "error" in entry:
                    self.refused += 1
                    continue
                self.answered += 1
                seen = entry["seen"]
                if seen not in (entry["before"], entry["after"]) or IPv6Address(seen) not in self.network:
                    self.wrong.append(f"sent from an address that was not the session's: {path.stem} {entry}")

    def _new(self, path: Path) -> Iterator[dict[str, str]]:
        with path.open("rb") as file:
            file.seek(self._places.get(path, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._places[path] = self._places.get(path, 0) + len(line)
                yield json.loads(line)


def main(folder: str, socket: str, url: str) -> None:
    # That a lease cannot be given back to an engine that was killed is what this is about.
    logging.getLogger("ipv6console").setLevel(logging.ERROR)
    senders = [
        Sender(Path(folder), name, make, each, url)
        for name, make, each in (
            ("lasting", lambda: _httpx(socket), MANY),
            ("short", lambda: _httpx(socket), FEW),
            ("requests", lambda: _requests(socket), FEW),
        )
    ]
    for sender in senders:
        sender.thread.start()
    sys.stdin.read()
    for sender in senders:
        sender.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
