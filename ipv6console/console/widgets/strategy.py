"""The Strategy pane: how one prefix is answered for, why that way, and the configuration wanted against what is there."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.inquiry import Inquiry
from ipv6console.console.layout import hang
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, content
from ipv6console.console.widgets import ndp
from ipv6console.console.widgets.answering import AnsweringPane
from ipv6console.console.widgets.pane import LABEL, TextPane, View, waiting
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow

_MARKS = {"+": Tone.OK, "-": Tone.FAIL, "@": Tone.KEY}


def compared(config: NdpConfig, width: int, *, stale: bool = False) -> Content:
    """Return what is configured in `width` cells: whether it agrees (or did), the difference, and what is wanted."""
    where = config.path or ("kernel entries" if config.wanted is not None else "nothing to configure")
    if config.wanted is None:
        verdict: Span = ("○ off", Tone.DIM)
    elif config.diff:
        verdict = ("◌ differed", Tone.UNKNOWN) if stale else ("▲ differs", Tone.WARN)
    else:
        verdict = ("◌ was as wanted", Tone.UNKNOWN) if stale else ("● as wanted", Tone.OK)
    lines = [
        hang(content(("config", Tone.DIM)), content(verdict, f"  {where}"), LABEL, width),
        hang(Content(""), content((config.text, Tone.DIM)), LABEL, width),
    ]
    if config.diff:
        lines.append(
            content((f"- there, + wanted: {figure.many(len(config.diff), 'line', 'lines')} of difference", Tone.DIM))
        )
        lines += [content((line, _MARKS.get(line[:1], Tone.PLAIN))) for line in config.diff]
    elif config.wanted:
        lines += [content((line, Tone.PLAIN)) for line in config.wanted.splitlines()]
    return Content("\n").join(lines)


class StrategyPane(TextPane):
    """Of the prefix under the cursor of the list above."""

    topic = "Strategy and configuration"
    guide: ClassVar[str] = (
        "How the prefix under the cursor is answered for: the strategy, the evidence it was chosen by, its process, what\n"
        "surrounds it (the inbound firewall, privileges), and its configuration: what the engine wants there against\n"
        "what is there. - is there and should not be, + is wanted and missing. ndppd and its service read a file;\n"
        "responder, address and proxy have entries instead; routed needs none. {again} compares again."
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.config: Inquiry[NdpConfig] = Inquiry(self, "config")

    def redraw(self, view: View) -> None:
        """Show strategy, findings and comparison."""
        row = self.screen.query_one(AnsweringPane).chosen(view)
        self.frame(view, "Strategy" if row is None else f"Strategy · {row.strategy}", row.stamp if row else None)
        body = waiting(view, "the strategy")
        if body is None and row is None:
            body = content(("○ not configured", Tone.DIM), "\nA strategy is chosen when there is a prefix.")
        if body is None and row is not None:
            self.compare(row, view)
            body = self.told(row, view, self.room)
        self.write(body or Content(""))

    def compare(self, row: NdpRow, view: View) -> None:
        """Ask for the comparison when what is known of it is not about `row` as it is now."""
        prefix, version = row.prefix, (row.strategy, row.level, row.pid)
        self.config.want((prefix, view.source), version, lambda: view.source.ndp_config(prefix), view)

    def told(self, row: NdpRow, view: View, width: int) -> Content:
        """Return all of it in `width` cells."""
        parts = [ndp.lines(row, view, width)]
        wrong = ndp.findings(view)
        if wrong:
            parts.append(ndp.found_lines(wrong, view, width))
        config, now = self.config, view.model.now
        if config.refusal is not None:
            parts.append(content((f"✖ {config.refusal.title}: ", Tone.FAIL), config.refusal.detail, "\n", (config.refusal.next, Tone.STRONG)))  # fmt: skip
        elif config.value is None:
            reading = view.model.condition is Condition.LIVE
            parts.append(
                content(("⟳ reading", Tone.BUSY), " the configuration")
                if reading
                else content(("◌ not read", Tone.UNKNOWN))
            )
        if config.value is not None:
            parts.append(compared(config.value, width, stale=view.model.condition is not Condition.LIVE))
            parts.append(
                content((f"compared {figure.ago(now - config.at)}  ", Tone.DIM), ("r", Tone.KEY), (" again", Tone.DIM))
            )
        return Content("\n\n").join(parts)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the row above."""
        return self.screen.query_one(AnsweringPane).subject(view)

    def copied(self, view: View) -> str | None:
        """The difference, else what is wanted."""
        config = self.config.value
        if config is None:
            return None
        return "\n".join(config.diff) or config.wanted

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        row = self.screen.query_one(AnsweringPane).chosen(view)
        return lookup.ndp(view.door, row.prefix if row else None)
