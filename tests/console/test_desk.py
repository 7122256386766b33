"""The past, other engines, who is here, and what is taken along: every key and every way through every dialog."""

from __future__ import annotations

import asyncio
import csv
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from ipv6console.console.call import Call
from ipv6console.console.means import Means
from ipv6console.console.screens.bare import BareText
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.engines import EnginesDialog, OpenDialog
from ipv6console.console.screens.lookback import LookbackDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.presence import PresenceDialog
from ipv6console.console.seen import Memory, Seen, engine_key
from ipv6console.console.source import Refused
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.presence import AttachedRow, WatcherKind
from ipv6console.wire.state import PrefixState, State
from tests.console import pool, scene
from tests.console.scene import ScriptedSource, calm
from tests.console.stage import Stage, staged, until

pytestmark = pytest.mark.anyio
BACK, FORTH, LEAP = "left_square_bracket", "right_square_bracket", "left_curly_bracket"
OWN = "ann@edge-1:77"
TOKEN = "ipv6c_k3Jx-91_aZQwErTyUiOpAsDfGhJkLzXcVbNm012345"


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def earlier(seconds: float) -> State:
    """The document some seconds ago: another prefix was in use."""
    full = scene.state()
    return replace(full, at=scene.NOW - seconds, prefixes=(scene.prefix_row("2001:db8:0:9::/64", leased=3),))


async def rewound(stage: Stage, key: str = LEAP, seconds: int = 60) -> None:
    stage.source.past[round(scene.NOW - seconds)] = earlier(seconds)
    await stage.press(key)
    await stage.until_shows("REWIND")


# The past


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_past_is_on_every_pane_with_a_banner_that_cannot_be_missed(size: tuple[int, int]) -> None:
    async with staged(size=size) as stage:
        await rewound(stage)
        assert stage.text("#verdict").startswith(" ◀◀ REWIND 14:12:20, 1 m ago")
        assert "Esc live" in stage.text("#verdict")
        assert "not live" in stage.text("#top")
        assert "2001:db8:0:9::/64" in stage.text()
        assert "ndppd exited with code 1" in stage.text()


async def test_events_after_that_moment_are_not_shown() -> None:
    async with staged() as stage:
        assert "news: 2 leases expired" in stage.text("#events")
        for _ in range(2):
            await stage.press(LEAP)
        await until(stage, lambda: "2 m ago" in stage.text("#verdict"))
        assert "news: 2 leases expired" not in stage.text("#events")
        assert "mirror archive is draining" in stage.text("#events")


async def test_esc_is_live_again() -> None:
    async with staged() as stage:
        await rewound(stage)
        await stage.press("escape")
        await until(stage, lambda: "REWIND" not in stage.text())
        assert scene.PREFIX in stage.text("#prefix")
        assert "● live" in stage.text("#top")


async def test_a_paused_screen_shows_the_past_too_and_lives_on_after_it() -> None:
    async with staged() as stage:
        await stage.press("P")
        assert "PAUSED" in stage.text("#top")
        await rewound(stage)
        assert "PAUSED" not in stage.text("#top")
        await stage.press("4")
        await stage.until_shows("2001:db8:0:9::/64")
        await stage.press("P")
        assert "stands still already" in stage.toasts()
        await stage.press("escape")
        assert "PAUSED" not in stage.text("#top")
        await stage.until_shows("2001:db8:0:1::/64")
        assert "2001:db8:0:9::/64" not in stage.text()


@pytest.mark.parametrize(
    ("key", "text"), [("3", "shop-de"), ("4", "2001:db8:0:1::/64"), ("5", "ndppd"), ("7", "ndppd exited")]
)
async def test_a_screen_that_is_opened_while_paused_shows_what_is_there_then(key: str, text: str) -> None:
    async with staged() as stage:
        await stage.press("P", key)
        await stage.until_shows(text)
        assert "paused" in stage.text()


async def test_the_key_of_the_screen_that_is_shown_does_not_leave_the_past() -> None:
    async with staged() as stage:
        await rewound(stage)
        await stage.press("1")
        assert "REWIND" in stage.text("#verdict")


