"""The keys as the operator wants them: what the settings say, checked against the registry."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from ipv6console.console.action import ACTIONS, Action, Scope
from ipv6console.console.keyring import Keys, spelling

NEVER = frozenset(f"ctrl+{letter}" for letter in "absjhimz")
"""Taken by multiplexers, flow control and the shell, or the same to a terminal as another key."""
MOVES = frozenset(
    {"up", "down", "left", "right", "h", "j", "k", "l", "g", "G", "home", "end", "pageup", "pagedown", "tab", "shift+tab"}
)  # fmt: skip
"""They move the cursor, in every pane and dialog."""
FIXED = frozenset({"back", "quit", "open"})
"""Actions that keep their keys besides a chosen one: nobody may be locked in."""

_NAMES = {
    "/": "slash", ":": "colon", "?": "question_mark", ";": "semicolon", "!": "exclamation_mark", "-": "minus",
    "[": "left_square_bracket", "]": "right_square_bracket", "{": "left_curly_bracket", "}": "right_curly_bracket",
    ".": "full_stop", ",": "comma", "+": "plus", "*": "asterisk", "#": "number_sign", "@": "at", "=": "equals_sign",
    "%": "percent_sign", "&": "ampersand", "'": "apostrophe", '"': "quotation_mark", "(": "left_parenthesis",
    ")": "right_parenthesis", "<": "less_than_sign", ">": "greater_than_sign", "_": "underscore", "|": "vertical_line",
    "~": "tilde", "$": "dollar_sign", "^": "circumflex_accent", "\\": "backslash", "`": "grave_accent", " ": "space",
}  # fmt: skip
_NAMED = frozenset({
    *_NAMES.values(), "enter", "escape", "space", "insert", "delete", "backspace", *MOVES,
    *(f"f{number}" for number in range(1, 13)), *(f"ctrl+{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
})  # fmt: skip


class KeymapError(ValueError):
    """A key that cannot be given to an action; `action` is the id it stands under in the settings."""

    def __init__(self, action: str, problem: str) -> None:
        super().__init__(problem)
        self.action = action


def keymap(chosen: Iterable[str] = ()) -> Keys:
    """Return the keys of all actions, with those chosen as "ACTION=KEY" instead of their own. Raises KeymapError."""
    wanted = dict(pair.split("=", 1) for pair in chosen)
    known = {item.id: item for item in ACTIONS}
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]}?" if near else "`ipv6console` lists them: press ? there"
            raise KeymapError(name, f"there is no action {name}; {meant}")
    keys = {item.id: _keys_of(item, wanted.get(item.id)) for item in ACTIONS}
    for name in wanted:
        _refuse_clash(known[name], keys, known)
    return keys


def _keys_of(item: Action, chosen: str | None) -> tuple[str, ...]:
    own = (item.key, *item.aliases)
    if chosen is None:
        return own
    key = _spelled(chosen, item.id)
    return (key, *(old for old in own if old != key)) if item.id in FIXED else (key,)


def _spelled(text: str, name: str) -> str:
    key = _NAMES.get(text, text)
    if not (key in _NAMED or (len(key) == 1 and key.isascii() and key.isalnum())):
        example = "a letter, a digit, a sign, f1 to f12, or ctrl+ and a letter"
        raise KeymapError(name, f"{text!r} is no key; {example} is")
    if key in NEVER:
        raise KeymapError(name, f"{spelling(key)} never reaches the console: terminals and multiplexers take it")
    if key in MOVES:
        raise KeymapError(name, f"{spelling(key)} moves the cursor; take another key")
    return key


def _refuse_clash(item: Action, keys: Keys, known: Mapping[str, Action]) -> None:
    for other, theirs in keys.items():
        shared = set(keys[item.id]) & set(theirs)
        if other != item.id and shared and _meet(item.scope, known[other].scope):
            key = spelling(next(iter(shared)))
            raise KeymapError(
                item.id, f"{key} is the key of {other} ({known[other].title}) already; give one of them another"
            )


def _meet(one: Scope, other: Scope) -> bool:
    return one is other or not {Scope.ANYWHERE, Scope.TABLE}.isdisjoint({one, other})
