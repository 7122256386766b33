"""What the console costs and how quick it is: every row of the targets that is about it, medians of several rounds.

    sudo python benchmarks/console.py [--rounds 5] [ROW ...]
    sudo ipv6console lab run --scrapers 4 -- python benchmarks/console.py idle

ROW is one of table, start, pick, idle; all of them when none is named. Engine and consoles are the real ones, each a
process of its own; the consoles run on pseudo-terminals of 120x40 in a network namespace that ends with the run. Only
the rows of the table drive a console without a terminal (benchmarks/table.py). Inside a lab the lab's engine is used.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import idle, place, table
from benchmarks import row as row_of
from ipv6console.console.app import ConsoleApp
from ipv6console.console.link import Link

SIZE = (120, 40)
POOL = 1_000
RATE, HERTZ = 1_000, 10
SETTLE = 5.0
PATIENCE = 60.0
PROGRAM = (sys.executable, "-m", "ipv6console")
_CONTROL = re.compile(rb"\x1b\[[0-9;:?<>=$]*[ -/]*[@-~]|\x1b[()][0-9A-B]|\x1b[=>78]")

OPEN_LOOP = """
import json, socket, sys, time
target, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
def opened():
    made = socket.socket(socket.AF_UNIX)
    made.connect(target)
    return made
def ask(line, stream, rest, body=""):
    head = f"{line} HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: application/json\\r\\nContent-Length: {len(body)}"
    stream.sendall(f"{head}\\r\\n\\r\\n{body}".encode())
    while b"\\r\\n\\r\\n" not in rest:
        rest += stream.recv(65536)
    head, _, rest = rest.partition(b"\\r\\n\\r\\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\\r\\n")[0])
    while len(rest) < length:
        rest += stream.recv(65536)
    assert head.startswith(b"HTTP/1.1 200"), head
    return json.loads(rest[:length]), rest[length:]
stream, rest, took, held, began = opened(), b"", [], [], time.perf_counter() + 0.1
for number in range(int(rate * seconds)):
    due = began + number / rate
    while (left := due - time.perf_counter()) > 0:
        time.sleep(left)
    given, rest = ask("GET /pick?dbname=bench", stream, rest)
    took.append(time.perf_counter() - due)
    held.append({"addr": given["addr"], "lease": given["lease"], "status": "idle"})
    if len(held) == 100:
        told = json.dumps({"dbname": "bench", "report_infos": held})
        reply, rest = ask("POST /reports", stream, rest, told)
        held = []
print(json.dumps(took))
"""
"""Sends a pick at each of RATE times a second, however long the others took; tells the seconds from that time on."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: its values of each round, the target and what is asked at least, all in `unit`."""

    what: str
    values: list[float]
    unit: str
    target: float
    least: float
    note: str = ""

    def __str__(self) -> str:
        found = statistics.median(self.values)
        verdict = "target met" if found <= self.target else "at least" if found <= self.least else "MISSED"
        spread = f"{min(self.values):.1f}-{max(self.values):.1f}"
        return (
            f"{self.what:<58} {found:8.1f} {self.unit:<2} ({spread}, {len(self.values)} rounds;"
            f" target {self.target:g}, at least {self.least:g})  {verdict}{self.note}"
        )


class Screen:
    """A process on a pseudo-terminal, read all the time, and when what came."""

    def __init__(self, *command: str, environment: dict[str, str] | None = None) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        self._written = b""
        self._changed = threading.Condition()
        unwanted = {"COLUMNS", "LINES", "NO_COLOR"}
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | (environment or {}),
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65_536)
            except OSError:
                return
            with self._changed:
                self._written += data
                self._changed.notify_all()

    def when(self, *texts: str) -> float:
        """Return how many seconds after its start one of `texts` was on the screen."""
        wanted = [text.encode() for text in texts]

        def came() -> bool:
            written = _CONTROL.sub(b"", self._written)
            return any(text in written for text in wanted)

        with self._changed:
            if not self._changed.wait_for(came, PATIENCE):
                sys.exit(
                    f"{texts[0]!r} never came:\n{_CONTROL.sub(b'', self._written).decode(errors='replace')[-3_000:]}"
                )
            return time.perf_counter() - self.began

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> None:
        """Tell it to end, and wait for that."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._reader.join()
        os.close(self._ours)


@contextmanager
def console(*arguments: str) -> Iterator[Screen]:
    screen = Screen(*PROGRAM, *arguments)
    try:
        yield screen
    finally:
        screen.end()


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """Yield the socket of an engine with a full pool; of the lab's, inside a lab."""
    if told := os.environ.get("IPV6CONSOLE_SOCKET"):
        yield told
        return
    command = [*PROGRAM, "serve", "--config", str(place.settings(folder, "routed", POOL))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + PATIENCE
            while (now := idle.state(folder)) is None or now["pool"]["idle"] < POOL:
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"the pool did not fill: {now and now['pool']}\n{(folder / 'log').read_text()}")
                time.sleep(0.1)
            yield str(folder / "engine.sock")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def table_rows(rounds: int, _folder: Path) -> list[Row]:
    """Open the table at 100,000 addresses, press keys while 5,000 of them change a second."""
    opens, keys = [], []
    for _ in range(rounds):
        found = asyncio.run(table.measured(100_000, SIZE, 5_000, 150))
        opens.append(found.opens * 1e3)
        keys.append(table.at(found.busy, 0.95) * 1e3)
    return [
        Row("100,000-row table: open", opens, "ms", 150, 300),
        Row("100,000-row table: key to paint p95 at 5,000 changes/s", keys, "ms", 35, 60),
    ]