async def test_who_held_an_address_is_told_as_of_the_moment_that_is_shown() -> None:
    async with staged() as stage:
        await rewound(stage)
        await stage.press("a", *"2001:db8:0:1::7", "enter")
        await stage.until_shows("until 2026-09-21 14:12:20 UTC, newest first")
        assert "● held now" not in stage.text()
        assert "HTTP 403" in stage.text()


async def test_steps_go_back_and_forth_and_at_last_to_the_present() -> None:
    async with staged() as stage:
        await stage.press(BACK)
        await until(stage, lambda: "5 s ago" in stage.text("#verdict"))
        await stage.press(BACK)
        await until(stage, lambda: "10 s ago" in stage.text("#verdict"))
        await stage.press(FORTH)
        await until(stage, lambda: "REWIND 14:13:15, 5 s ago" in stage.text("#verdict"))
        await stage.press(FORTH)
        await until(stage, lambda: "REWIND" not in stage.text())


async def test_forward_from_the_present_says_that_there_is_nothing_later() -> None:
    async with staged() as stage:
        await stage.press(FORTH)
        assert "nothing later" in stage.toasts()


async def test_keys_that_come_faster_than_documents_lead_to_the_last_moment_asked_for() -> None:
    async with staged() as stage:
        stage.source.gate = asyncio.Event()
        await stage.press(*[LEAP] * 10)
        stage.source.gate.set()
        await until(stage, lambda: "10 m ago" in stage.text("#verdict"))
        assert stage.asked().count("state_at") <= 2


async def test_beyond_what_is_kept_the_oldest_moment_is_shown_and_said() -> None:
    async with staged() as stage:
        await stage.press(*[LEAP] * 40)
        await until(stage, lambda: "30 m ago" in stage.text("#verdict"))
        assert "Nothing older is kept than 13:43:20." in stage.toasts()


async def test_an_engine_without_a_past_says_so_and_stays_live() -> None:
    async with staged() as stage:
        stage.source.refusals = [Refused("The engine keeps no past yet.", next="Try again in a moment.")]
        await stage.press(BACK)
        await until(stage, lambda: "The engine keeps no past yet." in stage.toasts())
        assert "REWIND" not in stage.text()


@pytest.mark.parametrize("key", ["s", "F", "X", "D"])
async def test_nothing_can_be_done_from_the_past(key: str) -> None:
    async with staged() as stage:
        await rewound(stage)
        stage.source.asked.clear()
        await stage.press(key)
        assert "The screen shows the past" in stage.toasts()
        assert "Esc goes back to live" in stage.toasts()
        assert len(stage.app.screen_stack) == 1
        assert stage.asked() == []


async def test_the_banner_tells_when_something_is_wrong_now() -> None:
    async with staged(size=(120, 40)) as stage:
        await rewound(stage)
        stage.source.change(scene.broken())
        await stage.settle()
        assert "now ✖ fail" in stage.text("#verdict")
        stage.source.lose()
        await stage.settle()
        assert "now ◌ stale" in stage.text("#verdict")


async def test_what_was_not_well_then_is_listed_as_then() -> None:
    async with staged() as stage:
        stage.source.past[round(scene.NOW - 60)] = replace(scene.broken(), at=scene.NOW - 60)
        await stage.press(LEAP)
        await stage.until_shows("REWIND")
        await stage.press("f")
        await stage.until_screen(Reader)
        await stage.until_shows("ndppd has exited with code 1")


async def test_old_events_are_asked_for_when_the_console_does_not_know_them() -> None:
    old = Event(id=3, at=scene.NOW - 900, level=EventLevel.INFO, kind="note", text="an old event")
    recent = tuple(replace(event, id=event.id + 500) for event in scene.events()[-2:])
    async with staged(live=False) as stage:
        stage.source.kept = (old, *recent)
        stage.source.go_live(told=recent)
        await stage.settle()
        await rewound(stage)
        await stage.until_shows("an old event")


# Several engines


def another(**changes: object) -> ScriptedSource:
    full = scene.state()
    document = replace(full, engine=replace(full.engine, host="edge-2", pid=77), mirrors=(scene.mirror_row("remote"),))
    return ScriptedSource(document=replace(document, **changes))  # type: ignore[arg-type] # fields of the document


