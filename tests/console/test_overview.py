"""The Overview: every key, every pane, every state."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual.events import Key

from ipv6console.console.action import ACTIONS
from ipv6console.console.call import Door
from ipv6console.console.palette import outside
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.doctor import DoctorDialog
from ipv6console.console.screens.letters import Letters
from ipv6console.console.screens.spawn import SpawnDialog
from ipv6console.console.source import Joined
from ipv6console.console.widgets.events import EventsPane
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.console.widgets.pane import View
from ipv6console.console.widgets.table import FilterLine
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.frame import EventsFrame, MissedFrame, StateFrame
from ipv6console.wire.state import PrefixState, State
from ipv6console.wire.status import Level
from tests.console import scene
from tests.console.scene import RecordedOwner
from tests.console.stage import DEADLINE, Stage, staged

pytestmark = pytest.mark.anyio


async def test_the_top_line_says_where_one_is_and_how_old_the_data_is() -> None:
    async with staged() as stage:
        line = stage.text("#top")
        for part in ("edge-1", "LOCAL", "RW", "standalone", scene.PREFIX, "● live now"):
            assert part in line


async def test_a_change_of_the_document_reaches_every_pane() -> None:
    async with staged() as stage:
        full = stage.source.document
        stage.source.change(
            replace(
                full,
                prefixes=(replace(full.prefixes[0], route=Level.FAIL),),
                ndp=(replace(full.ndp[0], restarts=7),),
                pool=replace(full.pool, leased=77),
                mirrors=(*full.mirrors, scene.mirror_row("fresh")),
            )
        )
        stage.source.put(
            EventsFrame(events=(Event(id=99, at=scene.NOW, level=EventLevel.INFO, kind="k", text="something new"),))
        )
        await stage.settle()
        assert "✖ fail" in stage.text("#prefix")
        assert "restarts   7" in stage.text("#ndp")
        assert "77" in stage.text("#pool")
        assert "fresh" in stage.text("#mirrors")
        assert "something new" in stage.text("#events")


async def test_every_pane_names_the_source_and_age_of_what_it_shows() -> None:
    async with staged() as stage:
        stage.clock.advance(3)
        await stage.settle()
        assert "netlink 5 s" in stage.text("#prefix")
        assert "/proc 4 s" in stage.text("#ndp")
        assert "engine 3 s" in stage.text("#pool")


async def test_a_lost_engine_dims_everything_and_shows_nothing_as_well() -> None:
    async with staged(scene.calm()) as stage:
        stage.source.lose()
        await stage.source.taken()
        stage.clock.advance(14)
        await stage.settle()
        assert "◌ stale 14 s, reconnecting" in stage.text("#top")
        for pane in ("#prefix", "#ndp", "#pool", "#mirrors", "#events"):
            assert "◌ stale 14 s" in stage.text(pane)
            assert stage.app.page.query_one(pane).has_class("-stale")
        assert "●" not in stage.text()


async def test_after_a_reconnect_everything_is_live_again() -> None:
    async with staged() as stage:
        stage.source.lose()
        await stage.source.taken()
        stage.clock.advance(14)
        await stage.settle()
        stage.source.put(Joined(), StateFrame(state=stage.source.document))
        await stage.settle()
        assert "● live now" in stage.text("#top")
        assert not stage.app.page.query(".-stale")


async def test_a_silent_engine_is_asked_and_an_answer_makes_it_live() -> None:
    async with staged() as stage:
        stage.clock.advance(4)
        stage.app.draw()
        await stage.until_asked("state")
        await stage.settle()
        assert "● live now" in stage.text("#top")


async def test_a_gap_in_the_deltas_asks_for_the_whole_document() -> None:
    async with staged() as stage:
        hidden = replace(stage.source.document, generation=900, pool=replace(stage.source.document.pool, leased=901))
        stage.source.document = hidden
        stage.source.change(hidden)
        await stage.until_asked("state")
        await stage.settle()
        assert "901" in stage.text("#pool")


async def test_missed_frames_are_admitted() -> None:
    async with staged() as stage:
        stage.source.put(MissedFrame(count=41))
        await stage.settle()
        assert "missed" not in stage.text("#events")
        await stage.press("i")
        await stage.until_shows("41 changes that came too fast")


async def test_the_verdict_line_names_the_gravest_trouble_and_what_mends_it() -> None:
    async with staged(scene.broken()) as stage:
        line = stage.text("#verdict")
        assert "✖ NDP eth0: ndppd has exited" in line
        assert "fix: sudo systemctl stop ndppd" in line
        assert "f lists all 5" in line


async def test_the_verdict_line_says_when_nothing_needs_anybody() -> None:
    async with staged(scene.calm()) as stage:
        assert "● all well, nothing needs you" in stage.text("#verdict")


async def test_f_lists_every_trouble_with_its_fix() -> None:
    async with staged(scene.broken()) as stage:
        await stage.press("f")
        await stage.until_screen(Reader)
        for text in ("sudo ipv6console net apply", "sudo systemctl stop ndppd", "timed out", "no address is idle"):
            await stage.until_shows(text)
        await stage.press("escape")
        await stage.until_home()


async def test_f_says_what_to_do_without_a_connection() -> None:
    async with staged(live=False) as stage:
        stage.source.deny()
        await stage.settle()
        assert "no permission" in stage.text("#mirrors")
        await stage.press("f")
        await stage.until_shows("Join the group that owns it")


async def test_loading_empty_and_error_panes_say_what_why_and_which_key() -> None:
    async with staged(live=False) as stage:
        assert "⟳ loading" in stage.text("#pool")
        stage.source.lose()
        await stage.settle()
        assert "✖ no connection" in stage.text("#ndp")
        assert "f shows all of it" in stage.text("#ndp")
        stage.source.document = scene.empty()
        stage.source.go_live()
        await stage.settle()
        assert "✖ no prefix" in stage.text("#prefix")
        assert "○ not configured" in stage.text("#ndp")
        assert "s spawns" in stage.text("#pool")
        assert "/pick?dbname=task1" in stage.text("#mirrors")
        assert "○ no events yet" in stage.text("#events")


async def test_a_filter_works_as_it_is_typed_and_esc_drops_it() -> None:
    async with staged() as stage:
        await stage.press("slash", *"new")
        await stage.settle()
        assert "1 of 4 pass" in stage.text("#mirrors")
        assert "prices" not in stage.text("#mirrors")
        await stage.press("escape")
        await stage.settle()
        assert "prices" in stage.text("#mirrors")


async def test_an_inverted_filter_shows_the_others_and_enter_keeps_it() -> None:
    async with staged() as stage:
        await stage.press("slash", "exclamation_mark", *"news", "enter")
        await stage.settle()
        assert "3 of 4 pass" in stage.text("#mirrors")
        assert stage.app.page.query_one(MirrorsPane).grid.has_focus
        await stage.press("escape")
        await stage.settle()
        assert "Mirrors · 4" in stage.text("#mirrors")


async def test_a_filter_that_nothing_passes_says_how_to_drop_it() -> None:
    async with staged() as stage:
        await stage.press("slash", *"zzz")
        await stage.settle()
        assert "nothing passes the filter" in stage.text("#mirrors")
        assert "Esc drops it" in stage.text("#mirrors")


async def test_the_events_have_a_filter_of_their_own() -> None:
    async with staged() as stage:
        stage.app.page.query_one(EventsPane).target.focus()
        await stage.press("slash", *"state:fail", "enter")
        await stage.settle()
        assert "ndppd exited with code 1" in stage.text("#events")
        assert "leases expired" not in stage.text("#events")
        assert "Mirrors · 4" in stage.text("#mirrors")


async def test_keys_typed_ahead_of_the_filter_reach_the_table_behind_enter() -> None:
    async with staged() as stage:
        await stage.press("slash")
        for key in ("n", "e", "w", "s", "enter", "s"):
            stage.app.post_message(Key(key, key if len(key) == 1 else None))
        await stage.until_screen(SpawnDialog)
        await stage.press("escape")
        assert stage.app.query_one("#mirrors", MirrorsPane).filter_text == "news"
        assert stage.app.query_one("#mirrors", MirrorsPane).has_class("-filtering")


async def test_letters_in_the_filter_are_text_not_keys() -> None:
    async with staged() as stage:
        await stage.press("slash", *"qsFX")
        assert stage.app.is_running
        assert stage.app.page.query(FilterLine).first().value == "qsFX"
        assert stage.asked() == []


async def test_tab_and_hl_go_round_the_panes() -> None:
    async with staged() as stage:
        seen = []
        for key in ("tab", "tab", "l", "right", "h", "left", "shift+tab"):
            await stage.press(key)
            pane = stage.app.page.focused_pane
            seen.append(pane.id if pane else None)
        assert seen == ["events", "prefix", "ndp", "pool", "ndp", "prefix", "events"]


async def test_jk_and_arrows_move_the_cursor() -> None:
    async with staged() as stage:
        grid = stage.app.page.query_one(MirrorsPane).grid
        keys = []
        for key in ("j", "down", "k", "up", "G", "g"):
            await stage.press(key)
            keys.append(grid.cursor_key)
        assert keys == ["archive", "news", "archive", "shop-de", "prices", "shop-de"]


async def test_enter_shows_everything_known_of_a_row_and_esc_goes_back() -> None:
    async with staged() as stage:
        await stage.press("enter")
        await stage.until_screen(Reader)
        await stage.until_shows("Mirror shop-de")
        await stage.until_shows("4,120")
        await stage.press("escape")
        await stage.until_home()


@pytest.mark.parametrize(
    ("pane", "text"),
    [
        ("prefix", "valid until"),
        ("ndp", "/run/ipv6console/ndppd.conf"),
        ("pool", "pace window"),
        ("events", "ndp.started"),
    ],
)
async def test_enter_opens_every_pane(pane: str, text: str) -> None:
    async with staged(size=(120, 60)) as stage:
        await _focus(stage, pane)
        await stage.press("enter")
        await stage.until_screen(Reader)
        await stage.until_shows(text)


async def _focus(stage: Stage, pane: str) -> None:
    next(found for found in stage.app.page.panes if found.id == pane).target.focus()
    await stage.pilot.pause()


async def test_p_freezes_the_tables_but_not_the_status() -> None:
    async with staged() as stage:
        await stage.press("P")
        full = stage.source.document
        stage.source.change(
            replace(full, pool=replace(full.pool, leased=77), mirrors=(*full.mirrors, scene.mirror_row("fresh")))
        )
        await stage.settle()
        assert "paused" in stage.text("#mirrors")
        assert "paused" in stage.text("#events")
        assert "fresh" not in stage.text("#mirrors")
        assert "77" in stage.text("#pool")
        await stage.press("P")
        await stage.settle()
        assert "fresh" in stage.text("#mirrors")


async def test_z_gives_a_pane_the_whole_screen_and_back() -> None:
    async with staged() as stage:
        await stage.press("z")
        await stage.settle()
        assert [pane.id for pane in stage.app.page.panes] == ["mirrors"]
        assert stage.app.page.query_one(MirrorsPane).size.height > 30
        await stage.press("escape")
        await stage.settle()
        assert len(stage.app.page.panes) == 5
        await _focus(stage, "pool")
        await stage.press("z")
        await stage.settle()
        assert [pane.id for pane in stage.app.page.panes] == ["pool"]
        await stage.press("z")
        await stage.settle()
        assert len(stage.app.page.panes) == 5


async def test_y_copies_and_admits_that_it_may_not_have_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await stage.press("y")
        await _focus(stage, "prefix")
        await stage.press("y")
        assert copied == ["shop-de", scene.PREFIX]
        assert "If it stays empty" in stage.toasts()


async def test_l_makes_it_read_only_at_once_and_read_write_only_after_a_question() -> None:
    async with staged() as stage:
        await stage.press("L")
        await stage.settle()
        assert "│ RO │" in stage.text("#top")
        await stage.press("s")
        assert "read-only" in stage.toasts()
        assert stage.asked() == []
        await stage.press("L")
        await stage.until_screen(Choice)
        await stage.press("enter")
        await stage.until_home()
        assert stage.app.read_only
        await stage.press("L")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        await stage.until_home()
        await stage.settle()
        assert "│ RW │" in stage.text("#top")


@pytest.mark.parametrize("key", ["s", "F", "X", "D"])
async def test_acts_are_refused_with_the_reason_while_the_data_is_stale(key: str) -> None:
    async with staged() as stage:
        stage.source.lose()
        await stage.settle()
        await stage.press(key)
        assert "The data is stale" in stage.toasts()
        assert len(stage.app.screen_stack) == 1


async def test_w_runs_the_doctor_and_shows_evidence_and_fix() -> None:
    async with staged() as stage:
        await stage.press("w")
        await stage.until_screen(DoctorDialog)
        assert await stage.until_asked("doctor") == scene.PREFIX
        await stage.until_shows(f"ip -6 route replace local {scene.PREFIX} dev lo")
        assert "mtu 1500" in stage.text()
        await stage.press("escape")
        await stage.until_home()


async def test_the_doctor_shows_every_step_and_y_copies_the_fixes_gravest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged() as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await stage.press("w")
        await stage.until_shows("nftables table")
        for text in (
            "interface",
            "prefix",
            "route",
            "inbound",
            "echo",
            "nft -f /run/ipv6console/guard.nft",
            "y copies the 2 fixes",
        ):
            assert text in stage.text()
        await stage.press("y", "y", "y", "Y")
        assert copied[0] == f"ip -6 route replace local {scene.PREFIX} dev lo"
        assert copied[1] == "nft -f /run/ipv6console/guard.nft"
        assert copied[2].startswith(f"ipv6console doctor --prefix {scene.PREFIX}")
        assert copied[3].startswith("curl")


async def test_the_ndp_pane_counts_what_the_responder_was_asked_and_answered() -> None:
    async with staged(scene.state(ndp=(scene.responder_row(),))) as stage:
        text = stage.text("#ndp")
        assert "asked      20,480   answered 20,311" in text
        assert "pid 844" in text


@pytest.mark.parametrize("strategy", ["routed", "address", "proxy"])
async def test_the_ndp_pane_names_no_process_where_there_is_none(strategy: str) -> None:
    row = scene.ndp_row(strategy=strategy, pid=None, started_at=None, cpu=None)
    async with staged(scene.state(ndp=(row,))) as stage:
        for word in ("process", "cpu", "restarts", "asked"):
            assert word not in stage.text("#ndp")


async def test_the_ndp_pane_shows_the_inbound_finding_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    full = scene.state()
    # The engine repeats what is general for every prefix.
    told = replace(full, engine=replace(full.engine, findings=(scene.INBOUND, scene.INBOUND)))
    async with staged(told, size=(200, 60)) as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        assert stage.text("#ndp").count("inbound    ▲ warn") == 1
        assert "apt-get install -y nftables" in stage.text("#ndp")
        await _focus(stage, "ndp")
        await stage.press("y")
        assert copied == ["apt-get install -y nftables"]
        await stage.press("f")
        await stage.until_screen(Reader)
        assert stage.text(".box").count("▲ warn     firewall") == 1


async def test_a_question_mark_explains_the_focused_pane_and_lists_every_key() -> None:
    async with staged(size=(120, 140)) as stage:
        await _focus(stage, "ndp")
        await stage.press("question_mark")
        await stage.until_screen(Reader)
        await stage.until_shows("How neighbours learn")
        for title in ("Spawn", "Flush", "Revoke", "Drain", "Palette", "Quit"):
            assert title in stage.text()
        await stage.press("question_mark")
        await stage.until_home()


async def test_i_shows_the_engine_and_its_store() -> None:
    async with staged(size=(120, 60)) as stage:
        await stage.press("i")
        await stage.until_screen(Reader)
        await stage.until_shows("/var/lib/ipv6console/engine.db")


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_the_palette_finds_actions_by_name(key: str) -> None:
    async with staged() as stage:
        await stage.press(key)
        await stage.until_shows("Spawn (s)")
        await stage.press(*"troub")
        await stage.until_shows("Troubles (f)")
        await stage.press("escape")
        await stage.until_home()


async def test_the_palette_shows_the_command_of_what_is_under_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(size=(80, 24)) as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await stage.press("colon")
        await stage.until_shows(f"as CLI   ipv6console spawn NUMBER --socket {scene.SOCKET}")
        await stage.press("down", "ctrl+y")
        assert copied == [f"ipv6console flush MIRROR --socket {scene.SOCKET}"]
        await stage.press(*"zoom")
        await stage.until_shows("about the screen alone: no command")
        await stage.press("ctrl+y")
        assert len(copied) == 1


async def test_every_command_of_the_palette_names_its_engine_or_needs_none() -> None:
    door = Door("http://[2001:db8::1]:16000")
    for item in ACTIONS:
        line = outside(item, door)
        assert bool(line) is bool(item.command)
        assert not line or door.target in line or line.startswith(("ipv6console attach", "ipv6console --help"))


async def test_jump_mode_says_what_its_keys_do() -> None:
    async with staged(size=(80, 24)) as stage:
        await stage.press("semicolon")
        await stage.until_screen(Letters)
        assert "A letter goes to its pane" in stage.text().splitlines()[-1]
        await stage.press("escape")
        await stage.until_home()


async def test_a_wide_overview_tells_the_life_of_the_prefix_and_r_reads_it_again() -> None:
    async with staged(size=(200, 60)) as stage:
        assert await stage.until_asked("prefix_story") == scene.PREFIX
        await stage.until_shows("if it went now")
        await stage.press("r")
        await stage.until_asked("prefix_story", 2)


async def test_a_toast_hides_no_dialog_and_escape_drops_it() -> None:
    async with staged() as stage:
        stage.app.notify("a path", timeout=60)
        await stage.press("s")
        await stage.until_screen(SpawnDialog)
        assert stage.toasts() == ""
        stage.app.notify("another", timeout=60)
        await stage.press("escape")
        await stage.until_home()
        assert stage.toasts() == ""
        stage.app.notify("a third", timeout=60)
        await stage.press("escape")
        assert stage.toasts() == ""


async def test_one_goes_to_the_overview_from_a_zoomed_pane() -> None:
    async with staged() as stage:
        await stage.press("z", "1")
        await stage.settle()
        assert len(stage.app.page.panes) == 5


async def test_q_leaves_when_no_engine_is_owned() -> None:
    async with staged() as stage:
        await stage.press("q")
        assert stage.app.return_value == "stop"
        assert stage.app.return_code == 0


@pytest.mark.parametrize(("keys", "answer"), [(("enter",), "leave"), (("down", "enter"), "stop")])
async def test_q_with_live_leases_asks_and_leaves_the_engine_by_default(keys: tuple[str, ...], answer: str) -> None:
    async with staged(owner=RecordedOwner()) as stage:
        await stage.press("q")
        await stage.until_screen(Choice)
        assert "23 leases are live" in stage.text()
        await stage.press(*keys)
        assert stage.app.return_value == answer


@pytest.mark.parametrize("keys", [("escape",), ("down", "down", "enter")])
async def test_q_can_be_taken_back(keys: tuple[str, ...]) -> None:
    async with staged(owner=RecordedOwner()) as stage:
        await stage.press("q")
        await stage.until_screen(Choice)
        await stage.press(*keys)
        await stage.until_home()
        assert stage.app.is_running
        assert stage.app.return_code is None


def idle_since(seconds: float) -> State:
    state = scene.state()
    mirrors = tuple(replace(mirror, last_pick_at=state.at - seconds) for mirror in state.mirrors)
    return replace(state, pool=replace(state.pool, leased=0), mirrors=mirrors)


async def test_q_stops_the_own_engine_when_no_lease_is_live_and_nobody_picked_for_a_minute() -> None:
    async with staged(idle_since(60.0), owner=RecordedOwner()) as stage:
        await stage.press("q")
        assert stage.app.return_value == "stop"


async def test_q_between_two_leases_of_a_scraper_asks_and_leaves_the_engine_by_default() -> None:
    async with staged(idle_since(59.0), owner=RecordedOwner()) as stage:
        await stage.press("q")
        await stage.until_screen(Choice)
        assert "No lease is live, but the last pick was 59 s ago." in stage.text()
        await stage.press("enter")
        assert stage.app.return_value == "leave"


async def test_q_asks_the_engine_itself_and_not_the_last_shown_number() -> None:
    idle = replace(scene.state(), pool=replace(scene.state().pool, leased=0))
    async with staged(idle, owner=RecordedOwner()) as stage:
        stage.source.document = replace(idle, pool=replace(idle.pool, leased=1))
        await stage.press("q")
        await stage.until_screen(Choice)
        assert "1 lease is live." in stage.text()


async def test_q_asks_when_the_engine_does_not_say_what_it_would_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipv6console.console.departure.PATIENCE", 0.01)
    idle = replace(scene.state(), pool=replace(scene.state().pool, leased=0))
    async with staged(idle, owner=RecordedOwner()) as stage:
        stage.source.gate = asyncio.Event()
        await stage.press("q")
        await stage.until_screen(Choice)
        assert "The engine does not answer" in stage.text()
        await stage.press("enter")
        assert stage.app.return_value == "leave"


async def test_q_in_the_lab_ends_it_without_a_question() -> None:
    document = replace(scene.state(), engine=replace(scene.state().engine, lab="/tmp/lab"))
    async with staged(document, owner=RecordedOwner()) as stage:
        await stage.press("q")
        assert stage.app.return_value == "stop"


async def test_q_does_not_ask_about_an_engine_that_is_given_up() -> None:
    async with staged(owner=RecordedOwner(failure="the engine ended with code 70")) as stage:
        await stage.press("q")
        assert stage.app.return_value == "stop"
        assert stage.asked() == []


async def test_ctrl_c_is_q_and_a_second_one_leaves_the_engine_running() -> None:
    async with staged(owner=RecordedOwner()) as stage:
        await stage.press("ctrl+c")
        await stage.until_screen(Choice)
        await stage.press("ctrl+c")
        assert stage.app.return_value == "leave"


async def test_a_child_that_is_given_up_is_named_at_the_top() -> None:
    async with staged(live=False, owner=RecordedOwner(failure="the engine ended with code 2")) as stage:
        await stage.settle()
        assert "the engine ended with code 2" in stage.text("#top")


async def test_a_narrow_terminal_shows_seven_lines_of_status() -> None:
    async with staged(scene.broken(), size=(80, 24)) as stage:
        status = stage.text("#status")
        for name in ("Prefix", "Route", "NDP", "Pool", "Checks", "Mirrors", "Store"):
            assert name in status
        assert "✖ fail     NDP" in status
        assert [pane.id for pane in stage.app.page.panes] == ["status", "mirrors", "events"]


@pytest.mark.parametrize(
    ("downs", "heading"), [(0, "Prefix"), (2, "NDP"), (3, "Pool"), (4, "Checks"), (5, "Mirrors"), (6, "Store")]
)
async def test_every_status_line_opens(downs: int, heading: str) -> None:
    async with staged(size=(80, 24)) as stage:
        await _focus(stage, "status")
        await stage.press(*["j"] * downs, "enter")
        screen = await stage.until_screen(Reader)
        assert screen.heading == heading


async def test_the_focus_moves_to_what_a_new_width_shows() -> None:
    async with staged() as stage:
        await _focus(stage, "pool")
        await stage.pilot.resize_terminal(80, 24)
        await stage.settle()
        assert stage.app.page.focused_pane in stage.app.page.panes
        await stage.pilot.resize_terminal(200, 60)
        await stage.settle()
        assert len(stage.app.page.panes) == 6


async def test_a_tiny_terminal_says_what_it_needs_and_what_is_worst_and_recovers() -> None:
    async with staged(scene.broken(), size=(50, 12)) as stage:
        text = stage.text()
        assert "have 50x12, need 60x15" in text
        assert "✖ fail" in text
        await stage.press("F")
        assert "too small" in stage.toasts()
        await stage.pilot.resize_terminal(80, 24)
        await stage.settle()
        assert "Mirrors" in stage.text()


async def test_a_prefix_that_drains_is_shown_below_the_one_in_use() -> None:
    async with staged(scene.broken()) as stage:
        text = stage.text("#prefix")
        assert text.index("● active") < text.index("▲ draining")
        assert "2001:db8:0:9::/64" in text


async def test_a_revoked_prefix_alone_is_not_called_active() -> None:
    document = scene.state(prefixes=(scene.prefix_row(state=PrefixState.REVOKED),))
    async with staged(document) as stage:
        assert "○ revoked" in stage.text("#prefix")
        assert "no prefix" in stage.text("#top")


async def test_the_key_bar_can_be_clicked() -> None:
    async with staged() as stage:
        offset = stage.text("#keys").index("Help")
        await stage.pilot.click("#keys", offset=(offset, 0))
        await stage.until_screen(Reader)


async def test_news_that_keep_coming_are_drawn_every_other_tick_and_the_first_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with staged() as stage:
        app, full = stage.app, stage.source.document
        drawn: list[int] = []

        def draw(view: View, *_: object) -> None:
            assert view.model.state is not None
            drawn.append(view.model.state.pool.leased)

        monkeypatch.setattr(app.page, "draw", draw)
        app.draw()  # nothing is new; from here on nobody else gets to draw
        drawn.clear()
        app.draw()
        for leased in (71, 72, 73, 74):
            app.model.take(StateFrame(state=replace(full, pool=replace(full.pool, leased=leased))))
            app.draw()
        assert drawn == [71, 73]


@pytest.mark.parametrize(
    ("preferred_for", "told", "untold"),
    [
        (900, "drain: resume", "deprecated"),
        (-0.4, "draining  deprecated", "resume"),
        (-30, "ended 30 s ago", "resume"),
    ],
)
async def test_a_prefix_the_network_deprecated_is_told_from_one_an_operator_drained(
    preferred_for: float, told: str, untold: str
) -> None:
    row = scene.prefix_row(state=PrefixState.DRAINING, preferred_until=scene.NOW + preferred_for)
    async with staged(document=scene.state(prefixes=(row,))) as stage:
        text = stage.text("#prefix")
        assert told in text
        assert untold not in text
        assert "now ago" not in text


async def test_q_twice_asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipv6console.console.departure.PATIENCE", DEADLINE)
    async with staged(owner=RecordedOwner()) as stage:
        stage.source.gate = asyncio.Event()
        await stage.press("ctrl+c", "ctrl+c")
        await stage.until_asked("state")
        stage.source.gate.set()
        await stage.until_screen(Choice)
        await stage.settle()
        assert len(stage.app.screen_stack) == 2
        assert stage.app.return_value is None
        await stage.press("ctrl+c")
        assert stage.app.return_value == "leave"


async def test_what_is_open_goes_on_with_the_ages_in_it() -> None:
    async with staged() as stage:
        await stage.press("shift+tab", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("engine, 0.0 s ago")
        stage.clock.advance(2)
        await stage.until_shows("engine, 2.0 s ago")
        stage.source.lose()
        await stage.source.taken()
        await stage.until_shows("◌ stale 2 s: the engine told this last")


async def test_what_the_cursor_has_left_is_shown_as_it_was_and_when() -> None:
    async with staged() as stage:
        await stage.press("tab", "enter")
        await stage.until_shows("Event 9")
        newer = Event(id=10, at=scene.NOW, level=EventLevel.INFO, kind="pool.spawned", text="5 addresses")
        stage.source.put(EventsFrame(events=(newer,)))
        await stage.source.taken()
        await stage.until_shows("as of 14:13:20, now")
        assert "ndppd answers for the prefix on eth0, pid 844" in stage.text()
