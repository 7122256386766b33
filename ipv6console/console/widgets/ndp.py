"""The NDP pane: how neighbours learn that this host answers for the prefix, and whether they do."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure
from ipv6console.console.detail import facts
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, content, verdict
from ipv6console.console.widgets.pane import TextPane, View, rows, waiting
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level


def ordered(view: View) -> list[NdpRow]:
    """Return the NDP rows, the one of the prefix in use first."""
    if view.model.state is None:
        return []
    used = view.model.prefix
    return sorted(view.model.state.ndp, key=lambda row: used is None or row.prefix != used.prefix)


def process(row: NdpRow, view: View) -> tuple[Span | str, ...]:
    """Return pid, uptime and restarts of the daemon behind a strategy."""
    if row.pid is None:
        return (("no process of its own", Tone.DIM),)
    up = "" if row.started_at is None else f"  up {figure.span(view.model.age_of(row.started_at))}"
    return (f"pid {row.pid}{up}",)


def lines(row: NdpRow, view: View, width: int) -> Content:
    """Return what is to be said of one prefix's NDP."""
    stale = view.model.condition is Condition.STALE
    restarts: Span = (str(row.restarts), Tone.WARN if row.restarts and not stale else Tone.PLAIN)
    told: list[tuple[str, tuple[Span | str, ...]]] = [
        ("health", (verdict(row.level, stale=stale), f"  {row.strategy} on {row.interface}")),
        ("", (row.text,)),
        ("why", ((row.why, Tone.DIM),)),
    ]
    if row.pid is not None or row.strategy == "ndppd":
        told.append(("process", process(row, view)))
        cpu = "not known" if row.cpu is None else f"{row.cpu:.1f} %"
        told.append(("restarts", (restarts, ("   cpu ", Tone.DIM), cpu)))
    if row.fix and row.level is not Level.OK:
        told.append(("fix", ((row.fix, Tone.STRONG),)))
    return rows([(label, spans) for label, spans in told if label or spans[0]], width)


class NdpPane(TextPane):
    """The strategy of the prefix in use, and the daemon's health."""

    topic = "NDP"
    guide: ClassVar[str] = (
        "How neighbours learn that this host answers for every address of the prefix (the strategy), why that one\n"
        "was chosen, and whether it works: process, packet socket, CPU and an end-to-end check, not the process alone.\n"
        "routed needs nothing; ndppd is the proxy daemon this engine supervises. When it dies the engine starts it\n"
        "again and counts the restart. w walks the whole chain; the fix line is a command you can run."
    )

    def redraw(self, view: View) -> None:
        """Show strategy and health."""
        found = ordered(view)
        self.frame(view, "NDP" if not found else f"NDP · {found[0].strategy}", found[0].stamp if found else None)
        body = waiting(view, "NDP")
        if body is None and found:
            body = Content("\n\n").join(lines(row, view, self.room) for row in found)
        self.write(body or content(
            ("○ not configured", Tone.DIM), "\nThere is no prefix to answer for, so nothing is set up.\n",
            ("w", Tone.KEY), " shows why there is no prefix",
        ))  # fmt: skip

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of NDP."""
        found = ordered(view)
        told = [fact for row in found for fact in [*facts(row, view.model.now), ("", "")]]
        return ("NDP", told[:-1]) if found else None

    def copied(self, view: View) -> str | None:
        """The fix if there is one, else what the health says."""
        found = ordered(view)
        return (found[0].fix or found[0].text) if found else None
