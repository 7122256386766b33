"""A host for fault tests: a network namespace with a site, one engine at a time on one state directory, and scrapers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

from ipv6console.client import EngineRefused, EngineUnreachable, IPv6Client
from ipv6console.wire.lease import LeaseRow
from ipv6console.wire.status import Level
from tests.conftest import poll
from tests.faults.ledger import Books, Ledgers, audit
from tests.faults.place import PORT, PREFIX, SEEN, SITE, write_config
from tests.faults.sender import Sent

REPOSITORY = Path(__file__).parents[2]
TIED = ("setpriv", "--pdeathsig", "KILL")
PYTHON = (sys.executable, "-W", "error")
MOUNTED = ("sh", "-ec", 'mount -t tmpfs -o "size=$1,mode=700" tmpfs "$2"; shift 2; exec "$@"', "sh")
PROGRAM = ("-m", "ipv6console")
PATIENCE = 60.0
MIRRORS = ("one", "two")
REFUSED, SERVED = b'"told": 503', b'"leases": [["2'
"""What a scraper writes down when the engine cannot do it now, and when it was given leases."""

UPLINK = (
    "link add up0 type veth peer name isp0",
    "link set up0 up",
    "link set isp0 up",
)
ADDRESS = "2001:db8:5::2/64"

_HISTORY = "SELECT mirror, address, holder, verdict FROM history"
_USAGE = """SELECT mirror.name, address.address, usage.status, usage.uses
FROM usage JOIN mirror ON mirror.id = usage.mirror_id JOIN address ON address.id = usage.address_id"""

_ADDRESSES = "SELECT address FROM address"
_READ = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
connection.execute("BEGIN")
print(json.dumps([connection.execute(sql).fetchall() for sql in sys.argv[2:]]))
"""


