"""The Subscribers pane: whose prefix is in which state, since when, and whether the systems beside ours agree."""

from __future__ import annotations

from typing import ClassVar

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.catalogue import Leaf
from ipv6console.console.detail import facts
from ipv6console.console.finding import SUBSCRIBERS, Term, asked_state, asked_text
from ipv6console.console.life import STATES, agreement, state_of
from ipv6console.console.model import Condition
from ipv6console.console.source import Source
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.addresses import Note
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.listed import ListedPane
from ipv6console.console.widgets.pane import View
from ipv6console.wire.state import SpaceState
from ipv6console.wire.status import Level
from ipv6console.wire.subscriber import SubscriberRow


class SubscribersPane(ListedPane[SubscriberRow]):
    """The subscribers, in the engine's order."""

    topic = "Subscribers"
    what = "the subscribers"
    hint = "state:failed tenant:acme ipam:refused 2001:db8::/40 !word; stuck ones: state:stuck"
    scopes = frozenset({Scope.TABLE, Scope.SUBSCRIBERS})
    tongue = SUBSCRIBERS
    guide: ClassVar[str] = (
        "Whose prefix is where in its life: pending → allocated → active or suspended → revoking → revoked, or failed; IN is for "
        "how long. IPAM and RADIUS say whether those agree: ● ok, ○ none is asked, ⟳ pending, ▲ held or silent, ✖ refused. "
        "STEPS are still to be taken by one of them; ▲ before a state means stuck.\n"
        "{filter} filters: a bare word is in id, user name or prefix; an address or network in any spelling finds the prefix; "
        "tenant: state: (state:stuck) mode: ipam: radius: nas: text: look elsewhere, !word inverts.\n"
        "{allocate} allocates, {activate} activates, {suspend} suspends, {resume} resumes, {revoke} revokes; each shows its steps first. "
        "Enter shows all of a subscriber, its timeline and steps."
    )
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="state", title="STATE", width=11),
        Column(key="id", title="SUBSCRIBER", width=12, flex=2),
        Column(key="tenant", title="TENANT", width=8, flex=1, rank=5),
        Column(key="age", title="IN", width=4, right=True),
        Column(key="prefix", title="PREFIX", width=23),
        Column(key="ipam", title="IPAM", width=9),
        Column(key="radius", title="RADIUS", width=9, rank=1),
        Column(key="pending", title="STEPS", width=5, right=True, rank=3),
        Column(key="text", title="NOTE", width=20, flex=5, rank=6),
    )

    async def leaf(
        self, source: Source, terms: tuple[Term, ...], cursor: str | None, limit: int
    ) -> Leaf[SubscriberRow]:
        """Ask for subscribers."""
        state, text = asked_state(terms, tuple(STATES)), asked_text(terms, SUBSCRIBERS)
        page = await source.subscribers(state=state, text=text, cursor=cursor, limit=limit)
        return Leaf(rows=page.subscribers, next=page.next)

    @staticmethod
    def key(row: SubscriberRow) -> str:
        """Tenant and id."""
        return f"{row.tenant}\n{row.subscriber_id}"

    @staticmethod
    def number(space: SpaceState) -> int:
        """How many subscribers there are."""
        return space.subscribers

    def grid_row(self, row: SubscriberRow, view: View) -> GridRow:
        """One subscriber."""
        stale = view.model.condition is Condition.STALE
        busy = Tone.BUSY if row.pending and not stale else Tone.DIM
        return GridRow(
            self.key(row),
            {
                "state": (state_of(row, stale=stale),),
                "id": ((row.subscriber_id, Tone.DIM if stale else Tone.STRONG),),
                "tenant": ((row.tenant, Tone.DIM),),
                "age": ((figure.whole_age(view.model.age_of(row.since)), Tone.WARN if row.stuck else Tone.DIM),),
                "prefix": ((row.prefix or "", Tone.PLAIN),),
                "ipam": (agreement(row.ipam, stale=stale),),
                "radius": (agreement(row.radius, stale=stale),),
                "pending": ((str(row.pending) if row.pending else "", busy),),
                "text": ((row.text, Tone.DIM),),
            },
            shouts=row.stuck and not stale,
        )

    def empty(self, space: SpaceState) -> Note:
        """What makes a subscriber, and what its prefix would come out of."""
        make = ("ipv6console subscriber create ID --size 56", Tone.STRONG)
        if space.ipam is Level.OFF:
            return (
                ("○ not configured", Tone.DIM), "  No prefix can be allocated: name an IPAM, or spaces to cut prefixes from:\n",
                ('[netbox] url = "https://netbox.example"', Tone.STRONG), "   or   ",
                ('[lifecycle] spaces = ["customers"]', Tone.STRONG), "\nThen make a subscriber: ", make,
            )  # fmt: skip
        return (("○ no subscribers yet", Tone.DIM), "  Somebody a prefix is for; make one:\n", make)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the subscriber under the cursor."""
        row = self.chosen()
        return None if row is None else (f"Subscriber {row.subscriber_id}", facts(row, view.model.now))

    def copied(self, view: View) -> str | None:
        """The subscriber's id."""
        row = self.chosen()
        return None if row is None else row.subscriber_id

    def outside(self, view: View) -> Call:
        """The command that lists them."""
        return lookup.subscribers(view.door)
