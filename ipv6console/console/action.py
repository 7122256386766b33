"""The one registry of what the keys do: it feeds bindings, footer, palette, help and every "as CLI / as curl" line."""

from __future__ import annotations

from ipv6console.console.doing import Action, Danger, Scope
from ipv6console.console.spaceaction import SPACE_ACTIONS
from ipv6console.console.tab import TABS

ACTIONS: tuple[Action, ...] = (
    Action(
        id="spawn",
        title="Spawn",
        key="s",
        command="spawn NUMBER",
        acts=True,
        footer=1,
        help="Make and check new addresses now; asks how many (1-100) and tells why it stopped.",
    ),
    Action(
        id="flush",
        title="Flush",
        key="F",
        command="flush MIRROR",
        acts=True,
        danger=Danger.PLAN,
        footer=2,
        help="Forget the usage of the mirror under the cursor, or empty the whole pool. Shows the exact plan first.",
    ),
    Action(
        id="revoke",
        title="Revoke",
        key="X",
        command="revoke ADDRESS --reason WHY",
        acts=True,
        danger=Danger.PLAN,
        footer=3,
        help="Withdraw a prefix or single addresses everywhere, for good, with a reason. Shows the exact plan first.",
    ),
    Action(
        id="drain",
        title="Drain",
        key="D",
        command="drain mirror MIRROR",
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
        command="doctor",
        footer=6,
        help="Run the doctor: interface, prefix, route, bind, inbound, NDP, echo, each with evidence and the fix.",
    ),
    Action(
        id="troubles",
        title="Troubles",
        key="f",
        command="status",
        footer=7,
        help="List everything that is not well and what mends it.",
    ),
    Action(
        id="who",
        title="Who held",
        key="a",
        command="who ADDRESS",
        help="Tell who held an address and when, from the history of leases; the palette takes an address as well.",
    ),
    Action(
        id="mark",
        title="Mark",
        key="space",
        scope=Scope.POOL,
        footer=5,
        help="Mark the address under the cursor for the next act, or take its mark away.",
    ),
    Action(
        id="mark_all",
        title="Mark all",
        key="m",
        scope=Scope.POOL,
        help="Mark every address that passes the filter; when all of them are marked, take the marks away.",
    ),
    Action(
        id="reset",
        title="Reset",
        key="R",
        command="reset ADDRESS --dbname MIRROR",
        scope=Scope.POOL,
        acts=True,
        danger=Danger.CONFIRM,
        footer=4,
        help="Make the marked addresses, else the one under the cursor, idle again in one mirror.",
    ),
    Action(
        id="order",
        title="Order",
        key="o",
        scope=Scope.POOL,
        footer=5,
        help="Choose by which column to order; the same one again turns it round.",
    ),
    Action(
        id="order_mirrors",
        title="Order",
        key="o",
        scope=Scope.MIRRORS,
        footer=5,
        help="Choose by which column to order, like how fast a mirror burns addresses; the same again turns it round.",
    ),
    Action(
        id="release",
        title="Reset",
        key="R",
        command="reset --all --dbname MIRROR",
        scope=Scope.MIRRORS,
        acts=True,
        danger=Danger.CONFIRM,
        footer=4,
        help="Make a whole mirror idle again, or in Leases the address under the cursor; a lease with an owner stays.",
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
    Action(
        id="rewind_back",
        title="Rewind",
        key="left_square_bracket",
        command="status --at TIME",
        footer=12,
        help="Show all panes as they were 5 seconds earlier, up to half an hour; {back} is live again.",
    ),
    Action(
        id="rewind_forth",
        title="Forward",
        key="right_square_bracket",
        help="While rewinding: 5 seconds later, at last live again.",
    ),
    Action(
        id="leap_back", title="Rewind a minute", key="left_curly_bracket", help="As {rewind_back}, a minute at a time."
    ),
    Action(
        id="leap_forth",
        title="Forward a minute",
        key="right_curly_bracket",
        help="As {rewind_forth}, a minute at a time.",
    ),
    Action(
        id="engines",
        title="Engines",
        key="x",
        command="attach TARGET TARGET",
        help="List the engines this console has open and how each is; switch, open another one, or close one.",
    ),
    Action(id="last_engine", title="Last engine", key="minus", help="Go back to the engine that was shown before."),
    Action(
        id="presence",
        title="Who is here",
        key="p",
        command="status --json",
        help="Show who else is attached and what each of them did.",
    ),
    Action(
        id="digest",
        title="Since last look",
        key="d",
        command="events --since ID",
        help="Tell what happened on this engine since you last looked at it, the worst first.",
    ),
    Action(
        id="export",
        title="Export",
        key="e",
        command="addresses --json",
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
        command="bundle",
        help="Write screens, events, doctor, state and settings into one archive, secrets masked, to send along.",
    ),
    Action(
        id="notify_test",
        title="Test notify",
        key="n",
        command="notify test",
        acts=True,
        help="Tell every webhook and command that is told of faults that this is a test, and show how each took it.",
    ),
    Action(id="pause", title="Pause", key="P", help="Freeze the tables to read them; status and ages go on."),
    Action(
        id="read_only",
        title="Read-only",
        key="L",
        command="attach TARGET --read-only",
        help="Refuse every act from this console, or allow them again.",
    ),
    Action(
        id="config",
        title="Config",
        key="c",
        command="ndp PREFIX",
        scope=Scope.NDP,
        footer=7,
        help="Show the strategy of the prefix under the cursor, why it was chosen, and what is configured against what is wanted.",
    ),
    Action(
        id="follow",
        title="Follow",
        key="end",
        command="events --follow",
        scope=Scope.EVENTS,
        footer=3,
        help="Go to the newest event and stay there as new ones come.",
    ),
    Action(
        id="time",
        title="Time",
        key="t",
        command="events --from TIME",
        scope=Scope.EVENTS,
        footer=3,
        help="Go to a time in the log: 04:12, -30m, yesterday 23:00, 2026-09-20 04:12.",
    ),
    Action(
        id="louder",
        title="Louder",
        key="greater_than_sign",
        command="events --level warning",
        scope=Scope.EVENTS,
        footer=4,
        help="Show only louder events: from info to warn, from warn to fail.",
    ),
    Action(
        id="quieter",
        title="Quieter",
        key="less_than_sign",
        scope=Scope.EVENTS,
        help="Show quieter events too: from fail to warn, from warn to info.",
    ),
    *SPACE_ACTIONS,
    Action(
        id="again",
        title="Again",
        key="r",
        help="Ask again for what this screen asked the engine for: timeline, doctor's chain, configuration, kept events.",
    ),
    Action(
        id="engine",
        title="Engine",
        key="i",
        command="status --json",
        help="Show the engine, its listeners and its store.",
    ),
    *(
        Action(id=tab.mode, title=tab.title, key=tab.key, help=f"Go to {tab.title}: {tab.help}.", command=tab.command)
        for tab in TABS
    ),
    Action(
        id="jump",
        title="Jump",
        key="semicolon",
        palette=False,
        help="Put a letter on every pane; that letter goes there.",
    ),
    Action(
        id="theme",
        title="Theme",
        key="ctrl+t",
        help="Show the next theme: dark, light, high-contrast, deuteranopia, ansi. The settings keep one for good.",
    ),
    Action(
        id="palette", title="Palette", key="colon", aliases=("ctrl+p",), palette=False, help="Find any action by name."
    ),
    Action(
        id="help",
        title="Help",
        key="question_mark",
        command="--help",
        footer=10,
        help="Explain the focused pane and list the keys.",
    ),
    Action(
        id="back",
        title="Back",
        key="escape",
        palette=False,
        help="Leave the past, the filter, the zoom or a dialog; toasts go as well.",
    ),
    Action(
        id="quit",
        title="Quit",
        key="q",
        aliases=("ctrl+c", "ctrl+q"),
        footer=11,
        help="Leave. An engine this console started is stopped, while scrapers use it only after a question; a lab ends too.",
    ),
)
"""Every action of the console, in the order help shows them."""

_BY_ID = {action.id: action for action in ACTIONS}


def action(action_id: str) -> Action:
    """Return the action with this id; raises KeyError for an unknown one."""
    return _BY_ID[action_id]


__all__ = ["ACTIONS", "Action", "Danger", "Scope", "action"]