class Host:
    """The namespace lives until `close`; the engine, which `program` is, as long as a test lets it.

    `pool` are settings for its pool; `disk` is the size of a file system of its own for the state, which only the engine
    sees in its place. With `uplink` its prefix is that of ADDRESS on the link up0, whose other end is isp0.
    """

    def __init__(
        self,
        folder: Path,
        pool: Mapping[str, object],
        program: tuple[str, ...] = PROGRAM,
        disk: str = "",
        *,
        uplink: bool = False,
    ) -> None:
        self._uplink = uplink
        self.folder = folder
        self.socket = folder / "e.sock"
        self.database = folder / "state" / "engine.db"
        self._program = program
        self._log = folder / "log"
        self._config = folder / "config.toml"
        self._write_config(pool)
        self._children: list[subprocess.Popen[str]] = []
        self.database.parent.mkdir(mode=0o700)
        disks = (*MOUNTED, disk, str(self.database.parent)) if disk else ()
        self._place = self._child("unshare", "-nm", *disks, *PYTHON, "-m", "tests.faults.place", stdout=subprocess.PIPE)
        assert self._place.stdout is not None
        assert self._place.stdout.readline() == "ready\n"
        self.engine: subprocess.Popen[str] | None = None
        if uplink:
            self.ip(*UPLINK, f"address add {ADDRESS} dev up0 nodad")

    def run(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in the namespace; it ends with the host."""
        return self._child(*self._inside(), *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(self, *before: str, environment: Mapping[str, str] | None = None) -> None:
        """Start an engine without waiting for it; `before` are the words of a command that executes it."""
        with self._log.open("a") as log:
            words = (*self._inside(), *before, *PYTHON, *self._program, "serve", "--config", str(self._config))
            self.engine = self._child(*words, stderr=log, environment=environment)

    def wait_until_well(self) -> None:
        """Wait until the engine serves from a pool that is as full as it wants it."""
        assert poll(self._is_well, PATIENCE), f"the engine is not well\n{self.log()}"

    def log(self) -> str:
        """Return the end of what the engines wrote to stderr."""
        return self._log.read_text()[-4_000:]

    def ip(self, *commands: str) -> str:
        """Have ip(8) do the commands in the namespace; return what it wrote."""
        words = [*self._inside(), "ip", "-6", "-batch", "-"]
        done = subprocess.run(words, input="\n".join(commands), check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def signal(self, number: int) -> None:
        """Send the engine a signal it is to survive."""
        assert self.engine is not None
        self.engine.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the engine as an operator would."""
        self._end(signal.SIGTERM)

    def books(self) -> Books:
        """Return what the engine has, as soon as nothing is being added to it. No scraper may be at work."""
        with IPv6Client(socket=self.socket, timeout=PATIENCE) as client:
            while True:
                before = client.state().pool.total
                leases = [
                    (row.dbname, row.addr, row.holder, row.expires_at)
                    for row in _leases(client)
                    if row.dbname in MIRRORS
                ]
                stats = [client.mirror_stats(name) for name in MIRRORS]
                ended, usage, found = self.tables()
                addresses = {addr for (addr,) in found}
                if {before, len(addresses), client.state().pool.total} == {before}:
                    break
        mirrors = {one.dbname: (one.total, one.idle, one.using, one.bad) for one in stats}
        ended, usage = ([row for row in rows if row[0] in MIRRORS] for rows in (ended, usage))
        return Books(leases, ended, usage, addresses, mirrors)

    def strays(self) -> list[str]:
        """Return addresses outside the pool's prefix that the site was called from; nobody but sessions and checks calls it."""
        ask = "import sys, urllib.request as ask; print(ask.urlopen(sys.argv[1], timeout=60).read().decode())"
        words = [*self._inside(), sys.executable, "-I", "-S", "-c", ask, f"http://[{SITE}]:{PORT}{SEEN}"]
        seen = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=2 * PATIENCE).stdout)
        return [addr for addr in seen if IPv6Address(addr) not in IPv6Network(PREFIX)]

    def state(self) -> Path:
        """Return the state directory as it is seen from here."""
        return Path(f"/proc/{self._place.pid}/root{self.database.parent}")

    def tables(self) -> list[list[Any]]:
        """Read history, usage and addresses as an operator at the sqlite3 shell would, from where the engine is."""
        words = [
            *self._inside(),
            sys.executable,
            "-I",
            "-S",
            "-c",
            _READ,
            str(self.database),
            _HISTORY,
            _USAGE,
            _ADDRESSES,
        ]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=PATIENCE)
        return [[tuple(row) for row in rows] for rows in json.loads(done.stdout)]

    @contextmanager
    def crowd(self, count: int) -> Iterator[int]:
        """Have `count` callers ask once and keep their connections; yields how many got an answer."""
        crowd = self.run(*PYTHON, "-m", "tests.faults.crowd", str(self.socket), str(count))
        assert crowd.stdout is not None
        assert crowd.stdin is not None
        said = crowd.stdout.readline().split()
        assert said[:1] == ["there"]
        yield int(said[1])
        crowd.stdin.close()
        assert crowd.wait(PATIENCE) == 0

    def close(self) -> None:
        """End everything."""
        for child in reversed(self._children):
            if child.poll() is None:
                child.kill()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    stream.close()
            child.wait(PATIENCE)

    def _end(self, number: int) -> None:
        assert self.engine is not None
        self.engine.send_signal(number)
        code = self.engine.wait(PATIENCE)
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0), self.log()

    def _is_well(self) -> bool:
        assert self.engine is not None
        assert self.engine.poll() is None, self.log()
        with suppress(EngineUnreachable, EngineRefused), IPv6Client(socket=self.socket, timeout=PATIENCE) as client:
            if client.health().level is not Level.FAIL:
                pool = client.state().pool
                return pool.idle >= pool.usable_num
        return False

    def _inside(self) -> tuple[str, ...]:
        return ("nsenter", "-n", "-m", "-t", str(self._place.pid), f"--wd={REPOSITORY}")

    def _child(
        self, *words: str, environment: Mapping[str, str] | None = None, **streams: object
    ) -> subprocess.Popen[str]:
        child: subprocess.Popen[str] = subprocess.Popen(
            [*TIED, *words], cwd=REPOSITORY, text=True, env={**os.environ, **(environment or {})}, **streams
        )  # type: ignore[call-overload] # the streams are Popen's
        self._children.append(child)
        return child

    def _write_config(self, pool: Mapping[str, object]) -> None:
        sections: dict[str, dict[str, object]] = {
            "engine": {"socket": str(self.socket), "state_dir": str(self.database.parent)},
            "pool": {"usable_num": 60, "max_total": 5_000, "bad_cooldown": 86_400.0, **pool},
            "check": {"urls": [f"http://[{SITE}]:{PORT}/ip"], "pace": 10_000},
            "network": {"ndp": "routed", **({} if self._uplink else {"prefixes": [PREFIX]})},
        }
        write_config(self._config, sections)


