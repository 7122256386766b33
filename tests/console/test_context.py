"""Several engines open: which is shown, which number each has."""

from __future__ import annotations

import pytest

from ipv6console.console.context import MOST, Context, Contexts, standing_of
from ipv6console.console.model import Model
from ipv6console.console.source import Joined, LossKind, Lost
from ipv6console.wire.frame import StateFrame
from tests.console import scene
from tests.console.scene import Clock, ScriptedSource


def context(number: int, **changes: object) -> Context:
    given: dict[str, object] = {
        "source": ScriptedSource(), "model": Model(Clock()), "label": "ATTACHED", "target": f"http://h{number}:16000"
    }  # fmt: skip
    return Context(number=number, **{**given, **changes})  # type: ignore[arg-type] # the tests name fields of it


def test_the_first_one_is_shown_and_has_the_plain_modes() -> None:
    first, second = context(1), context(2)
    contexts = Contexts(first)
    contexts.add(second)
    assert contexts.shown is first
    assert (first.mode("pool"), second.mode("pool")) == ("pool", "pool@2")


def test_switching_remembers_the_one_before() -> None:
    first, second = context(1), context(2)
    contexts = Contexts(first)
    contexts.add(second)
    contexts.show(second)
    assert (contexts.shown, contexts.before) == (second, first)
    contexts.show(second)
    assert contexts.before is first


def test_the_lowest_number_that_is_free_is_given_again() -> None:
    contexts = Contexts(context(1))
    for number in range(2, MOST + 1):
        assert contexts.free() == number
        contexts.add(context(number))
    assert contexts.free() is None
    third = contexts.numbered(3)
    assert third is not None
    contexts.drop(third)
    assert contexts.free() == 3
    assert contexts.at("http://h3:16000") is None


def test_the_one_on_the_screen_cannot_be_let_go() -> None:
    contexts = Contexts(context(1))
    with pytest.raises(ValueError, match="on the screen"):
        contexts.drop(contexts.shown)


def test_one_that_was_let_go_is_not_gone_back_to() -> None:
    first, second = context(1), context(2)
    contexts = Contexts(first)
    contexts.add(second)
    contexts.show(second)
    contexts.drop(first)
    assert contexts.before is None


def test_an_engine_is_told_with_word_and_reason() -> None:
    live, away, new = context(1), context(2), context(3)
    live.model.take(Joined())
    live.model.take(StateFrame(state=scene.broken()))
    away.model.take(Lost(text="No engine answers.", next=""))
    denied = context(4)
    denied.model.take(Lost(text="You may not.", next="", kind=LossKind.DENIED))
    assert standing_of(live)[0][0] == "✖ fail"
    assert standing_of(away) == (("✖ away", standing_of(away)[0][1]), "No engine answers.")
    assert standing_of(denied)[0][0] == "✖ denied"
    assert standing_of(new)[0][0] == "⟳ opening"


def test_an_engine_is_named_by_its_host_once_that_is_known() -> None:
    one = context(2)
    assert one.host == "http://h2:16000"
    one.model.take(StateFrame(state=scene.state()))
    assert one.host == "edge-1"
