"""The one registry of what the keys do: it feeds bindings, footer, palette, help and every "as CLI / as curl" line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ipv6console.console.model import Condition
from ipv6console.console.tab import TABS


class Danger(IntEnum):
    """How an act is guarded."""

    NONE = 0
    """It changes only what is seen, or nothing that hurts."""
    CONFIRM = 1
    """Can be undone: a dialog with Cancel focused."""
    PLAN = 2
    """Wide or for good: a plan with the exact set, and a typed word."""


class Scope(StrEnum):
    """Where an action makes sense: anywhere, in every table, or on one screen or in one kind of pane."""

    ANYWHERE = "anywhere"
    TABLE = "table"
    POOL = "pool"
    MIRRORS = "mirrors"
    PREFIXES = "prefixes"
    NDP = "ndp"
    HA = "ha"
    EVENTS = "events"
    SPACE = "space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a key does. `acts` means it asks the engine to change something; `footer` orders the key bar.

    A key belongs to one action, but for those of screens of their own: they may share one.
    """

    id: str
    title: str
    key: str
    help: str
    danger: Danger = Danger.NONE
    scope: Scope = Scope.ANYWHERE
    acts: bool = False
    footer: int | None = None
    aliases: tuple[str, ...] = ()
    palette: bool = True


ACTIONS: tuple[Action, ...] = (
    Action(
        id="spawn",
        title="Spawn",
        key="s",
        acts=True,
        footer=1,
        help="Make and check new addresses now; asks how many (1-100) and tells why it stopped.",
    ),
    Action(
        id="flush",
        title="Flush",
        key="F",
        acts=True,
        danger=Danger.PLAN,
        footer=2,
        help="Forget the usage of the mirror under the cursor, or empty the whole pool. Shows the exact plan first.",
    ),
    Action(
        id="revoke",
        title="Revoke",
        key="X",
        acts=True,
        danger=Danger.PLAN,
        footer=3,
        help="Withdraw a prefix or single addresses everywhere, for good, with a reason. Shows the exact plan first.",
    ),
    Action(
        id="drain",
        title="Drain",
        key="D",
        acts=True,
        danger=Danger.CONFIRM,
        footer=4,
        help="Stop handing out from the mirror under the cursor (in the Prefix pane: from the prefix), or resume.",
    ),
    Action(
        id="filter",
        title="Filter",
        key="slash",
        scope=Scope.TABLE,
        footer=5,
        help="Filter the table as you type: words must all match, `!word` inverts, `state:warn` looks at the state.",
    ),
    Action(
        id="why",
        title="Why?",
        key="w",
        footer=6,
        help="Run the doctor: interface, prefix, route, bind, inbound, NDP, echo, each with evidence and the fix.",
    ),
    Action(
        id="troubles", title="Troubles", key="f", footer=7, help="List everything that is not well and what mends it."
    ),
    Action(
        id="who",
        title="Who held",
        key="a",
        help="Tell who held an address and when, from the history of leases; the palette takes an address as well.",
    ),
    Action(
        id="open",
        title="Detail",
        key="enter",
        footer=8,
        palette=False,
        help="Show everything known of the row or pane.",
    ),
    Action(id="zoom", title="Zoom", key="z", footer=9, help="Give the focused pane the whole screen, and back."),
    Action(
        id="copy", title="Copy", key="y", help="Copy the name or text under the cursor through the terminal (OSC 52)."
    ),
    Action(id="pause", title="Pause", key="P", help="Freeze the tables to read them; status and ages go on."),
    Action(id="read_only", title="Read-only", key="L", help="Refuse every act from this console, or allow them again."),
    Action(id="engine", title="Engine", key="i", help="Show the engine, its listeners and its store."),
    *(Action(id=tab.mode, title=tab.title, key=tab.key, help=f"Go to {tab.title}: {tab.help}.") for tab in TABS),
    Action(
        id="palette", title="Palette", key="colon", aliases=("ctrl+p",), palette=False, help="Find any action by name."
    ),
    Action(id="help", title="Help", key="question_mark", footer=10, help="Explain the focused pane and list the keys."),
    Action(id="back", title="Back", key="escape", palette=False, help="Leave the filter, the zoom or a dialog."),
    Action(
        id="quit",
        title="Quit",
        key="q",
        aliases=("ctrl+c", "ctrl+q"),
        footer=11,
        help="Leave. An engine this console started is stopped, with live leases only after a question; a lab ends too.",
    ),
)
"""Every action of the console, in the order help shows them."""

