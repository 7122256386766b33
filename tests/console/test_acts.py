"""The acts: every way through every dialog."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual.widgets import Button, Input

from ipv6console.console.keymap import keymap
from ipv6console.console.look import Look
from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.revoke import NotRevocable, RevokeDialog, wanted
from ipv6console.console.screens.spawn import SpawnDialog
from ipv6console.console.source import Refused
from ipv6console.wire.notify import NotifierMeans, NotifyResult, NotifyTested
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.reply import SpawnsReply
from ipv6console.wire.state import PrefixState
from tests.console import scene
from tests.console.stage import Stage, staged

pytestmark = pytest.mark.anyio
CHANGED = Refused("The set has changed since the plan.", next="Plan again.", kind="plan-changed", title="Changed")
FORBIDDEN = Refused("This needs the scope operate.", next="Use the Unix socket.", kind="forbidden", title="Not allowed")


async def test_spawn_asks_how_many_and_shows_what_came_of_it() -> None:
    async with staged() as stage:
        await stage.press("s")
        await stage.until_screen(SpawnDialog)
        await stage.press(*"3", "enter")
        assert await stage.until_asked("spawn") == 3
        await stage.until_shows("● 3 of 3 spawned")
        assert "2001:db8:0:1::3" in stage.text()
        await stage.press("enter")
        await stage.until_home()


async def test_spawn_tells_why_it_stopped() -> None:
    async with staged() as stage:
        stage.source.spawned = SpawnsReply(
            success=True,
            addrs=("2001:db8::1",),
            should_stop=True,
            spawned_count=1,
            requested_count=10,
            detail="the pace limit is reached",
        )
        await stage.press("s", "enter")
        await stage.until_shows("▲ 1 of 10 spawned")
        assert "the pace limit is reached" in stage.text()
        assert "pointless" in stage.text()


@pytest.mark.parametrize("text", ["0", "101", "", "-5"])
async def test_spawn_takes_one_to_a_hundred_only(text: str) -> None:
    async with staged() as stage:
        await stage.press("s")
        screen = await stage.until_screen(SpawnDialog)
        screen.query_one("#number", Input).value = text
        await stage.press("enter")
        await stage.until_shows("a whole number from 1 to 100 is needed")
        assert stage.asked() == []


@pytest.mark.parametrize("keys", [("escape",), ("tab", "enter")])
async def test_spawn_can_be_cancelled_before_it_starts(keys: tuple[str, ...]) -> None:
    async with staged() as stage:
        await stage.press("s")
        await stage.until_screen(SpawnDialog)
        await stage.press(*keys)
        await stage.until_home()
        assert stage.asked() == []


async def test_a_spawn_that_is_hidden_goes_on_and_its_result_comes_as_a_toast() -> None:
    async with staged() as stage:
        stage.source.gate = asyncio.Event()
        await stage.press("s", "enter")
        await stage.until_asked("spawn")
        assert "⟳ spawning" in stage.text()
        await stage.press("escape")
        await stage.until_home()
        stage.source.gate.set()
        async with asyncio.timeout(5):
            while "10 of 10 spawned" not in stage.toasts():
                await stage.pilot.pause()


async def test_a_refused_spawn_says_what_to_do() -> None:
    async with staged() as stage:
        stage.source.refusals = [FORBIDDEN]
        await stage.press("s", "enter")
        await stage.until_shows("Not allowed: This needs the scope operate.")
        assert "Use the Unix socket." in stage.text()


async def _plan_pool(stage: Stage) -> PlanDialog:
    await stage.press("F")
    await stage.until_screen(Choice)
    await stage.press("down", "down", "enter")
    screen = await stage.until_screen(PlanDialog)
    await stage.until_shows("1,024 addresses")
    return screen


async def _plan_mirror(stage: Stage) -> PlanDialog:
    await stage.press("F")
    await stage.until_screen(Choice)
    await stage.press("down", "enter")
    screen = await stage.until_screen(PlanDialog)
    await stage.until_shows("1,024 addresses")
    return screen


async def test_flush_of_the_mirror_under_the_cursor_shows_the_plan_and_applies_exactly_it() -> None:
    async with staged() as stage:
        await _plan_mirror(stage)
        assert await stage.until_asked("plan") == PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname="shop-de")
        for text in ("✖ 23 live leases end", "news, prices", "2001:db8:0:1::a0", "and 1,018 more"):
            assert text in stage.text()
        await stage.press("tab", "enter")
        assert await stage.until_asked("apply") == ApplyRequest(plan="p1", reason=None)
        await stage.until_shows("● done: flush-mirror shop-de")
        await stage.press("enter")
        await stage.until_home()


async def test_cancel_has_the_focus_so_that_enter_alone_does_nothing() -> None:
    async with staged() as stage:
        await stage.press("F")
        await stage.until_screen(Choice)
        await stage.press("enter")
        await stage.until_home()
        await _plan_mirror(stage)
        await stage.press("enter")
        await stage.until_home()
        assert stage.asked() == ["plan"]


@pytest.mark.parametrize("depth", [1, 2])
async def test_esc_leaves_a_flush_at_every_step(depth: int) -> None:
    async with staged() as stage:
        if depth == 1:
            await stage.press("F")
            await stage.until_screen(Choice)
        else:
            await _plan_pool(stage)
        await stage.press("escape")
        await stage.until_home()
        assert "apply" not in stage.asked()


async def test_emptying_the_pool_needs_the_typed_word() -> None:
    async with staged() as stage:
        screen = await _plan_pool(stage)
        go = screen.query_one("#go", Button)
        assert go.disabled
        screen.query_one("#word", Input).focus()
        await stage.press(*"flus")
        assert go.disabled
        await stage.press("h")
        assert not go.disabled
        await stage.press("enter")
        assert "apply" not in stage.asked()
        await stage.press("enter")
        assert await stage.until_asked("apply") == ApplyRequest(plan="p1", reason=None)


async def test_a_changed_set_is_refused_planned_again_and_confirmed_anew() -> None:
    async with staged() as stage:
        screen = await _plan_pool(stage)
        screen.query_one("#word", Input).focus()
        await stage.press(*"flush", "enter")
        stage.source.refusals = [CHANGED]
        await stage.press("enter")
        await stage.until_shows("▲ The set changed since the plan")
        assert stage.asked() == ["plan", "apply", "plan"]
        assert "p2, generation 813" in stage.text()
        assert screen.query_one("#go", Button).disabled
        assert screen.query_one("#word", Input).value == ""
        screen.query_one("#word", Input).focus()
        await stage.press(*"flush", "enter", "enter")
        assert await stage.until_asked("apply", times=2) == ApplyRequest(plan="p2", reason=None)
        await stage.until_shows("● done")


async def test_a_refused_plan_says_what_to_do_and_applies_nothing() -> None:
    async with staged() as stage:
        stage.source.refusals = [FORBIDDEN]
        await stage.press("F")
        await stage.until_screen(Choice)
        await stage.press("down", "enter")
        await stage.until_shows("Not allowed: This needs the scope operate.")
        await stage.press("enter")
        await stage.until_home()
        assert stage.asked() == ["plan"]


async def test_a_refused_application_is_shown() -> None:
    async with staged() as stage:
        await _plan_mirror(stage)
        stage.source.refusals = [FORBIDDEN]
        await stage.press("tab", "enter")
        await stage.until_shows("Not allowed: This needs the scope operate.")


async def test_while_the_engine_applies_one_cannot_leave_in_doubt() -> None:
    async with staged() as stage:
        await _plan_mirror(stage)
        stage.source.gate = asyncio.Event()
        await stage.press("tab", "enter")
        await stage.until_asked("apply")
        await stage.press("escape")
        assert isinstance(stage.app.screen, PlanDialog)
        stage.source.gate.set()
        await stage.until_shows("● done")
        await stage.press("escape")
        await stage.until_home()


async def test_a_plan_names_its_command_and_curl_line_and_copies_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await _plan_mirror(stage)
        await stage.press("y", "Y")
        assert copied[0] == f"ipv6console flush --dbname shop-de --socket {scene.SOCKET}"
        assert '{"plan":"p1"}' in copied[1]


async def test_flush_without_any_mirror_offers_only_the_pool() -> None:
    async with staged(scene.state(mirrors=())) as stage:
        await stage.press("F")
        await stage.until_screen(Choice)
        assert "Mirror " not in stage.text(".box")
        await stage.press("right", "enter")
        await stage.until_screen(PlanDialog)


async def test_revoke_needs_the_word_and_a_reason() -> None:
    async with staged() as stage:
        await stage.press("X")
        screen = await stage.until_screen(RevokeDialog)
        screen.query_one("#what", Input).value = "2001:DB8:0:0:0::1, 2001:db8::2"
        await stage.press("enter")
        plan = await stage.until_screen(PlanDialog)
        request = await stage.until_asked("plan")
        assert request == PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=("2001:db8::1", "2001:db8::2"))
        plan.query_one("#word", Input).focus()
        await stage.press(*"revoke")
        assert plan.query_one("#go", Button).disabled
        assert "needed: a reason" in stage.text()
        plan.query_one("#reason", Input).focus()
        await stage.press(*"leaked", "enter", "enter")
        assert await stage.until_asked("apply") == ApplyRequest(plan="p1", reason="leaked")
        await stage.until_shows("● done: revoke-addresses")


async def test_revoke_in_the_prefix_pane_suggests_its_prefix() -> None:
    async with staged() as stage:
        await stage.press("tab", "tab", "X")
        screen = await stage.until_screen(RevokeDialog)
        assert screen.query_one("#what", Input).value == scene.PREFIX
        await stage.press("enter")
        await stage.until_screen(PlanDialog)
        assert await stage.until_asked("plan") == PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix=scene.PREFIX)


@pytest.mark.parametrize("keys", [("escape",), ("tab", "enter")])
async def test_revoke_can_be_cancelled(keys: tuple[str, ...]) -> None:
    async with staged() as stage:
        await stage.press("X")
        await stage.until_screen(RevokeDialog)
        await stage.press(*keys)
        await stage.until_home()
        assert stage.asked() == []


@pytest.mark.parametrize(
    "line", ["", "hello", "192.0.2.1", "2001:db8::/48", "2001:db8::1/64", "2001:db8::1 2001:db8::/64"]
)
def test_what_cannot_be_revoked_is_named(line: str) -> None:
    with pytest.raises(NotRevocable):
        wanted(line, (scene.PREFIX,))


async def test_a_line_that_cannot_be_revoked_stays_to_be_mended() -> None:
    async with staged() as stage:
        await stage.press("X", *"hello", "enter")
        await stage.until_shows("✖ hello is no IPv6 address")
        assert isinstance(stage.app.screen, RevokeDialog)


async def test_drain_of_the_mirror_under_the_cursor_asks_first() -> None:
    async with staged() as stage:
        await stage.press("D")
        await stage.until_screen(Choice)
        assert "ipv6console drain --dbname shop-de" in stage.text()
        await stage.press("enter")
        await stage.until_home()
        assert stage.asked() == []
        await stage.press("D")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        assert await stage.until_asked("drain_mirror") == ("shop-de", True)
        assert "shop-de is draining" in stage.toasts()


async def test_drain_of_a_draining_mirror_resumes_it() -> None:
    async with staged() as stage:
        await stage.press("j", "D")
        await stage.until_screen(Choice)
        assert "Resume mirror archive" in stage.text()
        await stage.press("right", "enter")
        assert await stage.until_asked("drain_mirror") == ("archive", False)


async def test_drain_in_the_prefix_pane_is_about_the_prefix() -> None:
    async with staged() as stage:
        await stage.press("tab", "tab", "D")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        assert await stage.until_asked("drain_prefix") == (scene.PREFIX, True)


async def test_a_refused_drain_says_what_to_do() -> None:
    async with staged() as stage:
        stage.source.refusals = [FORBIDDEN]
        await stage.press("D")
        await stage.until_screen(Choice)
        await stage.press("right", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("Use the Unix socket.")


async def test_drain_without_a_mirror_says_where_to_go() -> None:
    async with staged(scene.state(mirrors=())) as stage:
        await stage.press("D")
        assert "no mirror under the cursor" in stage.toasts()


async def test_keys_of_the_screen_below_do_nothing_in_a_dialog() -> None:
    async with staged() as stage:
        await stage.press("D")
        await stage.until_screen(Choice)
        await stage.press("s", "X", "P")
        assert isinstance(stage.app.screen, Choice)
        assert not stage.app.paused


async def test_a_test_of_notify_tells_how_each_took_it() -> None:
    async with staged() as stage:
        await stage.press("n")
        assert "Nobody is told of faults." in stage.toasts()
        assert stage.asked() == []
    document = scene.state()
    document = replace(document, engine=replace(document.engine, notifiers=2))
    async with staged(document) as stage:
        webhook = NotifyResult(
            name="pager", means=NotifierMeans.WEBHOOK, target="https://hooks.example/***", success=True,
            text="it answered 200 OK", seconds=0.1,
        )  # fmt: skip
        command = replace(
            webhook,
            name="siren",
            means=NotifierMeans.COMMAND,
            success=False,
            text="it ended with code 7",
            next="see it",
        )
        stage.source.tested = NotifyTested(success=False, results=(webhook, command))
        await stage.press("n")
        await stage.until_asked("notify_test")
        async with asyncio.timeout(10):
            while "● pager: it answered 200 OK" not in stage.toasts():
                await stage.settle()
        assert "✖ siren: it ended with code 7\n  see it" in stage.toasts()
        assert f"ipv6console notify test --socket {scene.SOCKET}" in stage.toasts()


async def test_a_plan_that_is_over_is_not_called_a_changed_set() -> None:
    async with staged() as stage:
        screen = await _plan_pool(stage)
        screen.query_one("#word", Input).focus()
        await stage.press(*"flush", "enter")
        stage.source.refusals = [Refused("There is no plan p1.", kind="not-found", title="Not found")]
        await stage.press("enter")
        await stage.until_shows("▲ The plan was over, nothing was done.")
        assert "The set changed" not in stage.text()


async def test_drain_in_the_prefix_pane_of_a_host_without_one_says_so() -> None:
    async with staged(scene.state(prefixes=())) as stage:
        await stage.press("tab", "tab", "D")
        await stage.until_says("This host has no prefix to drain.")


async def test_a_prefix_that_is_gone_is_not_offered_to_be_resumed() -> None:
    async with staged(scene.state(prefixes=(scene.prefix_row(state=PrefixState.GONE),))) as stage:
        await stage.press("tab", "tab", "D")
        await stage.until_says(f"{scene.PREFIX} is gone already: there is nothing left of it to drain.")
        assert not isinstance(stage.app.screen, Choice)


@pytest.mark.parametrize("key", ["F", "D", "X"])
async def test_q_leaves_a_question_but_is_typed_into_a_line(key: str) -> None:
    async with staged(size=(80, 24)) as stage:
        await stage.press(key)
        screen = await stage.until_screen(Choice if key != "X" else RevokeDialog)
        if key == "X":
            await stage.press("q")
            assert screen.query_one("#what", Input).value.endswith("q")
            screen.query_one("#cancel").focus()
        await stage.press("q")
        await stage.until_home()
        assert stage.asked() == []


async def test_what_read_only_refuses_is_named_by_the_keys_in_force() -> None:
    async with staged(read_only=True, look=Look(keys=keymap(["spawn=N", "reset=Q"]))) as stage:
        await stage.press("L")
        await stage.until_screen(Choice)
        assert "N F X D Q R" in stage.text()
        await stage.press("escape")
        await stage.until_home()
        await stage.press("F")
        await stage.until_says("The console is read-only. L allows acts.")


@pytest.mark.parametrize(("total", "told"), [(1, "remove 1 address"), (1_024, "remove all 1,024 addresses")])
async def test_flushing_the_pool_counts_its_addresses_as_sentences_do(total: int, told: str) -> None:
    calm = scene.calm()
    async with staged(replace(calm, pool=replace(calm.pool, total=total))) as stage:
        await stage.press("F")
        await stage.until_screen(Choice)
        assert told in stage.text()


@pytest.mark.parametrize(
    ("bad", "using", "told"),
    [
        (0, 0, "none is bad, and no lease is live."),
        (1, 1, "1 bad one is handed out again before its cool-down is over, and 1 live lease ends if it has no owner."),
        (2, 3, "2 bad ones are handed out again before their cool-down is over, and 3 live leases end, but for those"),
    ],
)
async def test_resetting_a_mirror_counts_as_sentences_do(bad: int, using: int, told: str) -> None:
    row = scene.mirror_row("news", using=using, bad=bad)
    async with staged(replace(scene.calm(), mirrors=(row,)), size=(200, 60)) as stage:
        await stage.press("3", "R")
        await stage.until_screen(Choice)
        words = " ".join(line.strip(" │") for line in stage.text(".box").splitlines())
        assert told in " ".join(words.split())


async def test_what_is_copied_is_repeated_no_longer_than_eyes_need(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        taken: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", taken.append)
        await stage.press("6", "y")
        await stage.until_says("Copied")
        lines = taken[0].splitlines()
        assert len(lines) > 8
        assert f"… {len(lines)} lines" in stage.toasts()
        assert lines[-1].strip() not in stage.toasts()
