"""Who else is attached, and what they did."""

from __future__ import annotations

from dataclasses import replace

from ipv6console.console.presence import attendants, others_acting, page
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.presence import AttachedRow, WatcherKind
from tests.console import scene

OWN = "ann@edge-1:77"


def row(number: int, name: str, **changes: object) -> AttachedRow:
    made = AttachedRow(
        id=number, name=name, kind=WatcherKind.CONSOLE, transport=f"unix pid {number} uid 0", since=scene.NOW - 60,
        read_only=False,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type] # the tests name fields of the row


def deed(number: int, actor: str | None, text: str = "mirror news is draining", kind: str = "mirror.drained") -> Event:
    return Event(id=number, at=scene.NOW - 30, level=EventLevel.WARNING, kind=kind, text=text, actor=actor)


def test_this_console_comes_first_and_each_has_its_own_deeds_newest_first() -> None:
    rows = (row(1, "bob@far:1"), row(2, OWN))
    events = [deed(1, "unix pid 1 uid 0", "first"), deed(2, "unix pid 1 uid 0", "second"), deed(3, None)]
    own, bob = attendants(rows, events, OWN)
    assert own.own
    assert own.deeds == ()
    assert [event.text for event in bob.deeds] == ["second", "first"]


def test_who_acted_and_went_is_told_too() -> None:
    found = attendants((row(1, OWN),), [deed(1, "127.0.0.1 token:grafana")], OWN)
    assert [(one.transport, one.row is None) for one in found][1] == ("127.0.0.1 token:grafana", True)


def test_coming_and_going_is_no_deed() -> None:
    found = attendants((), [deed(1, "unix pid 5 uid 0", "bob attached", "console.attached")], OWN)
    assert found == ()


def test_consoles_that_only_look_do_not_count_as_acting() -> None:
    rows = (row(1, OWN), row(2, "bob"), row(3, "eve", read_only=True), row(4, "s", kind=WatcherKind.CLIENT))
    assert others_acting(rows, OWN) == 1


def test_the_page_names_them_and_fits() -> None:
    rows = (row(1, OWN), row(2, "bob@far:1", read_only=True))
    found = attendants(rows, [deed(1, "unix pid 2 uid 0"), deed(2, "unix pid 9 uid 1000")], OWN)
    for width in (50, 106):
        text = page(found, scene.NOW, width).plain
        assert max(map(len, text.splitlines())) <= width
    assert "● this console" in text
    assert "RO" in text
    assert text.index("mirror news is draining") < text.index("is not attached") < text.index("unix pid 9 uid 1000")
