"""The keys in force: the registry's own, or the operator's, for everything that names or looks up one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ipv6console.console.action import ACTIONS, Action, Scope

_KEY_NAMES = {
    "slash": "/", "greater_than_sign": ">", "less_than_sign": "<", "end": "End",
    "left_square_bracket": "[", "right_square_bracket": "]", "left_curly_bracket": "{",
    "right_curly_bracket": "}", "minus": "-", "colon": ":", "question_mark": "?", "enter": "Enter", "escape": "Esc",
    "space": "Space", "semicolon": ";",
}  # fmt: skip


_BY_ID = {item.id: item for item in ACTIONS}
_ACTION = re.compile("{(" + "|".join(_BY_ID) + ")}")

Keys = Mapping[str, tuple[str, ...]]
"""The keys of each action, by its id; the first is the one that is shown."""

OWN_KEYS: Keys = {item.id: (item.key, *item.aliases) for item in ACTIONS}
_in_force: dict[str, tuple[str, ...]] = dict(OWN_KEYS)
_other_names: dict[str, str] = {}


def put_in_force(keys: Keys) -> None:
    """Let the actions have these keys, in everything that names or looks up one; `keymap.keymap` makes them."""
    _in_force.clear()
    _in_force.update(keys)
    _other_names.clear()
    for item in ACTIONS:
        alone = sum(item.key == other.key for other in ACTIONS) == 1
        if alone and keys[item.id][0] != item.key:
            _other_names[spelling(item.key)] = spelling(keys[item.id][0])


def spelling(key: str) -> str:
    """Return a key as people write it."""
    if key.startswith("ctrl+"):
        return f"Ctrl+{key[5:].upper()}"
    return _KEY_NAMES.get(key, key.upper() if len(key) > 1 else key)


def keys_of(item: Action) -> tuple[str, ...]:
    """Return the keys that do an action, the one to show first."""
    return _in_force[item.id]


def key_of(item: Action) -> str:
    """Return the key of an action as people write it."""
    return spelling(_in_force[item.id][0])


def key_name(key: str) -> str:
    """Return what is to be pressed for the action whose own key is `key`, as people write it."""
    name = spelling(key)
    return _other_names.get(name, name)


def in_force(name: str) -> str:
    """Return the key to show where a text names one as people write it: the operator's, if it was changed."""
    return _other_names.get(name, name)


def keyed(text: str) -> str:
    """Return `text` with the key in force in place of each action's id in braces: "{troubles} lists all"."""
    return _ACTION.sub(lambda found: key_of(_BY_ID[found[1]]), text)


def for_key(key: str, here: frozenset[Scope]) -> Action | None:
    """Return what `key` does where the scopes `here` hold; an action of another place when it does nothing here."""
    found = [item for item in ACTIONS if key in _in_force[item.id]]
    return next((item for item in found if item.scope in here), next(iter(found), None))