def connecting(*sources: ScriptedSource) -> Means:
    given = list(sources)
    opened: list[ScriptedSource] = []

    def connect(target: str, *, token: str | None, read_only: bool) -> ScriptedSource:
        if "://" not in target:
            raise ValueError(f"{target!r} is no engine")
        # The dialog tries the place before it is opened for good.
        source = given[len(opened) // 2]
        opened.append(source)
        source.asked.append(("connect", (target, token, read_only)))
        return source

    return Means(connect=connect, name=OWN)


async def open_second(stage: Stage, second: ScriptedSource, *keys: str) -> None:
    await stage.press("x")
    await stage.until_screen(EnginesDialog)
    await stage.press("a")
    screen = await stage.until_screen(OpenDialog)
    screen.query_one("#target", Input).value = "http://edge-2:16000"
    second.go_live()
    await stage.press("enter", *(keys or ("right", "enter")))
    await stage.until_home()
    await second.taken()
    stage.app.redraw()
    await stage.pilot.pause()


async def test_another_engine_is_opened_shown_and_named() -> None:
    second = another()
    async with staged(means=connecting(second)) as stage:
        await open_second(stage, second)
        assert "2:edge-2 │ ATTACHED │ RW" in stage.text("#top")
        assert "remote" in stage.text("#mirrors")
        assert "shop-de" not in stage.text("#mirrors")
        assert second.asked[0] == ("connect", ("http://edge-2:16000", None, False))


async def test_read_only_is_one_engine_s_own() -> None:
    second = another()
    async with staged(means=connecting(second)) as stage:
        await open_second(stage, second, "enter")
        assert "RO" in stage.text("#top")
        await stage.press("s")
        assert "read-only" in stage.toasts()
        await stage.press("minus")
        await until(stage, lambda: "1:edge-1 │ LOCAL │ RW" in stage.text("#top"))


async def test_acts_reach_only_the_engine_on_the_screen_and_the_dialog_names_it() -> None:
    second = another()
    async with staged(means=connecting(second)) as stage:
        await open_second(stage, second)
        await stage.press("F")
        await stage.until_screen(Choice)
        assert "edge-2 · ATTACHED" in stage.text()
        await stage.press("down", "enter")
        await stage.until_screen(PlanDialog)
        await stage.until_shows("1,024 addresses")
        assert "edge-2 · ATTACHED" in stage.text()
        await stage.press("tab", "enter")
        await stage.until_shows("● done")
        assert [name for name, _ in second.asked if name in {"plan", "apply"}] == ["plan", "apply"]
        assert "plan" not in stage.asked()


async def test_digits_switch_and_each_engine_keeps_its_page_and_cursor() -> None:
    second = another()
    async with staged(means=connecting(second)) as stage:
        await stage.press("j", "j")
        cursor = stage.app.page.query_one("#mirrors-grid").cursor_key  # type: ignore[attr-defined] # it is a Grid
        await open_second(stage, second)
        await stage.press("x")
        await stage.until_screen(EnginesDialog)
        await stage.press("1")
        await stage.until_home()
        await until(stage, lambda: "1:edge-1" in stage.text("#top"))
        assert stage.app.page.query_one("#mirrors-grid").cursor_key == cursor  # type: ignore[attr-defined] # as above


async def test_the_list_tells_how_each_engine_is() -> None:
    second = another()
    async with staged(scene.broken(), means=connecting(second)) as stage:
        await open_second(stage, second)
        second.lose()
        await second.taken()
        await stage.press("x")
        await stage.until_screen(EnginesDialog)
        await stage.until_shows("edge-2 (shown)")
        lines = stage.text().splitlines()
        assert any("✖ fail" in line and "edge-1" in line for line in lines)
        assert any("◌ stale" in line and "edge-2" in line for line in lines)


async def test_an_engine_that_is_not_shown_can_be_closed_and_its_connection_ends() -> None:
    second = another()
    async with staged(means=connecting(second)) as stage:
        await open_second(stage, second)
        await stage.press("minus", "x")
        await stage.until_screen(EnginesDialog)
        await stage.press("x")
        await stage.until_shows("This one is on the screen")
        await stage.press("j", "x")
        await until(stage, lambda: second.closed)
        await stage.press("2")
        await stage.until_shows("No engine has the number 2")
        await stage.press("escape")
        await stage.until_home()
        assert "1:edge-1" not in stage.text("#top")
        await stage.press("minus")
        assert "No other engine was shown yet" in stage.toasts()


async def test_an_engine_this_console_started_is_not_closed_under_it() -> None:
    second = another()
    async with staged(means=connecting(second), owner=scene.RecordedOwner()) as stage:
        await open_second(stage, second)
        await stage.press("x")
        await stage.until_screen(EnginesDialog)
        await stage.press("k", "x")
        await stage.until_shows("This console started that engine")


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_the_list_of_engines_can_be_left(key: str) -> None:
    async with staged(means=connecting()) as stage:
        await stage.press("x")
        await stage.until_screen(EnginesDialog)
        await stage.press(key)
        await stage.until_home()


@pytest.mark.parametrize("keys", [("escape",), ("enter", "left", "enter")])
async def test_opening_can_be_cancelled(keys: tuple[str, ...]) -> None:
    async with staged(means=connecting()) as stage:
        await stage.press("x")
        await stage.until_screen(EnginesDialog)
        await stage.press("a")
        await stage.until_screen(OpenDialog)
        await stage.press(*keys)
        await stage.until_home()
        assert len(stage.app.contexts) == 1


@pytest.mark.parametrize(
    ("target", "file", "token", "said"),
    [
        ("", "", "", "name the engine"),
        ("nowhere", "", "", "is no engine"),
        ("http://a:1", "/etc/x", "abc", "two tokens"),
        ("http://a:1", "/nonexistent/token", "", "No such file"),
        ("http://a:1", "~nobody-of-this-name/token", "", "home directory"),
        (scene.SOCKET, "", "", "is open already, as number 1"),
    ],
)
async def test_what_cannot_be_opened_says_why_and_keeps_what_was_typed(
    target: str, file: str, token: str, said: str
) -> None:
    async with staged(means=connecting()) as stage:
        await stage.press("x")
        await stage.until_screen(EnginesDialog)
        await stage.press("a")
        screen = await stage.until_screen(OpenDialog)
        for name, value in (("target", target), ("file", file), ("token", token)):
            screen.query_one(f"#{name}", Input).value = value
        await stage.press("enter", "enter")
        await stage.until_shows(said)
        assert screen.query_one("#target", Input).value == target


async def test_a_token_is_never_on_the_screen(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    second = another()
    async with staged(means=connecting(second)) as stage:
        await stage.press("x")
        await stage.until_screen(EnginesDialog)
        await stage.press("a")
        screen = await stage.until_screen(OpenDialog)
        screen.query_one("#target", Input).value = "http://edge-2:16000"
        screen.query_one("#token", Input).value = TOKEN
        await stage.pilot.pause()
        assert TOKEN[:12] not in stage.text()
        screen.query_one("#token", Input).value = ""
        screen.query_one("#file", Input).value = str(tmp_path / "token")
        await stage.press("enter", "enter")
        await stage.until_home()
        assert second.asked[0] == ("connect", ("http://edge-2:16000", TOKEN, True))
        assert stage.app.context.secrets == (TOKEN,)


async def test_going_to_another_engine_leaves_the_past() -> None:
    second = another()
    async with staged(means=connecting(second)) as stage:
        await open_second(stage, second)
        await stage.press(LEAP)
        await stage.until_shows("REWIND")
        await stage.press("minus")
        await until(stage, lambda: "1:edge-1" in stage.text("#top"))
        await stage.press("minus")
        await until(stage, lambda: "2:edge-2" in stage.text("#top"))
        assert "REWIND" not in stage.text()


# Who is here


async def test_who_is_attached_and_what_they_did_is_told() -> None:
    full = scene.state()
    rows = tuple(
        AttachedRow(
            id=number,
            name=name,
            kind=WatcherKind.CONSOLE,
            transport=f"unix pid {pid} uid 0",
            since=scene.NOW - 60,
            read_only=number == 3,
        )
        for number, (name, pid) in enumerate([(OWN, 77), ("bob@far:812", 812), ("eve@far:9", 9)], 1)
    )
    document = replace(full, engine=replace(full.engine, attached=rows))
    async with staged(document, means=Means(name=OWN)) as stage:
        await stage.press("p")
        await stage.until_screen(PresenceDialog)
        await stage.until_shows("mirror archive is draining")
        text = stage.text()
        assert text.index("● this console") < text.index("bob@far:812") < text.index("mirror archive is draining")
        await stage.press("r")
        await stage.until_asked("events", 2)
        await stage.press("escape")
        await stage.until_home()


async def test_deeds_that_cannot_be_read_are_admitted() -> None:
    async with staged(means=Means(name=OWN)) as stage:
        stage.source.refusals = [Refused("the store is away")]
        await stage.press("p")
        await stage.until_shows("older deeds are not known: the store is away")


async def test_others_are_told_whether_this_console_acts() -> None:
    async with staged() as stage:
        await stage.press("L")
        assert stage.source.introduced == [True]
        await stage.press("L")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        await stage.until_home()
        assert stage.source.introduced == [True, False]


# Since you last looked


def remembering(folder: Path, event: int = 5, at: float = scene.NOW - 8_000) -> Means:
    memory = Memory(folder / "seen.json")
    memory.keep(engine_key(scene.state()), Seen(event=event, at=at))
    return Means(memory=memory, name=OWN)


async def test_what_happened_since_the_last_look_is_told_on_attaching(tmp_path: Path) -> None:
    async with staged(means=remembering(tmp_path)) as stage:
        await until(stage, lambda: "Since you last looked at edge-1, 2 h 13 m ago" in stage.toasts())
        assert "✖ 1 failure, ▲ 1 warning, 2 other events" in stage.toasts()
        assert "ndppd exited with code 1" in stage.toasts()
        await stage.press("d")
        await stage.until_screen(LookbackDialog)
        await stage.until_shows("The worst, newest first")
        await stage.press("escape")
        await stage.until_home()


async def test_one_key_goes_from_the_digest_to_the_events(tmp_path: Path) -> None:
    async with staged(means=remembering(tmp_path)) as stage:
        await until(stage, lambda: stage.app.context.digest)
        await stage.press("d")
        await stage.until_screen(LookbackDialog)
        await stage.press("7")
        await stage.until_home()
        await stage.until_shows("ndp.failed")


async def test_nothing_new_is_said_only_when_asked(tmp_path: Path) -> None:
    async with staged(means=remembering(tmp_path, event=9)) as stage:
        assert "Since you last looked" not in stage.toasts()
        await stage.press("d")
        assert "Nothing happened since you last looked here" in stage.toasts()


async def test_what_was_seen_is_kept_on_leaving(tmp_path: Path) -> None:
    means = Means(memory=Memory(tmp_path / "seen.json"), name=OWN)
    async with staged(means=means):
        pass
    assert means.memory is not None
    assert means.memory.recall(engine_key(scene.state())) == Seen(event=9, at=scene.NOW)


async def test_a_memory_that_cannot_be_read_is_said_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "seen.json").write_text("{")
    async with staged(means=Means(memory=Memory(tmp_path / "seen.json"))) as stage:
        await until(stage, lambda: "is not understood" in stage.toasts())
        assert "shop-de" in stage.text()


# Taken along


@pytest.mark.parametrize(("keys", "form"), [(("enter",), "csv"), (("down", "enter"), "json")])
async def test_the_focused_table_is_written_into_a_new_file_named_in_the_toast(
    tmp_path: Path, keys: tuple[str, ...], form: str
) -> None:
    async with staged(means=Means(folders=(tmp_path,))) as stage:
        await stage.press("e")
        await stage.until_screen(Choice)
        await stage.until_shows("Mirrors: 4 rows")
        await stage.press(*keys)
        await until(stage, lambda: "Exported" in stage.toasts())
        [path] = files_in(tmp_path)
        assert str(path) in stage.toasts()
        assert path.name.startswith("ipv6console-edge-1-mirrors-")
        assert path.suffix == f".{form}"
        text = path.read_text()
        names = [row[1] for row in csv.reader(text.splitlines())] if form == "csv" else [str(json.loads(text))]
        assert all(any(name in told for told in names) for name in ("news", "prices", "shop-de", "archive"))


async def test_only_what_passes_the_filter_is_written(tmp_path: Path) -> None:
    async with staged(means=Means(folders=(tmp_path,))) as stage:
        await stage.press("slash", *"news", "enter", "e")
        await stage.until_screen(Choice)
        await stage.until_shows("Mirrors: 1 row,")
        await stage.press("escape")
        await stage.until_home()
        assert files_in(tmp_path) == []


async def test_a_folder_that_takes_nothing_gives_way_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with staged(means=Means(folders=(tmp_path / "file", tmp_path / "deep" / "exports"))) as stage:
        await stage.press("e")
        await stage.until_screen(Choice)
        await stage.press("enter")
        await until(stage, lambda: "Exported" in stage.toasts())
        assert len(files_in(tmp_path / "deep" / "exports")) == 1


async def test_where_nothing_can_be_written_the_cause_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with staged(means=Means(folders=(tmp_path / "file",))) as stage:
        await stage.press("e")
        await stage.until_screen(Choice)
        await stage.press("enter")
        await until(stage, lambda: "Nothing was written." in stage.toasts())
        assert str(tmp_path / "file") in stage.toasts()


async def test_an_empty_table_is_not_exported() -> None:
    async with staged(scene.empty(), means=Means()) as stage:
        await stage.press("e")
        assert "The table shows nothing that could be written." in stage.toasts()


async def test_bare_text_keeps_every_line_of_a_value_that_has_several() -> None:
    async with staged() as stage:
        state = stage.app.model.state
        assert state is not None
        await stage.press("6", "Y")
        await stage.until_screen(BareText)
        assert [listener for listener in state.engine.listeners if listener not in stage.text()] == []


async def test_the_pane_is_shown_as_bare_text_from_the_first_column_on() -> None:
    async with staged() as stage:
        await stage.press("Y")
        await stage.until_screen(BareText)
        lines = [line.rstrip() for line in stage.text().splitlines()]
        assert any(line.startswith("▲ warn") and "shop-de" in line for line in lines)
        assert not any("│" in line for line in lines)
        await stage.press("y")
        assert "clipboard" in stage.toasts()
        assert "shop-de" in stage.app.clipboard
        await stage.press("escape")
        await stage.until_home()


async def test_too_much_for_the_terminal_s_clipboard_is_said_and_not_sent() -> None:
    async with staged() as stage:
        stage.app.push_screen(BareText("x" * 60_000, Call("ipv6console status")))
        await stage.until_screen(BareText)
        await stage.press("y")
        assert "longer than" in stage.toasts()
        assert stage.app.clipboard == ""


async def test_one_key_makes_a_bundle_with_every_screen_and_no_secret(tmp_path: Path) -> None:
    full = scene.state()
    document = replace(full, store=replace(full.store, url=f"postgresql://ipv6:{TOKEN}@db/pool"))
    means = Means(folders=(tmp_path,), secrets=("sesame-4711",), config=lambda: {"environment": {"X": "sesame-4711"}})
    async with staged(document, size=(80, 24), means=means) as stage:
        before = stage.text()
        await stage.press("b")
        await until(stage, lambda: "secrets masked" in stage.toasts())
        [path] = files_in(tmp_path)
        assert str(path) in stage.toasts()
        assert path.stat().st_mode & 0o777 == 0o600
        with tarfile.open(path) as tar:
            told = {
                member.name.partition("/")[2]: taken.read().decode()
                for member in tar.getmembers()
                if (taken := tar.extractfile(member)) is not None
            }
        assert {
            "screens/as-seen.svg",
            "screens/overview.svg",
            "screens/overview.txt",
            "state.json",
            "doctor.json",
        } < set(told)
        assert {"events.jsonl", "config.json", "version.json", "README.txt", "past/state-05m00s-ago.json"} < set(told)
        assert "shop-de" in told["screens/as-seen.txt"]
        assert "shop-de" in told["screens/overview.txt"]
        for name, text in told.items():
            assert TOKEN not in text, name
            assert "sesame-4711" not in text, name
        assert before.splitlines()[5:8] == stage.text().splitlines()[5:8]
        assert stage.app.is_running
        assert not stage.source.closed


async def test_a_bundle_is_made_without_what_cannot_be_had(tmp_path: Path) -> None:
    async with staged(means=Means(folders=(tmp_path,))) as stage:
        stage.source.lose()
        await stage.settle()
        stage.source.refusals = [Refused("no answer from the engine")] * 40
        await stage.press("b")
        await until(stage, lambda: "Not in it:" in stage.toasts())
        [path] = files_in(tmp_path)
        with tarfile.open(path) as tar:
            taken = tar.extractfile(next(name for name in tar.getnames() if name.endswith("README.txt")))
            assert taken is not None
            assert "doctor: no answer from the engine" in taken.read().decode()


async def test_a_revoked_prefix_of_the_past_does_not_come_back() -> None:
    async with staged() as stage:
        stage.source.past[round(scene.NOW - 60)] = replace(
            earlier(60), prefixes=(scene.prefix_row(state=PrefixState.REVOKED),)
        )
        await stage.press(LEAP)
        await stage.until_shows("REWIND")
        await stage.press("escape")
        await until(stage, lambda: "REWIND" not in stage.text())
        assert stage.app.model.prefix is not None


async def test_the_pool_of_the_past_opens_and_copies_no_address_of_now() -> None:
    async with staged() as stage:
        stage.source.pool = [pool.address(7, leased_in=("news",))]
        await stage.press("2")
        await stage.until_shows("● using news")
        await rewound(stage)
        await stage.until_shows("○ not kept")
        assert "● using news" not in stage.text()
        await stage.press("enter", "y")
        await stage.until_says("There is no address under the cursor.")
        await stage.until_says("There is nothing under the cursor to copy.")
        assert len(stage.app.screen_stack) == 1
        await stage.press("escape")
        await stage.until_shows("● using news")


async def test_the_past_is_named_where_there_is_no_room_for_its_banner() -> None:
    async with staged(calm()) as stage:
        await rewound(stage)
        await stage.pilot.resize_terminal(50, 12)
        await stage.until_shows("◀◀ REWIND 14:12:20, 1 m ago · Esc live")
        assert "● all well" not in stage.text()


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (None, "This is the first time you look at this engine."),
        (900, "The engine has begun a new log since."),
        (5, "It is not known what happened: There is no room."),
    ],
)
async def test_what_is_not_known_of_the_time_between_is_not_called_nothing(
    tmp_path: Path, kept: int | None, said: str
) -> None:
    memory = Memory(tmp_path / "seen.json")
    if kept is not None:
        memory.keep(engine_key(scene.state()), Seen(event=kept, at=scene.NOW - 100))
    async with staged(live=False, means=Means(memory=memory, name=OWN)) as stage:
        if kept == 5:
            stage.source.refused["events"] = Refused("There is no room.")
        await stage.press("d")
        await stage.until_says("The engine has not told yet")
        stage.source.go_live(told=scene.events())
        await until(stage, lambda: str(stage.app.context.unread).startswith(said))
        await stage.press("d")
        await stage.until_says(said)


async def test_an_engine_closed_by_two_presses_is_closed_once() -> None:
    second = another()
    async with staged(means=connecting(second)) as stage:
        await open_second(stage, second)
        await stage.press("minus")
        closed = stage.app.contexts.numbered(2)
        assert closed is not None
        await stage.app.close_engine(closed)
        await stage.app.close_engine(closed)
        assert second.closed
        assert len(stage.app.contexts) == 1


async def test_what_was_fresh_in_the_past_is_not_said_to_be_now() -> None:
    for size in ((80, 24), (120, 40)):
        async with staged(size=size) as stage:
            await rewound(stage)
            await stage.until_shows("engine then")
            assert "engine now" not in stage.text()
