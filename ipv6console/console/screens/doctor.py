"""The doctor's chain as a dialog: every step from interface to echo."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ipv6console.console import call, figure, lookup
from ipv6console.console.layout import hang
from ipv6console.console.model import Condition, Model
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Tone, content, verdict
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.status import Level

_NAME, _TEXT = 11, 22


class DoctorDialog(Reader):
    """Walks the chain when opened; `y` copies the gravest fix, then the next one, last the command of the walk."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "walk", show=False)]
    hints = (("r", "walk again"),)
    names_copying = False

    def __init__(self, source: Source, model: Model, prefix: str | None, door: call.Door) -> None:
        super().__init__("Why? The chain from interface to echo", self._told, wide=True)
        self._source, self._model, self._prefix, self._door = source, model, prefix, door
        self._walked_at = 0.0
        self._report: DoctorReport | None = None
        self._refusal: Refused | None = None
        self._fixes: tuple[str, ...] = ()
        self._turn = 0

    def calls(self) -> call.Call | None:
        """The same outside the console."""
        return lookup.doctor(self._door, self._prefix)

    def on_mount(self) -> None:
        """Walk."""
        self.action_walk()

    def action_walk(self) -> None:
        """Walk, or walk again: what the last walk found is no longer told."""
        self._report, self._refusal, self._fixes, self._turn = None, None, (), 0
        self.run_worker(self._walk(), exclusive=True, group="walk")
        self.write()

    async def _walk(self) -> None:
        try:
            self._report = await self._source.doctor(self._prefix)
        except Refused as refusal:
            self._refusal = refusal
        else:
            self._fixes, self._walked_at = fixes(self._report), self._model.now
        self.write()

    def copying(self) -> Content:
        """Return which keys copy what."""
        number = len(self._fixes)
        told = (
            "the fix, again the command" if number == 1 else f"the {number} fixes one after another, then the command"
        )
        return content(
            ("y", Tone.PRESS), (f" copies {told if number else 'the command'}, ", Tone.DIM),
            ("Y", Tone.PRESS), (" the curl line", Tone.DIM),
        )  # fmt: skip

    def action_copy_text(self) -> None:
        """Copy the next fix, or the command after the last one."""
        texts = (*self._fixes, lookup.doctor(self._door, self._prefix).cli)
        place, self._turn = self._turn % len(texts), self._turn + 1
        which = f"fix {place + 1} of {len(self._fixes)}" if place < len(self._fixes) else "the command of this walk"
        self.copy(texts[place], which)

    def _told(self, width: int) -> Content:
        if self._refusal is not None:
            return content(
                (f"✖ {self._refusal.title}: ", Tone.FAIL), self._refusal.detail, "\n", (self._refusal.next, Tone.STRONG)
            )
        if self._report is None:
            return content(("⟳ looking", Tone.BUSY), " at every step from interface to echo")
        stale = self._model.condition is Condition.STALE
        age = content((f"\n\nwalked {figure.ago(self._model.now - self._walked_at)}", Tone.DIM))
        return told(self._report, width, stale=stale) + age


def fixes(report: DoctorReport) -> tuple[str, ...]:
    """Return the fixes of what is not well, the gravest first."""
    ill = [(step.level, step.fix) for step in report.steps if step.fix and step.level is not Level.OK]
    grave = [fix for level, fix in ill if level is Level.FAIL]
    return tuple(dict.fromkeys(grave + [fix for _, fix in ill]))


def told(report: DoctorReport, width: int, *, stale: bool = False) -> Content:
    """Return the report as text: each step with its evidence, and the fix under what is not well."""
    where = f"  {report.prefix or 'no prefix'} on {report.interface or 'no interface'}"
    lines = [content((report.verdict, Tone.STRONG), (where, Tone.DIM)), Content("")]
    for step in report.steps:
        word, tone = verdict(step.level, stale=stale and step.level is not Level.UNKNOWN)
        head = content((f"{word:<{_NAME}}", tone), (step.name, Tone.STRONG))
        lines.append(hang(head, Content(step.text), _TEXT, width))
        lines += [hang(Content(""), content((evidence, Tone.DIM)), _TEXT, width) for evidence in step.evidence]
        if step.fix and step.level is not Level.OK:
            label = content(" " * _NAME, ("fix", Tone.KEY))
            lines.append(hang(label, content((step.fix, Tone.STRONG)), _TEXT, width))
    return Content("\n").join(lines)
