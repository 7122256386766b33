"""The HA screen: this node's role, and what it means to stand alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from ipv6console.console import figure
from ipv6console.console.action import Scope
from ipv6console.console.screens.page import Page
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.absent import AbsentPane, Told
from ipv6console.console.widgets.events import LifeEventsPane
from ipv6console.wire.state import PrefixState, State

_GUIDE = (
    "HA is two hosts that share a prefix, one of which serves it. This page tells this engine's role. standalone: no\n"
    "peer is configured, and everything here is served by this engine alone."
)
_WHAT = (
    "Two hosts with the same prefix, of which one is master: only that one holds the prefix's routes and NDP and hands "
    "out its addresses. The other one takes over when it fails."
)
_ALONE = "standalone"
_SERVED = {PrefixState.ACTIVE, PrefixState.DRAINING}


def telling(state: State) -> Sequence[Told]:
    """Return what is so of this engine and its peer."""
    engine, pool = state.engine, state.pool
    names = ", ".join(row.prefix for row in state.prefixes if row.state in _SERVED) or "no prefix"
    peer = "It has no peer." if engine.role == _ALONE else "This console knows no more about it than that."
    serves = (
        f" on {engine.host}. {peer} It serves {names} by itself, with {figure.many(pool.total, 'address', 'addresses')} and "
        f"{figure.many(pool.leased, 'live lease', 'live leases')}."
    )
    means = (
        f"When {engine.host} is lost, its addresses are lost until it is back. When only the engine stops, nothing is "
        f"forgotten: pool and leases are in {engine.state_dir}."
    )
    todo = (
        f"Nothing has to be done. Version {engine.version} has no failover: no setting and no command pairs two hosts. For a "
        "second way out run an engine on another host, with a prefix of its own, and open it here:\n"
    )
    needs = "\nIt must listen there (engine.listen) and have a token for you."
    return (
        ("what it is", (_WHAT,)),
        ("this engine", ((engine.role, Tone.STRONG), serves)),
        ("it means", (means,)),
        ("what to do", (todo, ("ipv6console attach http://HOST:16000", Tone.STRONG), (needs, Tone.DIM))),
    )


class HaScreen(Page):
    """One page of text; in a wide terminal what happened to this engine below it."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "ha.tcss"]
    mode = "ha"
    scopes = frozenset({Scope.HA})

    def inside(self) -> ComposeResult:
        """The page, and in a wide terminal the engine's life."""
        yield AbsentPane("High availability", _GUIDE, telling, id="ha")
        yield LifeEventsPane(id="life")
