"""The Space screen: addresses for lasting use, of which this engine keeps none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from ipv6console.console import figure
from ipv6console.console.action import Scope
from ipv6console.console.screens.page import Page
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.absent import AbsentPane, Told
from ipv6console.console.widgets.prefixes import PrefixesPane
from ipv6console.wire.state import State

_GUIDE = (
    "Space is what is handed out for good: ranges, reservations, bindings and subscribers' prefixes. This engine keeps\n"
    "none; what it hands out are leases from the pool (screen 2), for a while each."
)
_WHAT = (
    "Addresses for lasting use, apart from the scrapers' pool: ranges (what may be handed out), reservations (what never "
    "is), bindings (one address for one machine or container, until it is released), and prefixes given to subscribers."
)
_TODO = (
    "Nothing has to be done. What works today: to keep an address or a network from ever being handed out, name it in the "
    "configuration:\n"
)
_WITHDRAW = "\nTo withdraw what is in the pool already, for good (X on Pool and Prefixes does the same):\n"
_HOLD = "\nTo hold one address for longer than a request, lease it and renew the lease: IPv6Session does so by itself."


def telling(state: State) -> Sequence[Told]:
    """Return what is so of this engine and lasting use."""
    none = f"has none of them: version {state.engine.version} has no bindings and no subscribers. All of its "
    leased = f" are the pool's; {figure.count(state.pool.leased)} of them are leased to scrapers now."
    return (
        ("what it is", (_WHAT,)),
        ("this engine", (none, (figure.many(state.pool.total, "address", "addresses"), Tone.STRONG), leased)),
        (
            "what to do",
            (
                _TODO,
                ('[pool] exclude = ["2001:db8:0:1::53", "2001:db8:0:1:f::/80"]', Tone.STRONG),
                _WITHDRAW,
                ("ipv6console revoke ADDRESS --reason WHY", Tone.STRONG),
                _HOLD,
            ),
        ),
    )


class SpaceScreen(Page):
    """One page of text; in a wide terminal the prefixes that space would be cut from below it."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "space.tcss"]
    mode = "space"
    scopes = frozenset({Scope.SPACE})

    def inside(self) -> ComposeResult:
        """The page, and in a wide terminal the prefixes."""
        yield AbsentPane("Address space", _GUIDE, telling, id="space")
        yield PrefixesPane(id="prefixes")
