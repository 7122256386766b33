"""The doctor's chain as a dialog: interface, prefix, route, bind, NDP, echo."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ipv6console.console import call
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Tone, content, verdict
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.status import Level


class DoctorDialog(Reader):
    """Walks the chain when opened; `y` copies the first fix, else the command."""

    def __init__(self, source: Source, prefix: str | None, door: call.Door) -> None:
        super().__init__("Why? The chain from interface to echo", Content(""), wide=True)
        self._source, self._prefix, self._door = source, prefix, door
        self._copied = call.doctor(door, prefix).cli

    def inside(self) -> ComposeResult:
        """The steps, the calls, how to leave."""
        with VerticalScroll(classes="body", can_focus=True):
            yield Static(
                content(("⟳ looking", Tone.BUSY), " at interface, prefix, route, bind, NDP and echo"), id="text"
            )
            yield Static(self.calls_shown(), classes="calls")

    def calls(self) -> call.Call | None:
        """The same outside the console."""
        return call.doctor(self._door, self._prefix)

    def on_mount(self) -> None:
        """Walk."""
        self.run_worker(self._walk())

    async def _walk(self) -> None:
        try:
            report = await self._source.doctor(self._prefix)
        except Refused as refusal:
            said = content((f"✖ {refusal.title}: ", Tone.FAIL), refusal.detail, "\n", (refusal.next, Tone.STRONG))
        else:
            said = told(report)
            self._copied = next((step.fix for step in report.steps if step.fix), self._copied)
        self.query_one("#text", Static).update(said)


def told(report: DoctorReport) -> Content:
    """Return the report as text: each step with its evidence, and the fix under what is not well."""
    lines = [
        content(
            (report.verdict, Tone.STRONG),
            (f"  {report.prefix or 'no prefix'} on {report.interface or 'no interface'}", Tone.DIM),
        ),
        Content(""),
    ]
    for step in report.steps:
        word, tone = verdict(step.level)
        lines.append(content((f"{word:<10}", tone), (f"{step.name:<10}", Tone.STRONG), step.text))
        lines += [content((f"{'':<20}{evidence}", Tone.DIM)) for evidence in step.evidence]
        if step.fix and step.level is not Level.OK:
            lines.append(content(f"{'':<10}", ("fix       ", Tone.KEY), (step.fix, Tone.STRONG)))
    return Content("\n").join(lines)
