"""What decides whether an act is possible right now, and why it is not."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.console.action import Action, Scope
from ipv6console.console.keyring import keyed
from ipv6console.console.model import Condition
from ipv6console.console.tab import TABS

_EVERYWHERE = frozenset({Scope.ANYWHERE, Scope.TABLE})
_TABS = {tab.mode: tab for tab in TABS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides whether an act is possible right now; `here` are the scopes of the place of the focus.

    `notifiers` is how many webhooks and commands the engine tells of faults; `drains` whether a mirror or a prefix is
    there to be drained.
    """

    condition: Condition
    read_only: bool
    too_small: bool = False
    past: bool = False
    notifiers: int = 0
    drains: bool = True
    here: frozenset[Scope] = _EVERYWHERE


_HINDRANCES = {
    Condition.STALE: "The data is stale: the engine does not answer, so nothing can be planned on it.",
    Condition.LOADING: "The engine has not answered yet.",
    Condition.DENIED: "This user may not talk to the engine. {troubles} says what to do.",
    Condition.ERROR: "There is no connection to the engine. {troubles} says what to do.",
}


def obstacle(item: Action, standing: Standing) -> str | None:
    """Return why `item` cannot be done right now and what would help, None when it can."""
    if item.scope not in standing.here | _EVERYWHERE:
        tab = _TABS.get(item.scope.mode)
        there = f"That is done on {tab.title}: {{{tab.mode}}} goes there." if tab else f"That is done in {item.scope}."
        return keyed(there)
    if item.id == "pause" and standing.past:
        return keyed("The past stands still already. {back} goes back to live.")
    return _hindrance(item, standing) if item.acts else None


def _hindrance(item: Action, standing: Standing) -> str | None:
    if standing.too_small:
        return "The terminal is too small to show what would be done. Make it at least 60x15."
    if standing.past:
        return keyed("The screen shows the past, where nothing can be done. {back} goes back to live.")
    if standing.read_only:
        return keyed("The console is read-only. {read_only} allows acts.")
    found = _HINDRANCES.get(standing.condition)
    if found is None and item.id == "notify_test" and not standing.notifiers:
        return "Nobody is told of faults. Add [[notify.webhook]] or [[notify.command]] to the engine's settings."
    if found is None and item.id == "drain" and not standing.drains:
        found = "What is shown here cannot be drained. {mirrors} has the mirrors, {prefixes} the prefixes."
    return None if found is None else keyed(found)
