"""The table of the pool: every address with its state in the mirrors, filtered, in order, live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.following import Following
from ipv6console.console.listing import Listing, Order
from ipv6console.console.model import Condition
from ipv6console.console.query import BadFilter, Context, Query, parse
from ipv6console.console.source import Refused
from ipv6console.console.stock import spelled
from ipv6console.console.tone import Span, Tone, content
from ipv6console.console.widgets.addressrow import Rows
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.pane import View, waiting
from ipv6console.console.widgets.roll import Roll
from ipv6console.console.widgets.table import NONE_PASS, FilterLine, TablePane
from ipv6console.wire.address import AddressRow
from ipv6console.wire.status import Stamp

HEADS: tuple[tuple[str, str, str], ...] = (
    ("address", "a", "Address"),
    ("state", "s", "State: bad first, then using"),
    ("used", "u", "Last used"),
    ("uses", "n", "Number of uses"),
    ("verified", "v", "Verified, how long ago"),
    ("retry", "r", "Checked again, when"),
)
"""The columns that can be put in order by, each with its letter and what it is."""

LEGEND: tuple[Span, ...] = (
    ("●", Tone.BUSY), (" using ", Tone.DIM), ("✖", Tone.FAIL), (" bad ", Tone.DIM), ("○", Tone.PLAIN), (" idle   ", Tone.DIM),
)  # fmt: skip
_TIMED_EACH = 10.0
_NOT_KEPT = (
    ("○ not kept", Tone.DIM), "  Rewind keeps the state, not each address: this table shows only what is so now. ",
    ("]", Tone.KEY), " goes forward to it.",
)  # fmt: skip

Note = tuple[Span | str | Content, ...]
"""What stands in place of the table."""


class PoolFilterLine(FilterLine):
    """The line the pool's filter is typed into."""

    def __init__(self) -> None:
        super().__init__()
        self.placeholder = "state:bad mirror:NAME lease:HOLDER age>1h 2001:db8::/48 ::beef !word"


