"""What is inside a mirror: its leases and who holds them, who bans it, its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.model import Condition
from ipv6console.console.screens.mirror import counters, settings
from ipv6console.console.source import Refused
from ipv6console.console.tone import Tone, content
from ipv6console.console.widgets.addresses import Note, refused
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.console.widgets.table import NONE_PASS, RowsPane
from ipv6console.wire.lease import LeasePage, LeaseRow
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.status import Stamp
from ipv6console.wire.target import TargetPage, TargetRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What was answered about one mirror, and at what time of the engine's; a part is a refusal, or None before."""

    name: str
    at: float | None = None
    leases: LeasePage | Refused | None = None
    targets: TargetPage | Refused | None = None
    settings: MirrorSettings | Refused | None = None

    @property
    def stamp(self) -> Stamp | None:
        """When it was so, and who said it."""
        return None if self.at is None else Stamp(self.at, "engine")


Known = Callable[[], Inside | None]


def _standing_in(view: View, inside: Inside | None, answer: object, what: str) -> Note | None:
    """Return what stands in place of the table while there is nothing to list; None when there may be."""
    body = waiting(view, what)
    if body is not None:
        return (body,)
    if inside is None:
        return (("○ no mirror under the cursor", Tone.DIM),)
    if isinstance(answer, Refused):
        return refused(answer)
    return (("⟳ asking", Tone.BUSY),) if answer is None else None


R = TypeVar("R", LeaseRow, TargetRow)


class InsidePane(RowsPane[R]):
    """A table of what was answered about the mirror. `inside` returns the answers."""

    scopes = frozenset({Scope.TABLE, Scope.MIRRORS})
    none: ClassVar[str] = ""
    """What is said when the answer lists nothing."""

    def __init__(self, *, id: str, inside: Known) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._inside = inside

    def basis(self, view: View) -> tuple[object, ...]:
        """The answers, and the filter."""
        return self._inside(), self.filter_text

    def heading(self, inside: Inside | None) -> str:
        """Return the title."""
        raise NotImplementedError

    @staticmethod
    def answer(inside: Inside) -> object:
        """Return what was answered: a page, a refusal, or None before."""
        raise NotImplementedError

    def listed(self) -> Sequence[R]:
        """Return the rows of the answer."""
        raise NotImplementedError

    def redraw(self, view: View) -> None:
        """Show the rows that pass the filter."""
        inside = self._inside()
        self.frame(view, self.heading(inside), None if inside is None else inside.stamp)
        if view.paused and self.grid.rows:
            return
        note = _standing_in(view, inside, None if inside is None else self.answer(inside), self.what)
        found = self.listed() if note is None else ()
        rows = self.passing(found, view)
        if note is None and not found:
            note = ((self.none, Tone.DIM),)
        elif note is None and not rows:
            note = NONE_PASS
        if note is None:
            self.place(rows, None)
        else:
            self.place([], ("", Tone.PLAIN), *note)

    def copied(self, view: View) -> str | None:
        """What the row under the cursor is known by."""
        return self.grid.cursor_key


