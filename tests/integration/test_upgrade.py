"""An engine is replaced by another while scrapers pick, renew, report and download over a leased address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipv6console.client import IPv6Client
from ipv6console.client.errors import IPv6ConsoleError
from ipv6console.wire.event import EventFilter
from ipv6console.wire.state import EngineState
from ipv6console.wire.status import Level

pytestmark = pytest.mark.privileged

PATIENCE = 60.0
PREFIX = "2001:db8:5::/64"
SITE = "2001:db8:5::1"
HERE = Path(__file__).parent
PROGRAM = (sys.executable, "-W", "error", "-m", "ipv6console")

Eventually = Callable[..., None]


class Edge:
    """A host with a prefix, an engine and scrapers in one network namespace, and the site beyond its link in another."""

    def __init__(self, folder: Path, eventually: Eventually) -> None:
        self.folder = folder
        self.socket = folder / "e.sock"
        self.config = folder / "c.toml"
        self._eventually = eventually
        self._started: list[subprocess.Popen[str]] = []
        self._host = self._holder()
        self._isp = self._holder()

    def _holder(self) -> subprocess.Popen[str]:
        holder = self._begin("unshare", "-n", "sh", "-c", "ip link set lo up && echo ready && exec sleep 1000")
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        return holder

    def _begin(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._started.append(process)
        return process

    def _inside(self, holder: subprocess.Popen[str]) -> tuple[str, ...]:
        return ("nsenter", "-n", "-t", str(holder.pid))

    def ip(self, holder: subprocess.Popen[str], words: str) -> None:
        subprocess.run([*self._inside(holder), "ip", *words.split()], check=True, timeout=PATIENCE)

    def build(self, ndp: str) -> None:
        self.ip(self._host, f"link add up0 type veth peer name isp0 netns {self._isp.pid}")
        for holder, name, address in ((self._host, "up0", "2001:db8:5::2/64"), (self._isp, "isp0", f"{SITE}/64")):
            self.ip(holder, f"link set {name} up")
            self.ip(holder, f"-6 address add {address} dev {name} nodad")
        self.ip(self._host, f"-6 route add default via {SITE}")
        site = self._begin(*self._inside(self._isp), sys.executable, str(HERE / "slow_site.py"))
        assert site.stdout is not None
        assert site.stdout.readline() == "ready\n"
        self.config.write_text(
            f'[engine]\nlisten = ["127.0.0.1:16000"]\nsocket = "{self.socket}"\nstate_dir = "{self.folder}"\n'
            f'[check]\nurls = ["http://[{SITE}]:8080/ip"]\n[network]\nndp = "{ndp}"\n'
        )
        self._begin(*self._inside(self._host), *PROGRAM, "serve", "--config", str(self.config))
        self._eventually(lambda: self._idle() >= 10, "the pool is filled", PATIENCE)

    def _idle(self) -> int:
        try:
            with self.client() as client:
                return client.state().pool.idle
        except IPv6ConsoleError:
            return 0

    def client(self) -> IPv6Client:
        return IPv6Client(socket=self.socket, timeout=PATIENCE)

    def engine(self) -> EngineState:
        with self.client() as client:
            return client.state().engine

    def scrape(self) -> Scrapers:
        process = self._begin(*self._inside(self._host), sys.executable, str(HERE / "scrapers.py"), SITE)
        return Scrapers(process, self._eventually)

    def watch_routes(self) -> Callable[[], list[str]]:
        """Return a function that returns what the kernel has told of routes since now."""
        told = (self.folder / "routes").open("w+")
        command = (*self._inside(self._host), "ip", "-6", "monitor", "route")
        self._started.append(subprocess.Popen(command, stdout=told, text=True))
        marks = iter(range(1, 1_000))

        def seen() -> list[str]:
            mark = f"2001:db8:ffff::{next(marks)}"

            def marked() -> bool:
                self.ip(self._host, f"-6 route replace local {mark} dev lo")
                self.ip(self._host, f"-6 route del local {mark} dev lo")
                return mark in (self.folder / "routes").read_text()

            self._eventually(marked, "the monitor has told everything up to now", PATIENCE)
            return (self.folder / "routes").read_text().splitlines()

        seen()
        told.close()
        return seen

    def forget_neighbours(self) -> None:
        """Let the router ask again who has the addresses."""
        self.ip(self._isp, "-6 neigh flush dev isp0")

    def upgrade(self) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, "upgrade", "--socket", str(self.socket)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * PATIENCE)

    def close(self) -> None:
        for process in reversed(self._started):
            process.terminate()
            process.wait(PATIENCE)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


class Scrapers:
    """What the scrapers have met."""

    def __init__(self, process: subprocess.Popen[str], eventually: Eventually) -> None:
        self._process = process
        self._eventually = eventually

    def now(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("now\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def go_on(self) -> dict[str, Any]:
        """Wait until everything has gone on from here, and return how it stands then."""
        before = self.now()

        def further() -> bool:
            now = self.now()
            return bool(now["failures"]) or all(
                now[what] > before[what] + 10 for what in ("cycles", "renewed", "streamed")
            )

        self._eventually(further, "picks, renewals and the download go on", PATIENCE)
        return self.now()


@pytest.fixture
def edge(tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    edge = Edge(tmp_path, eventually)
    try:
        yield edge
    finally:
        edge.close()


def test_an_engine_is_replaced_under_load_and_nobody_notices(edge: Edge) -> None:
    edge.build("responder")
    before = edge.engine()
    scrapers = edge.scrape()
    routes = edge.watch_routes()
    scrapers.go_on()
    done = edge.upgrade()
    assert done.returncode == 0, done.stderr
    edge.forget_neighbours()
    told = scrapers.go_on()
    assert told["failures"] == []
    assert [line for line in routes() if "Deleted local 2001:db8:5::/64" in line] == []
    after = edge.engine()
    assert after.pid == before.pid
    assert after.started_at > before.started_at
    with edge.client() as client:
        rows = client.leases("held").leases
        assert [row.addr for row in rows] == [told["addr"]]
        kinds = {event.kind for event in client.events(before.last_event, 1_000).events}
    assert kinds & {"lease.lost", "lease.expired", "engine.crashed", "prefix.gone", "prefix.withdrawn"} == set()


def test_an_engine_whose_successor_could_not_start_goes_on_and_its_daemon_is_replaced_with_it_later(edge: Edge) -> None:
    edge.build("ndppd")
    before = edge.engine()
    settings = edge.config.read_text()
    edge.config.write_text("[engine]\nlisten = 3\n")
    done = edge.upgrade()
    assert done.returncode == 1
    assert "the engine goes on as it is: its successor cannot start:" in done.stderr
    assert "engine.listen" in done.stderr
    assert edge.engine().started_at == before.started_at
    with edge.client() as client:
        [event] = client.events(before.last_event, 10, EventFilter(kind="upgrade.")).events
        [ndppd] = [row.pid for row in client.state().ndp]
    assert event.data["fix"] == "mend that and ask again"
    edge.config.write_text(settings)
    assert edge.upgrade().returncode == 0
    with edge.client() as client:
        [row] = client.state().ndp
    assert row.level is Level.OK
    assert row.pid not in {None, ndppd}
    assert not Path(f"/proc/{ndppd}").exists(), "the one before is neither left behind nor unburied"
