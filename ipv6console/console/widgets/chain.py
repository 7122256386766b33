"""The Chain pane: the doctor's walk from interface to echo for the prefix under the cursor, and how old it is."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.inquiry import Inquiry
from ipv6console.console.model import Condition
from ipv6console.console.screens.doctor import fixes, told
from ipv6console.console.tone import Tone, content, verdict
from ipv6console.console.widgets.answering import AnsweringPane
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.console.widgets.prefixes import PrefixesPane
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class ChainPane(TextPane):
    """The same report as `ipv6console doctor` prints; walked when first looked at, when NDP changes, and on `r`."""

    topic = "Doctor"
    guide: ClassVar[str] = (
        "The chain that makes an address work: interface, prefix, route, bind, inbound, NDP, echo, each with what was\n"
        "seen and, where it is not well, the command that mends it. {copy} copies the gravest fix, then the next one. The\n"
        "steps after a failed one are not taken: they would say nothing. The walk is made when this screen is opened and\n"
        "when the health of NDP changes; its age is in the last line. {again} walks again, {why} opens it large."
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.report: Inquiry[DoctorReport] = Inquiry(self, "doctor")
        self._turn = 0

    def redraw(self, view: View) -> None:
        """Show the walk of the prefix under the cursor, of the best one when there is none."""
        prefix, version = self._about(view)
        found = self.report.value
        self.frame(view, "Doctor" if found is None else f"Doctor · {found.verdict}", None)
        body = waiting(view, "the doctor's chain")
        if body is None:
            self.report.want((prefix, view.source), version, lambda: view.source.doctor(prefix), view)
            body = self._told(view)
        self.write(body)

    def _about(self, view: View) -> tuple[str | None, Hashable]:
        """Return the prefix to be walked, and what makes another walk worth its while when it changes."""
        row = self.screen.query_one(AnsweringPane).chosen(view)
        return (row.prefix, (row.level, row.pid)) if row else (None, None)

    def _told(self, view: View) -> Content:
        inquiry = self.report
        parts: list[Content] = []
        if inquiry.refusal is not None:
            refusal = inquiry.refusal
            again = () if view.past else ("  ", ("r", Tone.KEY), " walks again")
            parts.append(content(
                (f"✖ {refusal.title}: ", Tone.FAIL), refusal.detail, "\n", (refusal.next, Tone.STRONG), *again,
            ))  # fmt: skip
        if inquiry.value is not None:
            parts.append(self._age(view, inquiry))
            parts.append(told(inquiry.value, self.room, stale=view.model.condition is Condition.STALE))
        elif inquiry.refusal is None and view.model.condition is not Condition.LIVE:
            parts.append(content(("◌ not walked", Tone.UNKNOWN), ": the engine does not answer"))
        elif inquiry.refusal is None:
            parts.append(content(("⟳ looking", Tone.BUSY), " at every step from interface to echo"))
        return Content("\n").join(parts)

    @staticmethod
    def _age(view: View, inquiry: Inquiry[DoctorReport]) -> Content:
        if inquiry.asking:
            return content(("⟳ looking again", Tone.BUSY), (", below is the last walk", Tone.DIM))
        copies = " copies the fix" if inquiry.value is not None and fixes(inquiry.value) else " copies the verdict"
        age = figure.whole_age(view.model.now - inquiry.at)
        when = "just now" if age == "now" else f"{age} ago"
        return content((f"walked {when}  ", Tone.DIM), ("r", Tone.KEY), (" walks again  ", Tone.DIM), ("y", Tone.KEY), (copies, Tone.DIM))  # fmt: skip

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Every step with its evidence."""
        report = self.report.value
        if report is None:
            return None
        stale = view.model.condition is Condition.STALE
        walked = figure.ago(view.model.now - self.report.at)
        lines = [("verdict", report.verdict), ("walked", walked), ("", "")]
        for step in report.steps:
            lines += [
                (step.name, f"{verdict(step.level, stale=stale)[0]}  {step.text}"),
                *(("", line) for line in step.evidence),
            ]
            if step.fix and step.level is not Level.OK:
                lines.append(("fix", step.fix))
        return f"Doctor · {report.prefix or 'no prefix'}", lines

    def copied(self, view: View) -> str | None:
        """The fix whose turn it is, the gravest first; with nothing to mend the verdict."""
        report = self.report.value
        if report is None:
            return None
        found = fixes(report)
        return found[self._turn % len(found)] if found else report.verdict

    def act_copy(self) -> None:
        """Copy the fix whose turn it is; the next time the next one."""
        cast("ConsoleApp", self.app).acts.copy()
        self._turn += 1

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.doctor(view.door, self._about(view)[0])


class PrefixChainPane(ChainPane):
    """The walk of the prefix under the cursor of the list of prefixes."""

    def _about(self, view: View) -> tuple[str | None, Hashable]:
        row = self.screen.query_one(PrefixesPane).chosen(view)
        return (row.prefix, (row.state, row.route, row.ndp)) if row else (None, None)
