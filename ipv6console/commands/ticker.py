"""The state document as lines of words, one a change: for screen readers, dumb terminals and logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ipv6console.commands.sheet import moment, until
from ipv6console.quantity import addresses, leases
from ipv6console.wire.health import Health
from ipv6console.wire.state import MirrorRow, NdpRow, PoolState, PrefixRow, PrefixState, State
from ipv6console.wire.status import Level

NUMBERS_EVERY = 60.0
"""Seconds between two lines about the same thing when nothing but its numbers has changed."""

_DIGITS = re.compile(r"[0-9][0-9,.]*")


@dataclass(frozen=True, slots=True)
class Line:
    """What is so with one thing: a word for how it is, and a sentence."""

    word: str
    text: str

    @property
    def gist(self) -> str:
        """What is left when the numbers are taken away."""
        return _DIGITS.sub("0", f"{self.word} {self.text}")


class Ticker:
    """Remembers what was told, so that only what changed is told again."""

    def __init__(self) -> None:
        self._told: dict[str, Line] = {}
        self._at: dict[str, float] = {}
        self._lost_at: float | None = None

    def tell(self, state: State, health: Health) -> Iterator[str]:
        """Yield a line for everything at first, later for what appeared, changed or went."""
        now = state.at
        if self._lost_at is not None:
            yield _line(now, "ok", "connection", f"the engine answers again after {now - self._lost_at:.0f} s")
            self._lost_at = None
        found = dict(_things(state, health))
        for subject, line in found.items():
            before = self._told.get(subject)
            if before is None:
                yield self._say(now, subject, line, line.word)
            elif before.gist != line.gist:
                word = line.word if before.word == line.word else f"{line.word} (was {before.word})"
                yield self._say(now, subject, line, word)
            elif before != line and now - self._at[subject] >= NUMBERS_EVERY:
                yield self._say(now, subject, line, line.word)
        for subject in [subject for subject in self._told if subject not in found]:
            word = self._told.pop(subject).word
            yield _line(now, "over", subject, f"was {word}")

    def lose(self, cause: str, now: float) -> Iterator[str]:
        """Yield a line when the connection is lost, none while it stays so; `now` is unix seconds."""
        if self._lost_at is None:
            self._lost_at = now
            yield _line(now, "unknown", "connection", f"lost: {cause}; what was told is stale; it is tried again")

    def _say(self, now: float, subject: str, line: Line, word: str) -> str:
        self._told[subject], self._at[subject] = line, now
        return _line(now, word, subject, line.text)


def _line(at: float, word: str, subject: str, text: str) -> str:
    told = " ".join(f"{moment(at)} {word} {subject}: {text}".split()).removesuffix(":")
    return "".join(character if character.isprintable() else "?" for character in told)


def _things(state: State, health: Health) -> Iterator[tuple[str, Line]]:
    engine = state.engine
    rights = "privileged" if engine.privileged else "unprivileged"
    yield (
        f"engine {engine.host}",
        Line(health.level.value, f"ipv6console {engine.version}, pid {engine.pid}, {engine.role}, {rights}"),
    )
    for finding in health.findings:
        fix = f"; fix: {finding.fix}" if finding.fix else ""
        yield f"finding {finding.subject}", Line(finding.level.value, f"{finding.text}{fix}")
    if not state.prefixes:
        yield "prefix", Line(Level.FAIL.value, "none; `ipv6console doctor` says why")
    for prefix in state.prefixes:
        yield f"prefix {prefix.prefix}", _prefix(prefix, state.at)
    for ndp in state.ndp:
        yield f"ndp {ndp.prefix}", _ndp(ndp)
    yield "pool", _pool(state.pool)
    for url in state.pool.check_urls:
        yield f"check {url.url}", Line(url.level.value, url.last_error or "")
    for mirror in state.mirrors:
        yield f"mirror {mirror.name}", _mirror(mirror)
    yield "store", Line(state.store.level.value, state.store.text)


def _prefix(row: PrefixRow, now: float) -> Line:
    standing = "" if row.state is PrefixState.ACTIVE else f"{row.state.value}, "
    lasting = "for ever" if row.valid_until is None else f"for {until(row.valid_until, now)}"
    return Line(
        row.route.value if row.state is PrefixState.ACTIVE else row.state.value,
        f"{standing}on {row.interface} from {row.source}, valid {lasting}, {addresses(row.addresses)}, {row.leased} leased",
    )


def _ndp(row: NdpRow) -> Line:
    return Line(row.level.value, f"{row.strategy}, {row.text}" + (f"; fix: {row.fix}" if row.fix else ""))


def _pool(row: PoolState) -> Line:
    note = f"; {row.text}" if row.text else ""
    return Line(
        row.level.value, f"{addresses(row.total)}, {leases(row.leased)}, {row.idle} of {row.usable_num} idle{note}"
    )


def _mirror(row: MirrorRow) -> Line:
    note = f"; {row.text}" if row.text else ""
    word = "draining" if row.draining else row.level.value
    return Line(word, f"{row.idle} idle, {row.using} using, {row.bad} bad, {row.picks_per_s:.1f} picks/s{note}")
