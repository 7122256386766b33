"""A subscriber prefix's life in glyphs and words: its states, whether other systems agree, and its steps."""

from __future__ import annotations

from ipv6console.console import figure
from ipv6console.console.tone import Span, Tone
from ipv6console.wire.state import SpaceState
from ipv6console.wire.status import Level
from ipv6console.wire.subscriber import OutboxRow, SubscriberRow

STATES: dict[str, tuple[str, Tone]] = {
    "pending": ("⟳", Tone.BUSY),
    "allocated": ("◆", Tone.PLAIN),
    "active": ("●", Tone.OK),
    "suspended": ("▲", Tone.WARN),
    "revoking": ("⟳", Tone.BUSY),
    "revoked": ("○", Tone.DIM),
    "failed": ("✖", Tone.FAIL),
}
"""Every state in the order of a life, with its glyph."""

_AGREEMENT: dict[str, tuple[str, Tone]] = {
    "ok": ("●", Tone.OK),
    "none": ("○", Tone.DIM),
    "pending": ("⟳", Tone.BUSY),
    "held": ("▲", Tone.WARN),
    "silent": ("▲", Tone.WARN),
    "refused": ("✖", Tone.FAIL),
}
_STEPS: dict[str, tuple[str, Tone]] = {
    "pending": ("⟳", Tone.BUSY),
    "done": ("●", Tone.OK),
    "refused": ("✖", Tone.FAIL),
    "cancelled": ("○", Tone.DIM),
}
STEP_WORDS = {
    "allocate": "IPAM: allocate the prefix",
    "release": "IPAM: release the prefix",
    "mark": "IPAM: mark the prefix",
    "coa": "RADIUS: CoA",
    "disconnect": "RADIUS: disconnect",
}
"""What a step asks of whom."""


def _worded(known: dict[str, tuple[str, Tone]], word: str, *, stale: bool) -> Span:
    glyph, tone = known.get(word.partition(" ")[0], ("◌", Tone.UNKNOWN))
    return (f"◌ {word}", Tone.UNKNOWN) if stale else (f"{glyph} {word}", tone)


def state_of(row: SubscriberRow, *, stale: bool = False) -> Span:
    """Return the glyph and word of a subscriber's state; one that never asked for a prefix waits for nothing."""
    told = _worded(STATES, row.state, stale=stale)
    if stale:
        return told
    if row.stuck:
        return (f"▲ {row.state}", Tone.WARN)
    return (f"○ {row.state}", Tone.DIM) if row.state == "pending" and not row.pending else told


def named_state(state: str, *, stale: bool = False) -> Span:
    """Return the glyph and word of a state by its name."""
    return _worded(STATES, state, stale=stale)


def agreement(word: str, *, stale: bool = False) -> Span:
    """Return the glyph and word of whether the IPAM or RADIUS agrees."""
    return _worded(_AGREEMENT, word, stale=stale)


def step_state(row: OutboxRow, *, stale: bool = False) -> Span:
    """Return the glyph and word of a step."""
    return _worded(_STEPS, row.state, stale=stale)


def next_try(row: OutboxRow, now: float) -> str:
    """Return when a pending step is taken again; nothing of one that has ended."""
    if row.state != "pending":
        return ""
    left = row.next_at - now
    return "now" if left < 1.0 else f"in {figure.span(left)}"


def is_used(space: SpaceState | None) -> bool:
    """Whether there is something to tell of spaces and subscribers."""
    if space is None:
        return False
    counted = space.subscribers or space.bindings or space.delegations or space.pending or space.stuck or space.leaks
    return bool(counted) or {space.ipam, space.radius} & {Level.WARN, Level.FAIL} != set()
