"""What scrapers were told, held against what the engine has: `Ledgers` reads the former, `audit` compares.

Times are CLOCK_MONOTONIC for who held what when, unix seconds for when a lease ends.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

SLACK = 1.0
LATE = 60.0
LEASE_TTL, TOKENLESS_TTL = 3_600.0, 21_600.0

Key = tuple[str, str]
"""Holder and address: every pick names a holder of its own."""

Span = tuple[float, float]


@dataclass
class Lease:
    """A lease that somebody was told of; `until` are the spans in which it may end by itself."""

    mirror: str
    addr: str
    holder: str
    began: float
    until: list[Span]
    verdicts: set[str] = field(default_factory=set)
    given_back: float | None = None
    over: bool = False
    """Whether somebody was told that it ended."""


@dataclass
class Ledgers:
    """Everything scrapers wrote down, and what follows from it for certain."""

    folder: Path
    leases: dict[Key, Lease] = field(default_factory=dict)
    picks: Counter[tuple[str, str]] = field(default_factory=Counter)
    unanswered: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Holders of picks without an answer: the mirror, and how many addresses there may be."""
    spawned: set[str] = field(default_factory=set)
    revoked: dict[str, float | None] = field(default_factory=dict)
    """Addresses somebody asked to revoke, and when the answer came."""
    prefix_goes: bool = False
    """Whether a prefix may go, and the leases in it with it."""
    wrong: list[str] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    _places: dict[Path, int] = field(default_factory=dict)
    _open: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def size(self) -> int:
        """Return how much is written down, in bytes."""
        return sum(path.stat().st_size for path in self.folder.glob("*.ledger"))

    def count(self, words: bytes) -> int:
        """Return how often scrapers wrote down these words."""
        return sum(path.read_bytes().count(words) for path in self.folder.glob("*.ledger"))

    def may_be_gone(self, addr: str) -> bool:
        """Return whether the address may have left the pool."""
        return self.prefix_goes or addr in self.revoked

    def read(self) -> None:
        """Take in what was written since the last time; every scraper must be at rest."""
        entries = [(path, entry) for path in sorted(self.folder.glob("*.ledger")) for entry in self._new(path)]
        # Who revokes must be known before whom it hurts.
        for path, entry in sorted(entries, key=lambda found: float(found[1]["at"])):
            asked = self._open.pop(path, None)
            if "told" in entry:
                assert asked is not None
                self.answered += 1
                self._settle(asked, entry)
                continue
            if asked is not None:
                self._unanswered(asked)
            self.asked += 1
            self._open[path] = entry
            self._asked(entry)
        for path in list(self._open):
            self._unanswered(self._open.pop(path))

    def overlaps(self) -> list[str]:
        """Return leases of one address in one mirror that two scrapers were certain to have at the same time."""
        places: dict[tuple[str, str], list[Lease]] = defaultdict(list)
        for lease in self.leases.values():
            if lease.addr not in self.revoked:
                places[lease.mirror, lease.addr].append(lease)
        found = []
        for leases in places.values():
            leases.sort(key=lambda lease: lease.began)
            found += [
                f"held by two: {one}, {other}"
                for one, other in pairwise(leases)
                if one.given_back is None or one.given_back > other.began
            ]
        return found

    def ways_out(self, lease: Lease) -> set[str]:
        """Return the verdicts with which the lease may have ended."""
        revoked = {"revoked"} if lease.addr in self.revoked else set()
        return lease.verdicts | revoked | ({"lost"} if self.prefix_goes else set())

    def _new(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            file.seek(self._places.get(path, 0))
            for line in file:
                yield json.loads(line)
            self._places[path] = file.tell()

    def _asked(self, entry: dict[str, Any]) -> None:
        match entry["act"]:
            case "end":
                for holder, addr in entry["leases"]:
                    lease = self.leases[holder, addr]
                    lease.given_back = min(lease.given_back or entry["at"], entry["at"])
            case "revoke":
                self.revoked.setdefault(entry["addr"], None)

    def _unanswered(self, asked: dict[str, Any]) -> None:
        match asked["act"]:
            case "pick":
                self.unanswered[asked["holder"]] = (asked["mirror"], asked["count"])
            case "renew" | "stretch":
                lease = self.leases[asked["holder"], asked["addr"]]
                shortest, longest = (asked["ttl"],) * 2 if "ttl" in asked else (LEASE_TTL, TOKENLESS_TTL)
                lease.until.append((asked["unix"] + shortest - SLACK, asked["unix"] + longest + LATE))
            case "end":
                for holder, addr in asked["leases"]:
                    self.leases[holder, addr].verdicts.add(asked["verdict"])

    def _settle(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        if told["told"] == 503:
            if asked["act"] == "end":
                for holder, addr in asked["leases"]:
                    lease = self.leases[holder, addr]
                    lease.given_back = asked["at"] if lease.verdicts else None
            return
        match asked["act"]:
            case "pick":
                self._picked(asked, told)
            case "renew" | "stretch":
                self._renewed(asked, told)
            case "end":
                self._ended(asked, told)
            case "spawn":
                self.spawned.update(told["addrs"])
            case "revoke":
                if not told["ok"] and not self.prefix_goes:
                    self.wrong.append(f"a planned revocation was refused: {asked} {told}")
                self.revoked[asked["addr"]] = told["at"]

    def _picked(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        if told["told"] != 200:
            self.wrong.append(f"a pick was refused: {asked} {told}")
        for addr, expires in told["leases"]:
            gone = self.revoked.get(addr)
            if gone is not None and gone < asked["at"]:
                self.wrong.append(f"a revoked address was handed out: {asked} {told}")
            self.picks[asked["mirror"], addr] += 1
            span = (expires - 1e-6, expires + 1e-6)
            self.leases[asked["holder"], addr] = Lease(asked["mirror"], addr, asked["holder"], told["at"], [span])

    def _renewed(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        lease = self.leases[asked["holder"], asked["addr"]]
        if not told["ok"]:
            if not self.may_be_gone(lease.addr):
                self.wrong.append(f"an acknowledged lease is gone: {asked} {told}")
            lease.over, lease.given_back = True, asked["at"]
        elif asked["act"] == "renew":
            lease.until = [(told["expires"] - 1e-6, told["expires"] + 1e-6)]
        else:
            lease.until = [(asked["unix"] + LEASE_TTL - SLACK, told["unix"] + TOKENLESS_TTL + SLACK)]

    def _ended(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        leases = [self.leases[holder, addr] for holder, addr in asked["leases"]]
        if not told["ok"] and not any(lease.verdicts or self.may_be_gone(lease.addr) for lease in leases):
            self.wrong.append(f"an acknowledged lease is gone: {asked} {told}")
        for lease in leases:
            lease.verdicts.add(asked["verdict"])
            lease.over = True


@dataclass(frozen=True)
class Books:
    """What the engine has after a restart, as its API and its tables say."""

    live: list[tuple[str, str, str, float]]
    """Mirror, address, holder, unix seconds until it ends."""
    ended: list[tuple[str, str, str, str]]
    """Mirror, address, holder, verdict: all that was ever kept."""
    usage: list[tuple[str, str, str, int]]
    """Mirror, address, status, how often it was picked."""
    addresses: set[str]
    mirrors: dict[str, tuple[int, int, int, int]]
    """Total, idle, using, bad."""


def audit(ledgers: Ledgers, books: Books) -> list[str]:
    """Return everything in which the engine differs from what it has told scrapers."""
    return [
        *ledgers.wrong,
        *ledgers.overlaps(),
        *_leases(ledgers, books),
        *_strangers(ledgers, books),
        *_addresses(ledgers, books),
        *_counters(ledgers, books),
    ]


def _leases(ledgers: Ledgers, books: Books) -> Iterator[str]:
    live = {(holder, addr): until for _, addr, holder, until in books.live}
    ended: dict[Key, list[str]] = defaultdict(list)
    for _, addr, holder, verdict in books.ended:
        ended[holder, addr].append(verdict)
    for key, lease in ledgers.leases.items():
        verdicts, may = ended[key], ledgers.ways_out(lease)
        if key in live:
            if lease.over:
                yield f"an acknowledged end is undone: {lease}"
            if verdicts:
                yield f"it lives and has ended ({verdicts}): {lease}"
            if not any(begun <= live[key] <= end for begun, end in lease.until):
                yield f"it ends at {live[key]}, which nobody was told: {lease}"
        elif not may:
            yield f"an acknowledged lease is gone ({verdicts}): {lease}"
        elif len(verdicts) != 1 or not set(verdicts) <= may:
            yield f"a lease ends once, in a way somebody asked for, not {verdicts}: {lease}"


def _strangers(ledgers: Ledgers, books: Books) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for mirror, addr, holder, *rest in (*books.live, *books.ended):
        if (holder, addr) in ledgers.leases:
            continue
        seen[holder] += 1
        asked, count = ledgers.unanswered.get(holder, (None, 0))
        if asked != mirror or seen[holder] > count:
            yield f"nobody asked for it: {addr} in {mirror}, {holder}, {rest}"
    places = Counter((mirror, addr) for mirror, addr, _, _ in books.live)
    yield from (f"leased {count} times: {place}" for place, count in places.items() if count > 1)


def _addresses(ledgers: Ledgers, books: Books) -> Iterator[str]:
    gone = ledgers.spawned - books.addresses
    yield from (f"spawned and gone: {addr}" for addr in gone if not ledgers.may_be_gone(addr))
    certain = {addr for addr, at in ledgers.revoked.items() if at is not None}
    yield from (f"revoked and there: {addr}" for addr in certain & books.addresses)
    yield from (f"leased and not in the pool: {addr}" for _, addr, _, _ in books.live if addr not in books.addresses)


def _counters(ledgers: Ledgers, books: Books) -> Iterator[str]:
    statuses = Counter((mirror, status) for mirror, _, status, _ in books.usage)
    for mirror, (total, idle, using, bad) in books.mirrors.items():
        live = sum(1 for name, *_ in books.live if name == mirror)
        if (total, using, bad) != (len(books.addresses), live, statuses[mirror, "bad"]) or idle + using + bad != total:
            yield f"{mirror} does not add up: {total}, {idle}, {using}, {bad}; {live} leases, {statuses}"
    lost: Counter[str] = Counter()
    for mirror, count in ledgers.unanswered.values():
        lost[mirror] += count
    more: Counter[str] = Counter()
    for mirror, addr, _, uses in books.usage:
        more[mirror] += uses - ledgers.picks[mirror, addr]
        if uses < ledgers.picks[mirror, addr]:
            yield f"{addr} was picked {ledgers.picks[mirror, addr]} times in {mirror} and not {uses} times"
    known = {(mirror, addr) for mirror, addr, _, _ in books.usage}
    yield from (
        f"{addr} was picked in {mirror}, and nothing is known of it"
        for mirror, addr in ledgers.picks.keys() - known
        if not ledgers.may_be_gone(addr)
    )
    yield from (f"{mirror} counts {more[mirror]} picks too many" for mirror in more if more[mirror] > lost[mirror])
