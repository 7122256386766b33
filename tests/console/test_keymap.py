"""Keys of the operator's own choosing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipv6console.console.action import action
from ipv6console.console.keymap import KeymapError, keymap
from ipv6console.console.keyring import OWN_KEYS, for_key, in_force, key_of, put_in_force
from ipv6console.console.keysheet import markdown
from ipv6console.console.look import Look
from tests.console.stage import staged


@pytest.fixture(autouse=True)
def own_keys() -> Iterator[None]:
    yield
    put_in_force(OWN_KEYS)


@pytest.mark.parametrize(
    ("chosen", "action_id", "said"),
    [
        (["spwan=S"], "spwan", "did you mean spawn?"),
        (["spawn=F"], "spawn", "F is the key of flush (Flush) already"),
        (["spawn=zz"], "spawn", "'zz' is no key"),
        (["spawn=ctrl+b"], "spawn", "Ctrl+B never reaches the console"),
        (["spawn=j"], "spawn", "j moves the cursor"),
    ],
)
def test_a_key_that_cannot_be_had_is_refused_with_the_reason(chosen: list[str], action_id: str, said: str) -> None:
    with pytest.raises(KeymapError) as caught:
        keymap(chosen)
    assert caught.value.action == action_id
    assert said in str(caught.value)


def test_two_actions_may_swap_their_keys() -> None:
    keys = keymap(["spawn=F", "flush=s"])
    assert (keys["spawn"], keys["flush"]) == (("F",), ("s",))


def test_nobody_is_locked_in_by_another_key() -> None:
    assert keymap(["quit=f12"])["quit"] == ("f12", "q", "ctrl+c", "ctrl+q")


def test_a_chosen_key_is_named_wherever_a_key_is() -> None:
    put_in_force(keymap(["spawn=f4"]))
    assert key_of(action("spawn")) == "F4"
    assert in_force("s") == "F4"
    found = for_key("f4", frozenset())
    assert found is not None
    assert found.id == "spawn"


def test_the_page_of_keys_says_what_the_registry_says() -> None:
    page = (Path(__file__).parents[2] / "docs/keys.md").read_text(encoding="utf-8")
    assert page == markdown(), "make manual writes it anew"


def test_the_keys_that_the_page_gives_for_an_example_are_free() -> None:
    chosen = re.findall(r'^    (\w+) = "(\w+)"$', markdown(), re.MULTILINE)
    assert chosen
    keymap([f"{action}={key}" for action, key in chosen])


@pytest.mark.anyio
async def test_the_console_obeys_and_shows_the_chosen_keys() -> None:
    async with staged(look=Look(keys=keymap(["zoom=f4"]))) as stage:
        assert "F4 Zoom" in stage.text("#keys")
        await stage.press("z")
        assert not stage.app.page.zoomed
        await stage.press("f4")
        assert stage.app.page.zoomed


@pytest.mark.anyio
async def test_jump_mode_goes_to_the_pane_whose_letter_is_pressed() -> None:
    async with staged() as stage:
        await stage.press("semicolon")
        assert "a → Prefix" in stage.text()
        await stage.press("a")
        pane = stage.app.page.focused_pane
        assert pane is not None
        assert pane.id == "prefix"
        await stage.press("semicolon", "escape")
        assert "→ Prefix" not in stage.text()
