"""Troubles: everything in the document that is not well, gravest first, each with what mends it."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.console import figure
from ipv6console.wire.state import PrefixState, SpaceState, State
from ipv6console.wire.status import Level

_GRAVE = {Level.FAIL: 0, Level.WARN: 1, Level.UNKNOWN: 2}
_NAMED = 4
"""Mirrors that are named when the same is wrong with more of them."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not well: the command that mends it, and the key that shows more or acts."""

    level: Level
    subject: str
    text: str
    fix: str | None
    key: str
    title: str


def troubles(state: State) -> tuple[Trouble, ...]:
    """Return what is not well in `state`, gravest first; what the engine says of itself comes before its parts."""
    found = [
        Trouble(item.level, item.subject, item.text, item.fix, "w", "Why?")
        for item in dict.fromkeys(state.engine.findings)
        if item.level in _GRAVE
    ]
    said = {(item.subject, item.text) for item in found} | {("", item.text) for item in found}
    found += [item for item in _parts(state) if (item.subject, item.text) not in said and ("", item.text) not in said]
    return tuple(sorted(found, key=lambda item: _GRAVE[item.level]))


def _stuck(state: State, found: list[Trouble]) -> bool:
    levels = [item.level for item in found] + [item.level for item in state.engine.findings]
    return Level.FAIL in levels


def _mirrors(names: list[str]) -> str:
    if len(names) == 1:
        return f"mirror {names[0]}"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"mirrors {', '.join(names[:_NAMED])}{more}"


def _prefixless(state: State) -> Trouble:
    draining = next((row.prefix for row in state.prefixes if row.state is PrefixState.DRAINING), None)
    if draining is None:
        return Trouble(Level.FAIL, "prefix", "this host has no IPv6 prefix the pool can use", None, "w", "Why?")
    text = "it drains and no other prefix is active, so nothing is handed out"
    return Trouble(Level.FAIL, f"prefix {draining}", text, None, "4", "Prefixes")


def _parts(state: State) -> list[Trouble]:
    found = []
    if all(row.state is not PrefixState.ACTIVE for row in state.prefixes):
        found.append(_prefixless(state))
    found += [
        Trouble(row.route, f"route {row.prefix}", row.text or "the local route", None, "w", "Why?")
        for row in state.prefixes
        if row.state is PrefixState.ACTIVE and row.route in _GRAVE
    ]
    active = {row.prefix for row in state.prefixes if row.state is PrefixState.ACTIVE}
    found += [
        Trouble(row.level, f"NDP {row.interface}", row.text, row.fix, "w", "Why?")
        for row in state.ndp
        if row.level in _GRAVE and row.prefix in active
    ]
    urls = [
        Trouble(url.level, "check URL", f"{url.url}: {url.last_error or 'no answer yet'}", None, "w", "Why?")
        for url in state.pool.check_urls
        if url.level in _GRAVE and url.level is not Level.UNKNOWN
    ]
    if state.pool.level in _GRAVE:
        # Where no address can work, none can be made either: spawning would only fail.
        key, title = ("w", "Why?") if _stuck(state, [*found, *urls]) else ("s", "Spawn")
        found.append(Trouble(state.pool.level, "pool", state.pool.text, None, key, title))
    found += urls
    # With a pool that is ill itself a mirror starves for its sake: flushing it would help nobody.
    key, title = ("w", "Why?") if state.pool.level in _GRAVE else ("F", "Flush")
    ill: dict[tuple[Level, str], list[str]] = {}
    for row in state.mirrors:
        if row.level in _GRAVE and not row.draining:
            ill.setdefault((row.level, row.text), []).append(row.name)
    found += [Trouble(level, _mirrors(names), text, None, key, title) for (level, text), names in ill.items()]
    if state.store.level in _GRAVE:
        found.append(Trouble(state.store.level, "store", state.store.text, None, "i", "Engine"))
    return found if state.space is None else [*found, *_lasting(state.space, state.at)]


def _lasting(space: SpaceState, now: float) -> list[Trouble]:
    """Return what is not well with subscribers' prefixes, and with the systems beside ours."""
    waits = figure.many(space.pending, "step waits", "steps wait")
    if space.pending_since is not None:
        waits += f", the oldest for {figure.span(now - space.pending_since)}"
    tail = f"; {waits}" if space.pending else ""
    found = [
        Trouble(level, name, (text or "it does not answer") + tail, None, "8", "Space")
        for name, level, text in (("IPAM", space.ipam, space.ipam_text), ("RADIUS", space.radius, space.radius_text))
        if level in _GRAVE and (level is not Level.UNKNOWN or space.pending)
    ]
    if space.stuck:
        stay = figure.many(
            space.stuck, "prefix is allocated or being revoked", "prefixes are allocated or being revoked"
        )
        found.append(Trouble(Level.WARN, "stuck", f"{stay} for too long: look for state:stuck", None, "8", "Space"))
    if space.leaks:
        differ = figure.many(space.leaks, "prefix is", "prefixes are")
        text = f"{differ} not the same in store, IPAM and kernel"
        found.append(Trouble(Level.WARN, "leaks", text, "ipv6console leaks", "8", "Space"))
    return found