class Senders:
    """A process of sessions on a host that send all the while, and what they wrote down."""

    def __init__(self, host: Host) -> None:
        folder = host.folder / "sent"
        folder.mkdir()
        self._host = host
        self.sent = Sent(folder, IPv6Network(PREFIX))
        words = (str(folder), str(host.socket), f"http://[{SITE}]:{PORT}/ip")
        self._process = host.run(*PYTHON, "-m", "tests.faults.sender", *words)

    def judge(self) -> list[str]:
        """Return what was sent from an address that was not the session's, by what sessions and the site have seen."""
        assert self._process.poll() is None, "the senders broke"
        self.sent.read()
        return [*self.sent.wrong, *(f"the site was called from {addr}" for addr in self._host.strays())]

    def wait_for(self, more: int) -> None:
        """Wait until so many more requests were answered."""
        before = self.sent.answered
        assert poll(lambda: self._answered() >= before + more, PATIENCE), "the senders stand still"

    def stop(self) -> None:
        """Let them give back what they hold, and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(PATIENCE) == 0, "the senders broke"

    def _answered(self) -> int:
        self.sent.read()
        return self.sent.answered


class Scrapers:
    """Processes of scrapers on a host, and their ledgers in a folder of the host's."""

    def __init__(self, host: Host, seed: str, *, processes: int = 3, threads: int = 4) -> None:
        folder = host.folder / "ledgers"
        folder.mkdir()
        self.ledgers = Ledgers(folder)
        self._processes = [
            host.run(
                *PYTHON, "-m", "tests.faults.scraper", str(folder), str(host.socket), f"s{number}", seed, str(threads)
            )
            for number in range(processes)
        ]

    def go(self) -> None:
        """Let them work until their connections break."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def wait_for(self, more: int) -> None:
        """Wait until `more` bytes were written down beyond those there are."""
        before = self.ledgers.size()
        assert poll(lambda: self.ledgers.size() >= before + more, PATIENCE), "the scrapers stand still"

    def wait_until_told(self, words: bytes, times: int = 1) -> None:
        """Wait until scrapers wrote down these words so many times more."""
        known = self.ledgers.count(words)
        assert poll(lambda: self.ledgers.count(words) >= known + times, PATIENCE), f"nobody was told {words!r}"

    def judge(self, host: Host) -> list[str]:
        """End the engine as an operator would, start it again, and return what is wrong (`ledger.audit`)."""
        host.stop()
        self.wait_until_parked()
        host.start()
        host.wait_until_well()
        return audit(self.ledgers, host.books())

    def wait_until_parked(self) -> None:
        """Wait until every connection has broken, and read the ledgers."""
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "parked\n", "a scraper broke"
        self.ledgers.read()


LEASES = 10
"""Of so many that were served, a load is taken to be under way, or again."""


@contextmanager
def loaded(host: Host, seed: str) -> Iterator[Scrapers]:
    """Have a host's engine well and under load; in the end it has to serve again, and nobody to have lost a thing.

    Raises AssertionError with the seed.
    """
    host.start()
    host.wait_until_well()
    scrapers = Scrapers(host, seed, processes=1)
    scrapers.go()
    scrapers.wait_until_told(SERVED, LEASES)
    yield scrapers
    scrapers.wait_until_told(SERVED, LEASES)
    wrong = scrapers.judge(host)
    assert not wrong, f"seed {seed}\n" + "\n".join(wrong[:20])


def _leases(client: IPv6Client) -> Iterator[LeaseRow]:
    cursor: str | None = None
    while True:
        page = client.leases(cursor=cursor, limit=1_000)
        yield from page.leases
        cursor = page.next
        if cursor is None:
            return
