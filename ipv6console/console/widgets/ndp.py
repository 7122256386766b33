"""The NDP pane: how neighbours learn that this host answers for the prefix, and whether they do."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, content, verdict
from ipv6console.console.widgets.pane import LABEL, TextPane, View, rows, waiting
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Finding, Level

_FIREWALL = "firewall"
_WITH_PROCESS = {"ndppd", "responder"}
_ILL = (Level.WARN, Level.FAIL)


def ordered(view: View) -> list[NdpRow]:
    """Return the NDP rows, the one of the prefix in use first."""
    if view.model.state is None:
        return []
    used = view.model.prefix
    return sorted(view.model.state.ndp, key=lambda row: used is None or row.prefix != used.prefix)


def findings(view: View) -> list[Finding]:
    """Return what the engine found wrong with what surrounds NDP: the inbound firewall, privileges, prefix and interface."""
    state = view.model.state
    if state is None:
        return []
    subjects = {_FIREWALL, "privilege", *(name for row in state.ndp for name in (row.prefix, row.interface))}
    return [item for item in dict.fromkeys(state.engine.findings) if item.subject in subjects and item.level in _ILL]


def process(row: NdpRow, view: View) -> tuple[Span | str, ...]:
    """Return pid and uptime of the process behind a strategy."""
    if row.pid is None:
        return (("○ none runs", Tone.DIM),)
    up = "" if row.started_at is None else f"  up {figure.span(view.model.age_of(row.started_at))}"
    return (f"pid {row.pid}{up}",)


def lines(row: NdpRow, view: View, width: int) -> Content:
    """Return what is to be said of one prefix's NDP."""
    stale = view.model.condition is Condition.STALE
    restarts: Span = (str(row.restarts), Tone.WARN if row.restarts and not stale else Tone.PLAIN)
    said = {row.strategy, row.interface} <= set(row.text.replace(":", " ").replace(",", " ").split())
    told: list[tuple[str, tuple[Span | str, ...]]] = [
        (
            "health",
            (verdict(row.level, stale=stale), f"  {row.text if said else f'{row.strategy} on {row.interface}'}"),
        ),
        ("", ("" if said else row.text,)),
        ("why", ((row.why, Tone.DIM),)),
    ]
    if row.pid is not None or row.strategy in _WITH_PROCESS:
        told.append(("process", process(row, view)))
        share: tuple[Span | str, ...] = (("   cpu ", Tone.DIM), f"{row.cpu * 100:.1f} %") if row.cpu is not None else ()
        told.append(("restarts", (restarts, *share)))
    if row.solicited is not None:
        answered = "not counted" if row.answered is None else figure.count(row.answered)
        told.append(("asked", (figure.count(row.solicited), ("   answered ", Tone.DIM), answered)))
    if row.fix and row.level is not Level.OK:
        told.append(("fix", ((row.fix, Tone.STRONG),)))
    return rows([(label, spans) for label, spans in told if label or spans[0]], width)


def found_lines(found: list[Finding], view: View, width: int) -> Content:
    """Return the findings, each with its fix below it."""
    stale = view.model.condition is Condition.STALE
    told: list[tuple[str, tuple[Span | str, ...]]] = []
    for item in found:
        label = "inbound" if item.subject == _FIREWALL else item.subject if len(item.subject) < LABEL else "found"
        told.append((label, (verdict(item.level, stale=stale), f"  {item.text}")))
        if item.fix:
            told.append(("fix", ((item.fix, Tone.STRONG),)))
    return rows(told, width)


class NdpPane(TextPane):
    """The strategy of the prefix in use, and the daemon's health."""

    topic = "NDP"
    guide: ClassVar[str] = (
        "How neighbours learn that this host answers for every address of the prefix (the strategy), why that one\n"
        "was chosen, and whether it works: process, packet socket, CPU and an end-to-end check, not the process alone.\n"
        "routed needs nothing; ndppd is the proxy daemon, responder a process of ours: when one dies the engine starts\n"
        "it again and counts the restart. responder counts who asked for addresses of the prefix, and answers for those\n"
        "of the pool only. address and proxy are kernel entries, one for each address of the pool. inbound: whether new\n"
        "connections from outside to pool addresses are dropped. {why} walks the whole chain; fix is a command to run."
    )

    def basis(self, view: View) -> tuple[object, ...]:
        """The strategies, what was found around them, and which prefix is in use."""
        state = view.model.state
        return () if state is None else (state.ndp, state.engine.findings, state.prefixes)

    def redraw(self, view: View) -> None:
        """Show strategy and health."""
        found = ordered(view)
        self.frame(view, "NDP" if not found else f"NDP · {found[0].strategy}", found[0].stamp if found else None)
        body = waiting(view, "NDP")
        if body is None and found:
            parts = [lines(row, view, self.room) for row in found]
            wrong = findings(view)
            body = Content("\n\n").join([*parts, found_lines(wrong, view, self.room)] if wrong else parts)
        self.write(body or content(
            ("○ not configured", Tone.DIM), "\nThere is no prefix to answer for, so nothing is set up.\n",
            ("w", Tone.KEY), " shows why there is no prefix",
        ))  # fmt: skip

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of NDP."""
        found = ordered(view)
        told = [fact for row in [*found, *findings(view)] for fact in [*facts(row, view.model.now), ("", "")]]
        return ("NDP", told[:-1]) if found else None

    def copied(self, view: View) -> str | None:
        """The fix if there is one, else what the health says."""
        found = ordered(view)
        fixes = [*(row.fix for row in found if row.fix), *(item.fix for item in findings(view) if item.fix)]
        return fixes[0] if fixes else found[0].text if found else None

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.ndp(view.door)
