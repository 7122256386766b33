"""The Prefixes screen: every prefix, and the story of the one under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container

from ipv6console.console.action import Scope
from ipv6console.console.screens.page import Page
from ipv6console.console.tone import content
from ipv6console.console.widgets.chain import PrefixChainPane
from ipv6console.console.widgets.prefixes import PrefixesPane
from ipv6console.console.widgets.timeline import TimelinePane
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.state import PrefixRow, PrefixState

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class PrefixesScreen(Page):
    """The list above, the timeline of its cursor's prefix below; in a wide terminal its chain beside that."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "prefixes.tcss"]
    mode = "prefixes"
    scopes = frozenset({Scope.PREFIXES})

    def inside(self) -> ComposeResult:
        """The list, the timeline, and the doctor's chain where there is room for it."""
        yield PrefixesPane(id="prefixes")
        with Container(id="below"):
            yield TimelinePane(id="timeline")
            yield PrefixChainPane(id="chain")

    @property
    def _shell(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def _chosen(self, verb: str) -> PrefixRow | None:
        row = self.query_one(PrefixesPane).chosen(self._shell.view)
        if row is None:
            self._shell.say(verb, content("There is no prefix under the cursor."), severity="warning")
        return row

    async def act_drain(self) -> None:
        """Drain the prefix under the cursor, or take it up again."""
        row = self._chosen("Drain")
        if row is not None:
            await self._shell.acts.drain_prefix(row)

    async def act_revoke(self) -> None:
        """Plan the revocation of the prefix under the cursor, and apply the plan."""
        row = self._chosen("Revoke")
        if row is not None and row.state is PrefixState.REVOKED:
            text = f"{row.prefix} is revoked already: there is nothing left of it to revoke."
            self._shell.say("Revoke", content(text), severity="warning")
        elif row is not None:
            request = PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix=row.prefix)
            await self._shell.acts.plan(f"Revoke prefix {row.prefix}", request)

    def act_why(self) -> None:
        """Walk the chain of the prefix under the cursor."""
        row = self.query_one(PrefixesPane).chosen(self._shell.view)
        self._shell.acts.why(row.prefix if row else None)

    def act_again(self) -> None:
        """Read the timeline and walk the chain again."""
        self.query_one(TimelinePane).read_again()
        self.query_one(PrefixChainPane).report.forget()
        self._shell.redraw()

    def reveal(self, name: str) -> None:
        """Put the cursor on a prefix."""
        self.query_one(PrefixesPane).reveal(name)
