from __future__ import annotations

import textwrap
from typing import Any

import tomli
from hypothesis import given
from hypothesis import strategies as st

from ipv6console.tomllines import Path, key_lines


def lines(text: str) -> dict[Path, int]:
    return key_lines(textwrap.dedent(text))


def test_a_key_below_its_section_has_its_own_line() -> None:
    found = lines("""\
        # a comment with [brackets] and = signs

        [pool]
        usable_num = 5 # why
        [check]
        timeout = 1.5
        """)
    assert found["pool",] == 3
    assert found["pool", "usable_num"] == 4
    assert found["check", "timeout"] == 6


def test_items_of_a_list_over_several_lines_have_their_own_lines() -> None:
    found = lines("""\
        urls = [ # first
          "http://a/#x]",
          # between
          'http://b',
        ]
        after = 1
        """)
    assert found["urls", 0] == 2
    assert found["urls", 1] == 4
    assert found["after",] == 6


def test_dotted_and_quoted_keys_name_the_same_path() -> None:
    found = lines("""\
        pool . "usable_num" = 5
        [ 'che\\ck'.timeouts ]
        "a\\u0062c" = 1
        """)
    assert found["pool",] == 1
    assert found["pool", "usable_num"] == 1
    assert found["che\\ck", "timeouts"] == 2
    assert found["che\\ck", "timeouts", "abc"] == 3


def test_text_over_several_lines_hides_what_looks_like_keys() -> None:
    found = lines('''\
        a = """
        b = 1
        [c]
        \\""" still text """""
        d = \'\'\'
        e = 1 \'\'\'
        f = {g = "}", h = [1,
          2]}
        ''')
    assert sorted(found.items(), key=str) == sorted(
        {("a",): 1, ("d",): 5, ("f",): 7, ("f", "g"): 7, ("f", "h"): 7, ("f", "h", 0): 7, ("f", "h", 1): 8}.items(),
        key=str,
    )


def test_tables_in_an_array_are_numbered() -> None:
    found = lines("""\
        [[peer]]
        name = "a"
        [[peer]]
        name = "b"
        """)
    assert found["peer", 0, "name"] == 2
    assert found["peer", 1] == 3
    assert found["peer", 1, "name"] == 4


def paths(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, item in value.items():
            found |= paths(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found |= paths(item, (*path, number))
    return found


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[\n# ]\n" + ",\n".join(written(item) for item in value) + "\n]"
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08X}" if ord(char) < 32 or char in '"\\\x7f' else char for char in text) + '"'


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_every_key_the_parser_finds_has_a_line(document: dict[str, Any]) -> None:
    text = "".join(f"{quoted(key)} = {written(value)}\n" for key, value in document.items())
    parsed = tomli.loads(text)
    assert set(key_lines(text)) == paths(parsed)
