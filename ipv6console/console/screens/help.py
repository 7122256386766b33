"""Help: what the focused pane shows, and every key from the registry."""

from __future__ import annotations

from textual.content import Content

from ipv6console.console.action import ACTIONS, Danger
from ipv6console.console.keyring import keyed, keys_of, spelling
from ipv6console.console.layout import hang
from ipv6console.console.standing import Standing, obstacle
from ipv6console.console.tone import Tone, content
from ipv6console.console.widgets.pane import Pane

_GUARDS = {
    Danger.NONE: "",
    Danger.CONFIRM: " Asks first.",
    Danger.PLAN: " Nothing happens before it is confirmed.",
}
_MOVES = (
    ("arrows, h j k l", "Move: up and down in a pane, left and right between panes."),
    ("Tab, Shift+Tab", "Next pane, previous pane."),
    ("g G, PgUp PgDn", "First and last line, one page."),
)


_TITLE, _TEXT = 17, 28


def page(pane: Pane | None, standing: Standing, width: int) -> Content:
    """Return the help page of `pane` in `width` cells."""
    lines = []
    if pane is not None:
        lines += [content((pane.topic, Tone.STRONG)), content(keyed(pane.guide.replace("\n", " "))), Content("")]
    lines.append(content(("States", Tone.STRONG)))
    lines.append(content(
        ("● ok", Tone.OK), "  ", ("▲ warn", Tone.WARN), "  ", ("✖ fail", Tone.FAIL), "  ", ("○ off", Tone.DIM), "  ",
        ("◌ unknown or stale", Tone.UNKNOWN), "  ", ("⟳ busy", Tone.BUSY),
    ))  # fmt: skip
    lines += [Content(""), content(("Keys", Tone.STRONG))]
    for item in ACTIONS:
        keys = " ".join(spelling(key) for key in keys_of(item))
        blocked = obstacle(item, standing)
        why = (f" Not now: {blocked}", Tone.WARN) if blocked else ("", Tone.PLAIN)
        head = content((f"{keys:<{_TITLE}}", Tone.KEY), (item.title, Tone.STRONG))
        command = (f" ipv6console {item.command}", Tone.DIM) if item.command else ("", Tone.PLAIN)
        lines.append(hang(head, content(keyed(item.help), _GUARDS[item.danger], command, why), _TEXT, width))
    lines += [hang(content((keys, Tone.KEY)), Content(text), _TEXT, width) for keys, text in _MOVES]
    return Content("\n").join(lines)
