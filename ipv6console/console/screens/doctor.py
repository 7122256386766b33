"""The doctor's chain as a dialog: interface, prefix, route, bind, NDP, echo."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ipv6console.console import call
from ipv6console.console.layout import hang
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Tone, content, verdict
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.status import Level

_NAME, _TEXT = 11, 22


class DoctorDialog(Reader):
    """Walks the chain when opened; `y` copies the first fix, else the command."""

    def __init__(self, source: Source, prefix: str | None, door: call.Door) -> None:
        super().__init__("Why? The chain from interface to echo", self._told, wide=True)
        self._source, self._prefix, self._door = source, prefix, door
        self._report: DoctorReport | None = None
        self._refusal: Refused | None = None
        self._copied = call.doctor(door, prefix).cli

    def inside(self) -> ComposeResult:
        """The steps, the calls, how to leave."""
        with VerticalScroll(classes="body", can_focus=True):
            yield Static(id="text")
            yield Static(self.calls_shown(), classes="calls")

    def calls(self) -> call.Call | None:
        """The same outside the console."""
        return call.doctor(self._door, self._prefix)

    def on_mount(self) -> None:
        """Walk."""
        self.run_worker(self._walk())

    async def _walk(self) -> None:
        try:
            self._report = await self._source.doctor(self._prefix)
        except Refused as refusal:
            self._refusal = refusal
        else:
            self._copied = next((step.fix for step in self._report.steps if step.fix), self._copied)
        self.write()

    def _told(self, width: int) -> Content:
        if self._refusal is not None:
            return content(
                (f"✖ {self._refusal.title}: ", Tone.FAIL), self._refusal.detail, "\n", (self._refusal.next, Tone.STRONG)
            )
        if self._report is None:
            return content(("⟳ looking", Tone.BUSY), " at interface, prefix, route, bind, NDP and echo")
        return told(self._report, width)


def told(report: DoctorReport, width: int) -> Content:
    """Return the report as text: each step with its evidence, and the fix under what is not well."""
    where = f"  {report.prefix or 'no prefix'} on {report.interface or 'no interface'}"
    lines = [content((report.verdict, Tone.STRONG), (where, Tone.DIM)), Content("")]
    for step in report.steps:
        head = content((f"{verdict(step.level)[0]:<{_NAME}}", verdict(step.level)[1]), (step.name, Tone.STRONG))
        lines.append(hang(head, Content(step.text), _TEXT, width))
        lines += [hang(Content(""), content((evidence, Tone.DIM)), _TEXT, width) for evidence in step.evidence]
        if step.fix and step.level is not Level.OK:
            label = content(" " * _NAME, ("fix", Tone.KEY))
            lines.append(hang(label, content((step.fix, Tone.STRONG)), _TEXT, width))
    return Content("\n").join(lines)
