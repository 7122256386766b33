"""What an event is about, and on which screen that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network

from ipv6console.wire.event import Event

_MIRROR_KINDS = ("mirror.", "lease.", "address.bad", "flush.mirror")
_NDP_KINDS = ("reach.", "ndp.")
_LIFE_KINDS = ("subscriber.", "lifecycle.", "outbox.")
_SPACE_KINDS = ("space.", "range.", "reservation.", "binding.", "leak.")
_POOL_KINDS = ("pool.", "flush.pool")


@dataclass(frozen=True, slots=True)
class Goal:
    """One object: the mode of the screen that shows it, what it is called there ("" is the whole screen), and its title."""

    mode: str
    key: str
    title: str


def goals(event: Event) -> tuple[Goal, ...]:
    """Return what `event` is about, the nearest first; none for what no screen shows, like a token."""
    subject = event.subject or ""
    found: list[Goal] = []
    if event.kind.startswith(_NDP_KINDS):
        found.append(Goal("ndp", subject, f"NDP of {subject}" if subject else "NDP and doctor"))
    if event.kind.startswith(_MIRROR_KINDS) and subject:
        found.append(Goal("mirrors", subject, f"Mirror {subject}"))
    if event.kind.startswith(_LIFE_KINDS) and subject:
        found.append(Goal("space", subject, f"Subscriber {subject}"))
    elif event.kind.startswith(_SPACE_KINDS):
        found.append(Goal("space", "", "Space"))
    names = (str(event.data.get("addr", "")), subject)
    found += [Goal("pool", name, f"Address {name}") for name in names if _is_address(name)]
    if _is_prefix(subject):
        found.append(Goal("prefixes", subject, f"Prefix {subject}"))
    elif event.kind.startswith("prefix."):
        found.append(Goal("prefixes", "", "Prefixes"))
    if event.kind.startswith(_POOL_KINDS):
        found.append(Goal("pool", "", "Pool"))
    return tuple(dict.fromkeys(found))


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_prefix(text: str) -> bool:
    try:
        IPv6Network(text)
    except ValueError:
        return False
    return "/" in text
