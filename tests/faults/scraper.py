"""Scrapers that write down what the engine told them: `python -m tests.faults.scraper FOLDER SOCKET NAME SEED THREADS`.

Each thread keeps one connection, over TCP or the Unix socket, and a ledger of its own in FOLDER: a line before it asks
and a line once it has the whole answer. When its connection breaks it waits. After "parked" on stdout all of them do, and
a line on stdin lets them go on; the end of stdin ends them.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ipv6console.lab.unixhttp import UnixConnection

MIRRORS = ("one", "two")
MOST_HELD = 4
PATIENCE = 30.0
LONGEST = 3_000.0
REST = 0.05
BROKEN = (OSError, http.client.HTTPException)


class Held:
    """A lease of this thread: where it is, and the token unless it goes without."""

    def __init__(self, mirror: str, addr: str, token: str | None, holder: str) -> None:
        self.mirror, self.addr, self.token, self.holder = mirror, addr, token, holder

    def item(self, status: str) -> dict[str, str]:
        shown = {"lease": self.token} if self.token else {}
        return {"addr": self.addr, "status": status, **shown}


class Scraper:
    """One thread's work; its choices come from `seed`."""

    def __init__(self, folder: Path, socket: Path, name: str, seed: str, number: int) -> None:
        self.name = f"{name}.{number}"
        self._chance = random.Random(f"{seed}.{self.name}")
        self._socket, self._number = socket, number
        self._asked = self._status = 0
        self._held: list[Held] = []
        self._unsure: list[tuple[str, list[Held]]] = []
        path = folder / f"{self.name}.ledger"
        self._ledger = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._connection = self._connect()

    def work(self) -> None:
        """Ask until the connection breaks."""
        try:
            while self._unsure:
                # Whoever got no answer to its verdict gives it again; it must count once.
                status, leases = self._unsure.pop()
                self._end(leases, status)
            while True:
                self._choose()
        except BROKEN:
            self._connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._number % 2:
            return UnixConnection(self._socket, PATIENCE)
        return http.client.HTTPConnection("::1" if self._number % 4 else "127.0.0.1", 16000, timeout=PATIENCE)

    def _choose(self) -> None:
        chance = self._chance.random()
        if self._number == 1 and chance < 0.01:
            self._withdraw()
        elif self._number == 1 and chance < 0.02:
            self._spawn()
        elif len(self._held) < MOST_HELD and chance < 0.55:
            self._pick(self._chance.choice(("owned", "owned", "tokenless", "several")))
        elif self._held:
            lease = self._held[self._chance.randrange(len(self._held))]
            if chance < 0.65:
                self._renew(lease)
            elif chance < 0.70 and len(self._held) > 1:
                same = [other for other in self._held if other.mirror == lease.mirror]
                self._end(same, "idle")
            else:
                self._end([lease], "bad" if self._chance.random() < 0.02 else "idle")

    def _pick(self, kind: str) -> None:
        mirror = self._chance.choice(MIRRORS)
        holder = f"{self.name}-{self._asked + 1}"
        query = f"dbname={mirror}&holder={holder}" + ("" if kind == "tokenless" else f"&ttl={LONGEST}")
        path, count = (f"/picks?{query}&num=3", 3) if kind == "several" else (f"/pick?{query}", 1)
        self._ask("pick", mirror=mirror, holder=holder, count=count)
        reply = self._call("GET", path)
        found = (reply.get("leases") or []) if kind == "several" else ([reply] if reply.get("addr") else [])
        leases = [Held(mirror, one["addr"], None if kind == "tokenless" else one["lease"], holder) for one in found]
        self._told(leases=[[one["addr"], one["expires_at"]] for one in found], detail=reply.get("detail"))
        self._held.extend(leases)
        self._refused()

    def _renew(self, lease: Held) -> None:
        about = {"mirror": lease.mirror, "holder": lease.holder, "addr": lease.addr}
        if lease.token is None or self._chance.random() < 0.3:
            self._ask("stretch", **about)
            reply = self._post("/report", {"dbname": lease.mirror, "report_info": lease.item("using")})
            self._told(ok=reply.get("success") is True, detail=reply.get("detail"))
        else:
            ttl = self._chance.uniform(1_000, LONGEST)
            self._ask("renew", **about, ttl=ttl)
            reply = self._post(f"/leases/{lease.token}/renew", {"ttl": ttl})
            self._told(ok=reply.get("success") is True, expires=reply.get("expires_at"), detail=reply.get("detail"))
        if not reply.get("success") and not self._refused():
            self._held.remove(lease)

    def _end(self, leases: list[Held], status: str) -> None:
        self._held = [lease for lease in self._held if lease not in leases]
        mirror = leases[0].mirror
        self._ask("end", mirror=mirror, leases=[[lease.holder, lease.addr] for lease in leases], verdict=status)
        self._unsure.append((status, leases))
        if len(leases) > 1:
            items = [lease.item(status) for lease in leases]
            reply = self._post("/reports", {"dbname": mirror, "report_infos": items})
        elif leases[0].token and status == "idle" and self._chance.random() < 0.3:
            reply = self._call("DELETE", f"/leases/{leases[0].token}")
        else:
            reply = self._post("/report", {"dbname": mirror, "report_info": leases[0].item(status)})
        self._told(ok=reply.get("success") is True, detail=reply.get("detail"))
        self._unsure.pop()
        if self._refused():
            self._held.extend(leases)

    def _spawn(self) -> None:
        self._ask("spawn")
        self._told(addrs=self._call("GET", "/spawns?num=2").get("addrs", []))

    def _withdraw(self) -> None:
        lease = next((lease for lease in self._held if lease.token), None)
        if lease is None:
            return
        plan = self._post("/plan", {"action": "revoke-addresses", "addrs": [lease.addr]})
        if self._status != http.client.OK:
            return
        self._ask("revoke", addr=lease.addr)
        reply = self._post("/apply", {"plan": plan["id"], "reason": "a test"})
        self._told(ok=reply.get("count") == 1, detail=reply.get("detail"))
        if not self._refused():
            self._held.remove(lease)

    def _post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        return self._call("POST", path, json.dumps(document))

    def _call(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        self._status, answer = response.status, json.loads(response.read())
        assert isinstance(answer, dict)
        return answer

    def _refused(self) -> bool:
        """Return whether the last answer was that the engine cannot do it now, and make haste slowly if so."""
        if self._status != http.client.SERVICE_UNAVAILABLE:
            return False
        time.sleep(REST)
        return True

    def _ask(self, act: str, **about: object) -> None:
        self._asked += 1
        self._write(n=self._asked, act=act, at=time.monotonic(), unix=time.time(), **about)

    def _told(self, **what: object) -> None:
        self._write(n=self._asked, told=self._status, at=time.monotonic(), unix=time.time(), **what)

    def _write(self, **entry: object) -> None:
        os.write(self._ledger, (json.dumps(entry) + "\n").encode())


def _end_of_all(problem: threading.ExceptHookArgs) -> None:
    threading.__excepthook__(problem)
    os._exit(1)


def main() -> None:
    threading.excepthook = _end_of_all
    folder, socket, name, seed, threads = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
    scrapers = [Scraper(folder, socket, name, seed, number) for number in range(int(threads))]
    for _ in sys.stdin:
        running = [threading.Thread(target=scraper.work) for scraper in scrapers]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        os.write(1, b"parked\n")


if __name__ == "__main__":
    main()