class LeasesPane(InsidePane[LeaseRow]):
    """The live leases of the mirror, the newest first."""

    topic = "Leases"
    guide: ClassVar[str] = (
        "Who holds what in this mirror: the name the holder gave itself, the process as far as it is known, since when, and "
        "when the lease ends by itself. Enter tells who held the address before; {release} ends the lease when it has no owner; "
        "{revoke} withdraws the address everywhere, for good. {filter} filters by address, holder and process."
    )
    fields = frozenset({"addr", "holder", "process"})
    columns = (
        Column(key="addr", title="ADDRESS", width=39),
        Column(key="holder", title="HOLDER", width=14, flex=1),
        Column(key="process", title="PROCESS", width=24, flex=2, rank=3),
        Column(key="since", title="SINCE", width=6, right=True),
        Column(key="ends", title="ENDS", width=6, right=True),
    )

    what = "the leases"
    none = "○ nobody holds a lease in it"

    def heading(self, inside: Inside | None) -> str:
        """The mirror, and how many leases there are."""
        if inside is None:
            return "Leases"
        page = inside.leases
        if not isinstance(page, LeasePage):
            return f"Leases of {inside.name}"
        first = f"first {figure.count(len(page.leases))} of " if len(page.leases) < page.total else ""
        return f"Leases of {inside.name} · {first}{figure.count(page.total)}"

    @staticmethod
    def answer(inside: Inside) -> object:
        """The leases."""
        return inside.leases

    def listed(self) -> list[LeaseRow]:
        """The leases, the newest first."""
        inside = self._inside()
        page = None if inside is None else inside.leases
        rows = page.leases if isinstance(page, LeasePage) else ()
        return sorted(rows, key=lambda row: (-row.leased_at, row.addr))

    @staticmethod
    def fields_of(row: LeaseRow) -> dict[str, str]:
        """Address, holder and process."""
        return {"addr": row.addr, "holder": row.holder, "process": row.process or ""}

    @staticmethod
    def grid_row(row: LeaseRow, view: View) -> GridRow:
        """One lease."""
        left = row.expires_at - view.model.now
        stale = view.model.condition is Condition.STALE
        soon = Tone.WARN if left < 60 and not stale else Tone.PLAIN
        return GridRow(
            row.addr,
            {
                "addr": ((row.addr, Tone.DIM if stale else Tone.STRONG),),
                "holder": ((row.holder, Tone.PLAIN),),
                "process": ((row.process or "not known", Tone.DIM),),
                "since": ((figure.whole_age(view.model.age_of(row.leased_at)), Tone.DIM),),
                "ends": ((figure.whole_age(max(0.0, left)), soon),),
            },
        )

    def chosen(self) -> LeaseRow | None:
        """Return the lease under the cursor."""
        return next((row for row in self.listed() if row.addr == self.grid.cursor_key), None)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the lease under the cursor."""
        row = self.chosen()
        return (
            None if row is None else (f"Lease of {row.addr}", _dated(facts(row, view.model.now), self._inside(), view))
        )

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        inside = self._inside()
        return lookup.state(view.door) if inside is None else lookup.leases(view.door, inside.name)


def _dated(told: list[tuple[str, str]], inside: Inside | None, view: View) -> list[tuple[str, str]]:
    """Return what is told of a row, and when the engine told it."""
    at = None if inside is None else inside.at
    return told if at is None else [*told, ("known from", f"engine, {figure.ago(view.model.age_of(at))}")]


class TargetsPane(InsidePane[TargetRow]):
    """Who bans the mirror: the hosts named in bad verdicts, the one with most of them first."""

    topic = "Who bans us"
    guide: ClassVar[str] = (
        "The hosts that bad verdicts of this mirror name, the one with most of them first: how many verdicts, on how many "
        "addresses, when the last one came and why. Scrapers name the host with target= in their report. Enter shows all."
    )
    fields = frozenset({"target", "reason"})
    columns = (
        Column(key="target", title="WHO BANS", width=16, flex=2),
        Column(key="bans", title="BANS", width=6, right=True),
        Column(key="addresses", title="ADDRS", width=6, right=True, rank=2),
        Column(key="last", title="LAST", width=5, right=True),
        Column(key="reason", title="WHY", width=10, flex=1, rank=1),
    )

    what = "who bans it"
    none = "○ no verdict has named a host"

    def heading(self, inside: Inside | None) -> str:
        """The mirror, and how many hosts are listed when those are not all."""
        if inside is None:
            return "Who bans it"
        page = inside.targets
        more = isinstance(page, TargetPage) and page.next is not None
        return f"Who bans {inside.name}" + (f" · first {figure.count(len(self.listed()))}" if more else "")

    @staticmethod
    def answer(inside: Inside) -> object:
        """The hosts."""
        return inside.targets

    def listed(self) -> tuple[TargetRow, ...]:
        """The hosts, the one with most bans first."""
        inside = self._inside()
        page = None if inside is None else inside.targets
        return page.targets if isinstance(page, TargetPage) else ()

    @staticmethod
    def fields_of(row: TargetRow) -> dict[str, str]:
        """Host and reason."""
        return {"target": row.target, "reason": row.last_reason or ""}

    @staticmethod
    def grid_row(row: TargetRow, view: View) -> GridRow:
        """One host."""
        stale = view.model.condition is Condition.STALE
        return GridRow(
            row.target,
            {
                "target": ((row.target, Tone.DIM if stale else Tone.STRONG),),
                "bans": ((figure.short(row.bans), Tone.DIM if stale else Tone.FAIL),),
                "addresses": ((figure.short(row.addresses), Tone.PLAIN),),
                "last": ((figure.whole_age(view.model.age_of(row.last_at)), Tone.DIM),),
                "reason": ((row.last_reason or "", Tone.DIM),),
            },
        )

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the host under the cursor."""
        row = next((row for row in self.listed() if row.target == self.grid.cursor_key), None)
        return (
            None if row is None else (f"Bans by {row.target}", _dated(facts(row, view.model.now), self._inside(), view))
        )

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        inside = self._inside()
        return lookup.state(view.door) if inside is None else lookup.targets(view.door, inside.name)


class OwnPane(TextPane):
    """What the mirror does differently from the pool, and its counters."""

    topic = "Settings"
    scopes = frozenset({Scope.MIRRORS})
    guide: ClassVar[str] = (
        "What this mirror does differently; what it leaves to the pool is dim. Below, its counters since the engine's start. "
        "The command `ipv6console mirror set` changes the settings."
    )

    def __init__(self, *, id: str, inside: Known) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._inside = inside

    def basis(self, view: View) -> tuple[object, ...]:
        """The settings, and the mirror's row."""
        inside = self._inside()
        return inside, None if inside is None else view.model.mirror(inside.name)

    def redraw(self, view: View) -> None:
        """Show settings and counters."""
        inside = self._inside()
        self.frame(
            view,
            "Settings" if inside is None else f"Settings of {inside.name}",
            None if inside is None else inside.stamp,
        )
        own = None if inside is None else inside.settings
        note = _standing_in(view, inside, own, "the settings")
        parts = [] if note is None else [content(*note)]
        if isinstance(own, MirrorSettings):
            parts.append(settings(own, self.room))
        row = None if inside is None else view.model.mirror(inside.name)
        if row is not None:
            parts += [Content(""), counters(row, view.model, self.room)]
        self.write(Content("\n").join(parts))

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the mirror."""
        inside = self._inside()
        row = None if inside is None else view.model.mirror(inside.name)
        return None if row is None else (f"Mirror {row.name}", facts(row, view.model.now))

    def copied(self, view: View) -> str | None:
        """The mirror's name."""
        inside = self._inside()
        return None if inside is None else inside.name

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        inside = self._inside()
        return lookup.state(view.door) if inside is None else lookup.mirror(view.door, inside.name)
