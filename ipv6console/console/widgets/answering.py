"""The Answering pane: for each prefix, who makes its neighbours find this host, and how that does."""

from __future__ import annotations

from typing import ClassVar

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, verdict
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.ndp import ordered
from ipv6console.console.widgets.pane import View
from ipv6console.console.widgets.roster import Roster
from ipv6console.wire.state import NdpRow


class AnsweringPane(Roster[NdpRow]):
    """One line a prefix, the one in use first."""

    topic = "NDP"
    guide: ClassVar[str] = (
        "For each prefix how neighbours learn that this host answers for its addresses: routed needs nothing; ndppd is\n"
        "the proxy daemon, responder a process of ours, both started again by the engine when they die; address and\n"
        "proxy are kernel entries. asked and answered count neighbour solicitations, where somebody counts them. A red\n"
        "line has its reason in the chain below: {why} opens it large, {again} walks it again. {config} compares what is configured."
    )
    fields = frozenset({"state", "prefix", "interface", "strategy", "text"})
    columns = (
        Column(key="state", title="STATE", width=10),
        Column(key="prefix", title="PREFIX", width=20, flex=2),
        Column(key="interface", title="ON", width=8, rank=5),
        Column(key="strategy", title="BY", width=9),
        Column(key="pid", title="PID", width=7, right=True, rank=4),
        Column(key="up", title="UP", width=5, right=True, rank=6),
        Column(key="restarts", title="RESTARTS", width=8, right=True, rank=1),
        Column(key="cpu", title="CPU", width=6, right=True, rank=3),
        Column(key="asked", title="ASKED", width=6, right=True, rank=7),
        Column(key="answered", title="ANSWERED", width=8, right=True, rank=7),
        Column(key="text", title="HEALTH", width=22, flex=3, rank=8),
    )

    what = "NDP"
    none = (
        ("○ not configured", Tone.DIM), "\nThere is no prefix to answer for, so nothing is set up.\n",
        ("w", Tone.KEY), " shows why there is no prefix",
    )  # fmt: skip

    def listed(self, view: View) -> list[NdpRow]:
        """How each prefix is answered for, the one in use first."""
        return ordered(view)

    @staticmethod
    def fields_of(row: NdpRow) -> dict[str, str]:
        """State, prefix, and how it is answered for."""
        return {
            "state": row.level.value, "prefix": row.prefix, "interface": row.interface, "strategy": row.strategy,
            "text": row.text,
        }  # fmt: skip

    @staticmethod
    def grid_row(row: NdpRow, view: View) -> GridRow:
        """One prefix, with the process behind it and its counters."""
        stale = view.model.condition is Condition.STALE
        up = "" if row.started_at is None else figure.whole_age(view.model.age_of(row.started_at))
        restarts = Tone.WARN if row.restarts and not stale else Tone.DIM
        return GridRow(
            row.prefix,
            {
                "state": (verdict(row.level, stale=stale),),
                "prefix": ((row.prefix, Tone.DIM if stale else Tone.STRONG),),
                "interface": ((row.interface, Tone.PLAIN),),
                "strategy": ((row.strategy, Tone.PLAIN),),
                "pid": ((str(row.pid) if row.pid else "-", Tone.DIM),),
                "up": ((up, Tone.DIM),),
                "restarts": ((str(row.restarts), restarts),),
                "cpu": (share(row.cpu, stale=stale),),
                "asked": (_counted(row.solicited),),
                "answered": (_counted(row.answered),),
                "text": ((row.text, Tone.DIM),),
            },
        )

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the row under the cursor."""
        row = self.chosen(view)
        return None if row is None else (f"NDP of {row.prefix}", facts(row, view.model.now))

    def copied(self, view: View) -> str | None:
        """The fix, else the prefix."""
        row = self.chosen(view)
        return None if row is None else row.fix or row.prefix

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.ndp(view.door)


_SPINNING = 0.5


def share(cpu: float | None, *, stale: bool) -> Span:
    """Return what part of a core is used, in percent."""
    if cpu is None:
        return "-", Tone.DIM
    loud = cpu >= _SPINNING and not stale
    return f"{cpu * 100:.1f}%" if cpu < 1 else f"{cpu:.0%}", Tone.WARN if loud else Tone.DIM


def _counted(number: int | None) -> Span:
    return ("-", Tone.DIM) if number is None else (figure.short(number), Tone.PLAIN)
