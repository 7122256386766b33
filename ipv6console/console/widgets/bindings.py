"""The Bindings pane: which address is whose for lasting use, and what for."""

from __future__ import annotations

from typing import ClassVar

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.catalogue import Leaf
from ipv6console.console.detail import facts
from ipv6console.console.finding import BINDINGS, Term, asked_address, asked_text
from ipv6console.console.model import Condition
from ipv6console.console.source import Source
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.addresses import Note
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.listed import ListedPane
from ipv6console.console.widgets.pane import View
from ipv6console.wire.space import BindingRow
from ipv6console.wire.state import SpaceState

_SOON = 3_600.0


class BindingsPane(ListedPane[BindingRow]):
    """The bindings, in the engine's order."""

    topic = "Bindings"
    what = "the bindings"
    hint = "2001:db8:5::/64 id:nic0 instance:rack1 resource:02:00 tag:blue space:edge kind:mac !word"
    scopes = frozenset({Scope.TABLE, Scope.BINDINGS})
    tongue = BINDINGS
    guide: ClassVar[str] = (
        "Addresses for lasting use: one for one (instance, id), apart from the scrapers' pool, until it is released or its time "
        "is over (ENDS). RESOURCE is what it is for: a MAC, VM, container, pod, or something of one's own.\n"
        "{filter} filters: an address in any spelling, a network for what is inside; a bare word is in address, instance, id, "
        "resource or a tag; space: instance: id: kind: resource: tag: meta: actor: look there only, !word inverts.\n"
        "{release_binding} releases the address, or all that its instance has in the space. Enter shows everything, {copy} copies the address."
    )
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="space", title="SPACE", width=8, rank=2),
        Column(key="address", title="ADDRESS", width=30, flex=8),
        Column(key="instance", title="INSTANCE", width=9),
        Column(key="id", title="ID", width=8),
        Column(key="resource", title="RESOURCE", width=21, flex=1, rank=1),
        Column(key="tags", title="TAGS", width=10, rank=5),
        Column(key="age", title="AGE", width=4, right=True, rank=4),
        Column(key="ends", title="ENDS", width=5, right=True, rank=3),
    )

    async def leaf(self, source: Source, terms: tuple[Term, ...], cursor: str | None, limit: int) -> Leaf[BindingRow]:
        """Ask for bindings."""
        address, text = asked_address(terms), asked_text(terms, BINDINGS)
        page = await source.bindings(address=address, text=text, cursor=cursor, limit=limit)
        return Leaf(rows=page.bindings, next=page.next)

    @staticmethod
    def key(row: BindingRow) -> str:
        """Space and address."""
        return f"{row.space}\n{row.address}"

    @staticmethod
    def number(space: SpaceState) -> int:
        """How many bindings there are."""
        return space.bindings

    def grid_row(self, row: BindingRow, view: View) -> GridRow:
        """One binding."""
        stale = view.model.condition is Condition.STALE
        left = None if row.expires_at is None else row.expires_at - view.model.now
        soon = left is not None and left < _SOON and not stale
        what = f"{row.kind}:{row.resource}" if row.resource else row.kind
        return GridRow(
            self.key(row),
            {
                "space": ((row.space, Tone.DIM),),
                "address": ((row.address, Tone.DIM if stale else Tone.STRONG),),
                "instance": ((row.instance, Tone.PLAIN),),
                "id": ((row.id, Tone.PLAIN),),
                "resource": ((what, Tone.PLAIN),),
                "tags": ((" ".join(row.tags), Tone.DIM),),
                "age": ((figure.whole_age(view.model.age_of(row.allocated_at)), Tone.DIM),),
                "ends": (
                    ("never" if left is None else figure.whole_age(max(0.0, left)), Tone.WARN if soon else Tone.DIM),
                ),
            },
        )

    def empty(self, space: SpaceState) -> Note:
        """What makes a binding, or the space it needs first."""
        if not space.spaces:
            return (
                ("○ no spaces yet", Tone.DIM), "  A space says which addresses may be bound; make one and bind from it:\n",
                ("ipv6console space create edge\nipv6console space add-range edge 2001:db8:5::/64", Tone.STRONG),
            )  # fmt: skip
        return (
            ("○ no bindings yet", Tone.DIM), "  An address for one machine or container, until it is released; bind one:\n",
            ("ipv6console bindings allocate SPACE INSTANCE ID", Tone.STRONG),
        )  # fmt: skip

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the binding under the cursor."""
        row = self.chosen()
        return None if row is None else (f"Binding of {row.address}", facts(row, view.model.now))

    def copied(self, view: View) -> str | None:
        """The address."""
        row = self.chosen()
        return None if row is None else row.address

    def outside(self, view: View) -> Call:
        """The command that lists them, or shows the one under the cursor."""
        row = self.chosen()
        return lookup.bindings(view.door) if row is None else lookup.binding(view.door, row.space, row.address)