_KEY_NAMES = {
    "slash": "/", "left_square_bracket": "[", "right_square_bracket": "]", "left_curly_bracket": "{",
    "right_curly_bracket": "}", "minus": "-", "colon": ":", "question_mark": "?", "enter": "Enter", "escape": "Esc",
    "ctrl+p": "Ctrl+P", "ctrl+c": "Ctrl+C", "ctrl+q": "Ctrl+Q", "space": "Space",
}  # fmt: skip
_BY_ID = {action.id: action for action in ACTIONS}
_EVERYWHERE = frozenset({Scope.ANYWHERE, Scope.TABLE})
_TABS = {tab.mode: tab for tab in TABS}


def action(action_id: str) -> Action:
    """Return the action with this id; raises KeyError for an unknown one."""
    return _BY_ID[action_id]

    Action(
        id="rewind_back",
        title="Rewind",
        key="left_square_bracket",
        footer=12,
        help="Show all panes as they were 5 seconds earlier, up to half an hour; Esc is live again.",
    ),
    Action(
        id="rewind_forth",
        title="Forward",
        key="right_square_bracket",
        help="While rewinding: 5 seconds later, at last live again.",
    ),
    Action(id="leap_back", title="Rewind a minute", key="left_curly_bracket", help="As [, a minute at a time."),
    Action(id="leap_forth", title="Forward a minute", key="right_curly_bracket", help="As ], a minute at a time."),
    Action(
        id="engines",
        title="Engines",
        key="x",
        help="List the engines this console has open and how each is; switch, open another one, or close one.",
    ),
    Action(id="last_engine", title="Last engine", key="minus", help="Go back to the engine that was shown before."),
    Action(id="presence", title="Who is here", key="p", help="Show who else is attached and what each of them did."),
    Action(
        id="digest",
        title="Since last look",
        key="d",
        help="Tell what happened on this engine since you last looked at it, the worst first.",
    ),
    Action(
        id="export",
        title="Export",
        key="e",
        help="Write what the focused table shows into a new file, as CSV or JSON.",
    ),
    Action(
        id="select",
        title="Select text",
        key="Y",
        help="Show what the focused pane holds as bare text for the terminal's own selection, without the mouse of ours.",
    ),
    Action(
        id="bundle",
        title="Incident bundle",
        key="b",
        help="Write screens, events, doctor, state and settings into one archive, secrets masked, to send along.",
    ),

def key_name(key: str) -> str:
    """Return a key as people write it."""
    return _KEY_NAMES.get(key, key)


def for_key(key: str, here: frozenset[Scope]) -> Action | None:
    """Return what `key` does where the scopes `here` hold; an action of another place when it does nothing here."""
    found = [item for item in ACTIONS if key in {item.key, *item.aliases}]
    return next((item for item in found if item.scope in here), next(iter(found), None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decides whether an act is possible right now; `here` are the scopes of the place of the focus."""

    condition: Condition
    read_only: bool
    too_small: bool = False
    here: frozenset[Scope] = _EVERYWHERE


_HINDRANCES = {
    Condition.STALE: "The data is stale: the engine does not answer, so nothing can be planned on it.",
    Condition.LOADING: "The engine has not answered yet.",
    Condition.DENIED: "This user may not talk to the engine. f says what to do.",
    Condition.ERROR: "There is no connection to the engine. f says what to do.",
}


def obstacle(item: Action, standing: Standing) -> str | None:
    """Return why `item` cannot be done right now and what would help, None when it can."""
    if item.scope not in standing.here | _EVERYWHERE:
        tab = _TABS.get(item.scope)
        return f"That is done on {tab.title}: {tab.key} goes there." if tab else f"That is done in {item.scope}."
    if not item.acts:
        return None
    if standing.too_small:
        return "The terminal is too small to show what would be done. Make it at least 60x15."
    if standing.read_only:
        return "The console is read-only. L allows acts."
    return _HINDRANCES.get(standing.condition)
    past: bool = False
    if standing.past:
        return "The screen shows the past, where nothing can be done. Esc goes back to live."