class AddressesPane(TablePane):
    """The addresses of the pool. `unheld` says why it is not known who leases what, after that was asked."""

    topic = "Pool"
    scopes = frozenset({Scope.TABLE, Scope.POOL})
    guide: ClassVar[str] = (
        "Every verified address, each nibble written, its prefix dimmed. ● names the mirrors it is leased in, ✖ those it is "
        "bad in, ○ is idle in all. USED is when it was leased last, USES how often, AGE since it was verified, RETRY when a "
        "bad one is checked again. The title tells how old this is.\n"
        "{filter} filters: words; state:idle|using|bad (in the mirrors named); mirror:NAME; lease:HOLDER, lease:yes or no; "
        "prefix:P; age>1h used<5m retry<10m uses>3; 2001:db8::/48 for what is inside, ::beef for an end, 2001:db8:: for a "
        "beginning, an address in any spelling; !word inverts.\n"
        "{order} puts in order, {mark} marks, {mark_all} marks all that pass; {revoke} revokes and {reset} resets what is marked, else the row of the cursor."
    )
    columns = (
        Column(key="mark", title="", width=1),
        Column(key="address", title="ADDRESS", width=39),
        Column(key="state", title="STATE", width=12, flex=1),
        Column(key="used", title="USED", width=5, right=True, rank=2),
        Column(key="uses", title="USES", width=5, right=True, rank=4),
        Column(key="verified", title="AGE", width=4, right=True, rank=3),
        Column(key="retry", title="RETRY", width=5, right=True, rank=5),
    )

    class Wanted(Message):
        """Another filter or order is wanted."""

        def __init__(self, query: Query, order: Order) -> None:
            super().__init__()
            self.query, self.order = query, order

    def __init__(self, *, id: str, following: Callable[[], Following], past: Callable[[], bool]) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._following, self._past = following, past
        self._rows: Rows | None = None
        self._marks: set[int] = set()
        self._turn = 0
        self._query, self._order = Query(), Order()
        self._problem: str | None = None
        self._asked_at = 0.0
        self._about = Context()
        self.unheld: Refused | None = None

    def compose(self) -> ComposeResult:
        """Filter, what is wrong with it, table and note."""
        yield PoolFilterLine()
        yield Static(classes="problem")
        yield Roll(self.columns, id=f"{self.id}-grid")
        yield Static(classes="body note")

    @property
    def roll(self) -> Roll:
        """The table."""
        return self.query_one(Roll)

    @property
    def listing(self) -> Listing:
        """What is listed."""
        return self._following().listing

    @property
    def mirrors(self) -> tuple[str, ...] | None:
        """The mirrors the filter knows of."""
        return self._about.mirrors

    @property
    def order(self) -> Order:
        """The order wanted."""
        return self._order

    @property
    def marks(self) -> tuple[str, ...]:
        """The marked addresses that are still there, in their own order."""
        stock = self.listing.stock
        return tuple(spelled(address) for address in sorted(self._marks) if stock.find(address) is not None)

    def chosen(self) -> AddressRow | None:
        """Return the row under the cursor; in the past there is none."""
        key = None if self._past() else self.roll.cursor_key
        slot = None if key is None else self.listing.stock.find(int(key))
        return None if slot is None else self.listing.stock.row(slot)

    def meant(self) -> tuple[str, ...]:
        """Return the addresses that acts are about: those marked, else the one under the cursor."""
        row = self.chosen()
        marks = () if self._past() else self.marks
        return marks or (() if row is None else (row.addr,))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self.ask(self._about)

    def ask(self, context: Context) -> None:
        """Filter and order by what is wanted now; `context` is what the filter is about."""
        self._about, self._asked_at = context, context.now
        try:
            query = parse(self.filter_text, context)
        except BadFilter as problem:
            self._problem = str(problem)
        else:
            self._problem = None
            self._query = query
            self.post_message(self.Wanted(query, self._order))
        problem_line = self.query_one(".problem", Static)
        problem_line.display = self._problem is not None
        problem_line.update(content((f"✖ {self._problem}", Tone.FAIL)) if self._problem else "")

    @property
    def needs_holders(self) -> bool:
        """Whether the filter asks who leases what."""
        return self._query.needs_holders

    @property
    def _guesses(self) -> bool:
        """Whether the filter asks who leases what while nobody knows."""
        return self._query.needs_holders and self._about.holders is None

    def put_in_order(self, column: str) -> None:
        """Order by a column; by the one it is already, the other way round."""
        descending = column in {"used", "uses"} if column != self._order.column else not self._order.descending
        self._order = Order(column, descending)
        self.post_message(self.Wanted(self._query, self._order))

    def on_roll_head_clicked(self, event: Roll.HeadClicked) -> None:
        """Order by the column that was clicked."""
        event.stop()
        if event.column in {column for column, _, _ in HEADS}:
            self.put_in_order(event.column)

    def mark(self, addresses: Iterable[int]) -> None:
        """Mark these; when all of them are, take the marks away."""
        wanted = set(addresses)
        self._marks = self._marks - wanted if wanted <= self._marks else self._marks | wanted
        self._turn += 1

    def clear_marks(self) -> None:
        """Take all marks away."""
        self._marks = set()
        self._turn += 1

    def act_mark(self) -> None:
        """Mark the address under the cursor, or take the mark away, and go on to the next."""
        key = self.roll.cursor_key
        if key is not None:
            self.mark([int(key)])
            self.roll.action_move(1)

    def act_mark_all(self) -> None:
        """Mark everything that passes the filter, or take the marks away."""
        listing = self.listing
        self.mark(listing.stock.address[slot] for slot in listing.listed())

    def basis(self, view: View) -> tuple[object, ...]:
        """What is listed and how, and how far that is."""
        following = self._following()
        return (
            following.listing.version, following.read_at, following.total, following.reading, following.arranged,
            following.refusal, self._turn, self._problem, self._past(), self._guesses, self.unheld,
        )  # fmt: skip

    def redraw(self, view: View) -> None:
        """Show what is listed, and how old that is."""
        if self._past():
            self.frame(view, "Pool", None)
            self.roll.show([])
            self._say(_NOT_KEPT)
            return
        following, model = self._following(), view.model
        stamp = None if following.read_at is None else Stamp(following.read_at, "engine")
        self.frame(view, self._heading(view, following), stamp, legend=LEGEND)
        if self._query.timed and model.now - self._asked_at > _TIMED_EACH and not view.paused:
            self.ask(Context(model.now, self._about.mirrors, self._about.holders))
        if view.paused and self._rows is not None:
            return
        if self._rows is None:
            self._rows = Rows(self.listing)
        self._rows.update(
            model.now, self._marks, stale=model.condition is Condition.STALE or self._late(following), turn=self._turn
        )
        order = self.listing.order
        self.roll.show_order(order.column, descending=order.descending)
        self.roll.show_window(self._rows)
        self._say(self._note(view, following))

    def _late(self, following: Following) -> bool:
        return following.refusal is not None and not following.reading

    def _say(self, note: Note) -> None:
        line = self.query_one(".note", Static)
        line.display = bool(note)
        self.set_class(bool(note), "-noted")
        if note:
            line.update(content(*note))

    def _heading(self, view: View, following: Following) -> str:
        listed, there = len(self.listing), len(self.listing.stock)
        told = ["Pool"]
        filtered = bool(self.listing.query.tests)
        if there:
            told.append(f"{figure.count(listed)} of {figure.count(there)} pass" if filtered else figure.count(there))
        if following.reading and following.total and there < following.total:
            told.append(f"⟳ {100 * there // following.total} % of {figure.count(following.total)} read")
        if following.arranged is not None:
            told.append(f"⟳ {following.arranged:.0%} sorted")
        if self._marks:
            told.append(f"{figure.count(len(self.marks))} marked")
        if following.refusal is not None and there:
            told.append("◌ not read just now")
        if self._guesses:
            told.append("◌ not known who leases what")
        if view.paused:
            told.append("paused")
        return " · ".join(told)

    def _note(self, view: View, following: Following) -> Note:
        if len(self.listing):
            return ()
        body = waiting(view, "the addresses")
        if body is not None:
            return (body,)
        refusal = following.refusal or (self.unheld if self._guesses else None)
        if refusal is not None:
            return refused(refusal)
        if self._guesses or (following.reading and not len(self.listing.stock)):
            return ("⟳ loading", Tone.BUSY), " who leases what" if self._guesses else " the addresses"
        if len(self.listing.stock):
            return NONE_PASS
        return (
            ("○ no addresses yet", Tone.DIM), "  ", ("s", Tone.KEY), " spawns, ", ("w", Tone.KEY), " shows why there are none",
        )  # fmt: skip

    def lines(self) -> Iterator[GridRow]:
        """Every row as the table is listed at first; an address that leaves meanwhile is left out."""
        rows, stock = self._rows, self.listing.stock
        if rows is None or self._past():
            return
        for slot in list(self.listing.listed()):
            if stock.usage[slot] is not None:
                yield rows.made(slot)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Nothing: the page opens an address itself."""
        return None

    def copied(self, view: View) -> str | None:
        """The addresses that acts are about, one a line."""
        return "\n".join(self.meant()) or None

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.addresses(view.door)


def refused(refusal: Refused) -> Note:
    """Return what a table shows when the engine would not be read."""
    denied = refusal.kind in {"forbidden", "unauthorized"}
    return (
        (f"✖ {'no permission' if denied else refusal.title}", Tone.FAIL), f"\n{refusal.detail}\n",
        (refusal.next, Tone.STRONG),
    )  # fmt: skip