def start_rows(rounds: int, folder: Path) -> list[Row]:
    """Start the console: until it paints, until it shows live data, with an engine there and without one."""
    first, attaching, starting, ran = [], [], [], []
    with engine(folder) as target:
        for _ in range(rounds):
            with console("attach", target) as screen:
                first.append(screen.when("Overview") * 1e3)
                attaching.append(screen.when("● live") * 1e3)
                ran.append(idle.seconds_run(screen.process.pid) * 1e3)
    note = f"  [{statistics.median(ran):.0f} ms of a core until live]"
    rows = [
        Row("first paint", first, "ms", 500, 800, note),
        Row("live data, attaching", attaching, "ms", 800, 1_200),
    ]
    if "IPV6CONSOLE_SOCKET" in os.environ:
        return rows
    for number in range(rounds):
        own = folder / f"own-{number}"
        own.mkdir()
        with console("--config", str(place.settings(own, "routed", POOL))) as screen:
            starting.append(screen.when("● live") * 1e3)
            stopped(screen)
    return [*rows, Row("live data, starting the engine", starting, "ms", 1_500, 2_500)]


def stopped(screen: Screen) -> None:
    """Leave a console that owns its engine; nobody holds a lease, so the engine ends too."""
    screen.press("q")
    screen.process.wait(PATIENCE)


def pick_rows(rounds: int, folder: Path) -> list[Row]:
    """Pick 1,000 times a second while a console paints its whole screen 10 times a second."""
    alone, beside = [], []
    with engine(folder) as target:
        for _ in range(rounds):
            alone.append(p99(target))
            screen = Screen(sys.executable, __file__, "--redraw", target)
            try:
                screen.when("● live")
                beside.append(p99(target))
            finally:
                screen.end()
    note = f"  [alone {statistics.median(alone):.1f} ms]"
    return [Row(f"pick p99 at {RATE:,} req/s, a console redrawing at {HERTZ} Hz", beside, "ms", 3, 10, note)]


def p99(target: str) -> float:
    told = subprocess.run(
        [sys.executable, "-c", OPEN_LOOP, target, str(RATE), "5"], check=True, stdout=subprocess.PIPE
    ).stdout
    took: list[float] = json.loads(told)
    return table.at(took, 0.99) * 1e3


def redraw(target: str) -> int:
    """Be a console that paints everything HERTZ times a second."""

    class Restless(ConsoleApp):
        def on_page_shown(self) -> None:
            super().on_page_shown()
            self.set_interval(1 / HERTZ, self.paint)

        def paint(self) -> None:
            self.redraw()
            self.screen.refresh()

    Restless(Link(target), label="ATTACHED", target=target).run()
    return 0


def idle_rows(rounds: int, folder: Path, seconds: float = 10.0) -> list[Row]:
    """Let a console stand on its Overview, and see what it runs."""
    shares = []
    with engine(folder) as target, console("attach", target) as screen:
        screen.when("● live")
        time.sleep(SETTLE)
        for _ in range(rounds):
            before = idle.seconds_run(screen.process.pid)
            time.sleep(seconds)
            shares.append((idle.seconds_run(screen.process.pid) - before) / seconds * 100)
        size = idle.resident(screen.process.pid)
    who = "of a lab" if "IPV6CONSOLE_SOCKET" in os.environ else "of an idle engine"
    return [Row(f"console {who}, left alone: share of a core", shares, "%", 2, 2, f"  [{size:.0f} MB]")]


ROWS: dict[str, Callable[[int, Path], list[Row]]] = {
    "table": table_rows,
    "start": start_rows,
    "pick": pick_rows,
    "idle": idle_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--redraw", metavar="SOCKET", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.redraw:
        sys.exit(redraw(given.redraw))
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    in_lab = "IPV6CONSOLE_SOCKET" in os.environ
    if not in_lab:
        place.enter()
    good = True
    with tempfile.TemporaryDirectory() as name, world(in_lab):
        for row in given.rows or ROWS:
            folder = Path(name, row)
            folder.mkdir()
            load = os.getloadavg()[0]
            for found in ROWS[row](given.rounds, folder):
                busy = f"  (load {load:.1f} before: not to be trusted)" if load >= 1.2 else ""
                print(f"{found}{busy}", flush=True)
                row_of.keep(
                    [row_of.Row(found.what, found.target, found.least, statistics.median(found.values), found.unit)]
                )
                good = good and statistics.median(found.values) <= found.least
    sys.exit(0 if good else 1)


@contextmanager
def world(in_lab: bool) -> Iterator[None]:
    """A router and an echo URL for the engine; a lab has its own."""
    if in_lab:
        yield
        return
    peer = idle.upstream()
    with place.site():
        try:
            yield
        finally:
            peer.kill()
            peer.wait()


if __name__ == "__main__":
    main()
