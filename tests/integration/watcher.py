"""A scraper that picks all the while a prefix changes, and when the kernel had the new one: `watcher.py INTERFACE PREFIX`.

PREFIX is how addresses of the new prefix begin. It says "watching", picks until it has had three seconds of the new prefix
(15 at most), and then writes one JSON line: `usable_at`, when an address of it was no longer tentative, and `picks`, each
with when it was asked, when it was answered, and the address or null. Times are unix seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

from ipv6console.client import EngineRefused, IPv6Client

LONGEST, AFTERWARDS, PAUSE = 15.0, 3.0, 0.005


class Look(threading.Thread):
    """Asks the kernel until it has a usable address that begins so."""

    def __init__(self, interface: str, begin: str) -> None:
        super().__init__(daemon=True)
        self._interface, self._begin = interface, begin
        self.usable_at: float | None = None

    def run(self) -> None:
        command = ["ip", "-6", "-j", "address", "show", "dev", self._interface]
        while self.usable_at is None:
            links = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            items = [item for link in links for item in link.get("addr_info", [])]
            if any(item.get("local", "").startswith(self._begin) and not item.get("tentative") for item in items):
                self.usable_at = time.time()


def main(interface: str, begin: str) -> None:
    look = Look(interface, begin)
    look.start()
    picks: list[tuple[float, float, str | None]] = []
    until, first = time.time() + LONGEST, None
    with IPv6Client() as client:
        sys.stdout.write("watching\n")
        sys.stdout.flush()
        while time.time() < until and (first is None or time.time() < first + AFTERWARDS):
            began = time.time()
            try:
                reply = client.pick("watcher", ttl=60)
            except EngineRefused:
                picks.append((began, time.time(), None))
                continue
            picks.append((began, time.time(), reply.addr))
            if reply.addr is not None:
                client.report(reply.addr, "idle", "watcher", lease=reply.lease)
                if first is None and reply.addr.startswith(begin):
                    first = time.time()
            time.sleep(PAUSE)
    sys.stdout.write(json.dumps({"usable_at": look.usable_at, "picks": picks}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
