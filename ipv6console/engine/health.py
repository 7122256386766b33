"""How well the engine does its work, and what is in the way."""

from __future__ import annotations

from ipv6console import __version__
from ipv6console.engine.checker import Checker
from ipv6console.engine.core import Core
from ipv6console.engine.spawner import Spawner
from ipv6console.pool.mirror import Mirror
from ipv6console.pool.prefix import Standing
from ipv6console.quantity import many
from ipv6console.wire.health import Health
from ipv6console.wire.state import PrefixState, SpaceState, State
from ipv6console.wire.status import Finding, Level, worst

LONG = 60.0
"""Seconds that a step may wait for another system before that is worth a look."""

_DOCTOR = "ipv6console doctor"
_OUTBOX = "ipv6console outbox list"
_SUBSCRIBERS = "ipv6console subscriber list"
_LEAKS = "ipv6console leaks"


def judge_pool(core: Core, spawner: Spawner, checker: Checker) -> tuple[Level, str]:
    """Return the pool's level and the sentence that explains it."""
    pool = core.pool
    if core.broken is not None:
        return Level.FAIL, f"picks stop: {core.broken}"
    if not any(prefix.standing is Standing.ACTIVE for prefix in pool.prefixes.values()):
        return Level.FAIL, "no active prefix"
    if pool.severed:
        return Level.FAIL, _held_back(pool.severed)
    _, idle, wanted, name = spawner.neediest()
    if idle >= wanted:
        return Level.OK, "enough idle addresses"
    if checker.all_down():
        return Level.FAIL, "every check URL is down, so no address can be proved"
    where = f" for {name}" if name else ""
    level = Level.FAIL if idle == 0 and spawner.complaint else Level.WARN
    reason = spawner.complaint or ("checking candidates" if spawner.checking else "about to fill")
    return level, f"{idle} of {wanted} idle{where}: {reason}"


def judge_mirror(mirror: Mirror, now: float, severed: str | None) -> tuple[Level, str]:
    """Return a mirror's level and the sentence that explains it; `severed` is why no prefix serves, if so."""
    count = mirror.count()
    if mirror.draining:
        return Level.OFF, "drains"
    if severed:
        return Level.FAIL, _held_back(severed)
    if mirror.breaker.tripped(now):
        return Level.FAIL, f"breaker tripped: nearly every verdict is bad; no fresh addresses, {count.idle} idle"
    if count.idle == 0:
        return Level.FAIL, "nothing idle" if count.total else "no active prefix has an address"
    if count.bad * 2 > count.total:
        return Level.WARN, "more than half are bad"
    return Level.OK, "ok"


def _lasting(space: SpaceState, now: float) -> list[Finding]:
    """Return what is not well with subscribers' prefixes. All of it are warnings: addresses are handed out all the same."""
    beside = (("ipam", space.ipam, space.ipam_text), ("radius", space.radius, space.radius_text))
    findings = [
        Finding(subject=name, level=Level.WARN, text=text, fix=_OUTBOX)
        for name, level, text in beside
        if level in (Level.WARN, Level.FAIL)
    ]
    if space.pending_since is not None and now - space.pending_since >= LONG:
        waits = many(space.pending, "step waits", "steps wait")
        text = f"{waits} for another system, the oldest for {now - space.pending_since:.0f} s"
        findings.append(Finding(subject="outbox", level=Level.WARN, text=text, fix=_OUTBOX))
    if space.stuck:
        text = f"{many(space.stuck, 'prefix is', 'prefixes are')} allocated or being revoked for too long"
        findings.append(Finding(subject="subscribers", level=Level.WARN, text=text, fix=_SUBSCRIBERS))
    if space.leaks:
        text = f"{many(space.leaks, 'prefix is', 'prefixes are')} not the same in store, IPAM and kernel"
        findings.append(Finding(subject="leaks", level=Level.WARN, text=text, fix=_LEAKS))
    return findings


def _held_back(severed: str) -> str:
    return f"nothing is handed out: {severed}"


def health_of(state: State) -> Health:
    """Return the verdict on a state document: its findings, gravest first."""
    findings = list(state.engine.findings)
    findings.extend(
        Finding(subject=f"route {prefix.prefix}", level=prefix.route, text=prefix.text, fix=_DOCTOR)
        for prefix in state.prefixes
        if prefix.state in (PrefixState.ACTIVE, PrefixState.DRAINING) and prefix.route is not Level.OK
    )
    findings.extend(
        Finding(subject=f"ndp {row.prefix}", level=row.level, text=row.text, fix=row.fix)
        for row in state.ndp
        if row.level is not Level.OK
    )
    if state.pool.level is not Level.OK:
        findings.append(Finding(subject="pool", level=state.pool.level, text=state.pool.text, fix=_DOCTOR))
    findings.extend(
        Finding(subject=f"check URL {url.url}", level=Level.WARN, text=url.last_error or "down")
        for url in state.pool.check_urls
        if url.level is Level.FAIL
    )
    if state.store.level is not Level.OK:
        findings.append(Finding(subject="store", level=state.store.level, text=state.store.text))
    if state.space is not None:
        findings.extend(_lasting(state.space, state.at))
    active = (prefix.prefix for prefix in state.prefixes if prefix.state is PrefixState.ACTIVE)
    return Health(
        level=worst((Level.OK, *(finding.level for finding in findings))),
        at=state.at,
        version=__version__,
        prefix=next(active, None),
        findings=tuple(sorted(findings, key=lambda finding: finding.level is not Level.FAIL)),
    )
