"""docs/keys.md, written from the registry: `make manual` puts it there, a test holds it to that."""

from __future__ import annotations

import sys

from ipv6console.console.action import ACTIONS, Action, Danger, Scope
from ipv6console.console.keyring import OWN_KEYS, keyed, spelling
from ipv6console.console.tab import TABS

_HEAD = """# Keys

`?` explains the focused pane and lists the keys that work there; `:` finds any action by name. Arrows and `h j k l` move,
`g` and `G` go to the first and the last line, Tab to the next pane, Esc back. What destroys has a capital letter.

Another key for an action, by its name in the last column, is set in the configuration file and taken over by a running
console:

    [console.keys]
    spawn = "N"
    zoom = "f11"

Every dialog shows the command and the curl line that do, or tell, the same; `y` and `Y` copy them. What has no command
below is about the screen alone.

A key that is taken, that moves the cursor or that never reaches the console (Ctrl and one of a b s j h i m z) is refused
with the reason.
"""
_GUARDS = {Danger.NONE: "", Danger.CONFIRM: " Asks first.", Danger.PLAN: ""}


def markdown() -> str:
    """Return the page."""
    titles = {tab.mode: f"On {tab.title}" for tab in TABS}
    headings = {
        Scope.ANYWHERE: "Everywhere",
        Scope.TABLE: "In tables",
        Scope.SUBSCRIBERS: "On Space, about subscribers",
        Scope.BINDINGS: "On Space, in Bindings",
    }
    parts = [_HEAD]
    for scope in Scope:
        rows = [_row(item) for item in ACTIONS if item.scope is scope]
        if rows:
            heading = headings.get(scope) or titles.get(scope, scope.value)
            parts.append(
                "\n".join(
                    [
                        f"## {heading}\n",
                        "| key | | what it does | as a command | name |",
                        "| --- | --- | --- | --- | --- |",
                        *rows,
                        "",
                    ]
                )
            )
    return "\n".join(parts)


def _row(item: Action) -> str:
    keys = " ".join(f"`{spelling(key)}`" for key in OWN_KEYS[item.id])
    told = f"{keyed(item.help)}{_GUARDS[item.danger]}".replace("|", "\\|")
    command = f"`ipv6console {item.command}`" if item.command else ""
    return f"| {keys} | {item.title} | {told} | {command} | {item.id} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
