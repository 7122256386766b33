"""The engines one console has open: each with its own connection, picture, label and pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipv6console.console.call import Door
from ipv6console.console.model import Condition, Model
from ipv6console.console.source import Owner, Source
from ipv6console.console.tone import Span, Tone, verdict
from ipv6console.console.trouble import troubles
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from ipv6console.console.digest import Digest
    from ipv6console.console.rewind import Rewinder

MOST = 9
"""Engines that can be open at once: each has a digit."""


@dataclass(eq=False, kw_only=True)
class Context:
    """One engine that is open: how it is reached, what is known of it, and how this console stands to it.

    `number` is 1 for the engine the console was started for; `label` is LOCAL or ATTACHED; `secrets` are what must
    never leave the console; `tab` is the page it was left at, `digest` what happened before it was opened; `welcomed`
    once it has answered, `probing` while it is asked whether it still does; `unread` says why there is no digest, when
    that is not because nothing happened.
    """

    number: int
    source: Source
    model: Model
    label: str
    target: str
    read_only: bool = False
    paused: bool = False
    owner: Owner | None = None
    secrets: tuple[str, ...] = ()
    tab: str = "overview"
    digest: Digest | None = None
    unread: str | None = "The engine has not told yet; press the key again in a moment."
    welcomed: bool = False
    probing: bool = False
    rewinder: Rewinder | None = None
    door: Door = field(init=False)

    def __post_init__(self) -> None:
        self.door = Door(self.target, guarded="://" in self.target and bool(self.secrets))

    @property
    def host(self) -> str:
        """The engine's host, or the place it is looked for at."""
        return self.model.state.engine.host if self.model.state else self.target

    def mode(self, tab: str) -> str:
        """Return the name of the app's mode in which this engine's page of a tab is."""
        return tab if self.number == 1 else f"{tab}@{self.number}"


class Contexts:
    """All that are open, and the one that is shown; there is always one."""

    def __init__(self, first: Context) -> None:
        self._open = [first]
        self._shown = first
        self._before: Context | None = None

    def __iter__(self) -> Iterator[Context]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def shown(self) -> Context:
        """The engine on the screen, which is the only one that is acted on."""
        return self._shown

    @property
    def before(self) -> Context | None:
        """The engine that was shown before, if it is still open."""
        return self._before

    def numbered(self, number: int) -> Context | None:
        """Return the engine with this number."""
        return next((context for context in self._open if context.number == number), None)

    def at(self, target: str) -> Context | None:
        """Return the engine that is open at this place."""
        return next((context for context in self._open if context.target == target), None)

    def free(self) -> int | None:
        """Return the lowest free number, None when no more can be opened."""
        taken = {context.number for context in self._open}
        return next((number for number in range(1, MOST + 1) if number not in taken), None)

    def add(self, context: Context) -> None:
        """Take one in; it is not shown yet."""
        self._open.append(context)
        self._open.sort(key=lambda context: context.number)

    def show(self, context: Context) -> None:
        """Put one on the screen."""
        if context is not self._shown:
            self._before, self._shown = self._shown, context

    def drop(self, context: Context) -> None:
        """Let go of one that is not shown."""
        if context is self._shown:
            raise ValueError("the engine on the screen cannot be let go")
        self._open.remove(context)
        if self._before is context:
            self._before = None


def standing_of(context: Context) -> tuple[Span, str]:
    """Return how an engine is, as glyph and word, and why."""
    model = context.model
    match model.condition:
        case Condition.LIVE if model.state is not None:
            found = troubles(model.state)
            if not found:
                return verdict(Level.OK), "all well"
            return verdict(found[0].level), f"{found[0].subject}: {found[0].text}"
        case Condition.STALE:
            return ("◌ stale", Tone.WARN), model.loss.text if model.loss else "it does not answer"
        case Condition.DENIED:
            return ("✖ denied", Tone.FAIL), model.loss.text if model.loss else "no permission"
        case Condition.ERROR:
            return ("✖ away", Tone.FAIL), model.loss.text if model.loss else "no connection"
        case _:
            return ("⟳ opening", Tone.BUSY), "waiting for its first answer"
