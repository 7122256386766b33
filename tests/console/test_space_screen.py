"""The Space screen: what it reads and when, and every key of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.widgets import Button, Checkbox, Input

from ipv6console.console.screens.dialog import Choice, Reader
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.session import CancelStepDialog, SessionDialog
from ipv6console.console.screens.space import SpaceScreen
from ipv6console.console.screens.subscriber import SubscriberDialog
from ipv6console.console.source import Refused
from ipv6console.console.widgets.bindings import BindingsPane
from ipv6console.console.widgets.life import StepsPane
from ipv6console.console.widgets.subscribers import SubscribersPane
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from ipv6console.wire.state import State
from ipv6console.wire.status import Level
from tests.console import lasting, scene
from tests.console.stage import DEADLINE, Stage, staged

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def on_space(size: tuple[int, int] = (120, 40), document: State | None = None) -> AsyncIterator[Stage]:
    """The screen with everybody on it."""
    async with staged(document or lasting.state(), size=size) as stage:
        lasting.people(stage.source)
        await stage.press("8")
        await stage.until_shows("cust-0002")
        await stage.until_shows("2001:db8:5::10")
        yield stage


async def on_row(stage: Stage, subscriber_id: str) -> None:
    """Put the cursor on a subscriber, and wait for its steps where they are shown."""
    pane = stage.app.page.query_one(SubscribersPane)
    for _ in range(len(stage.source.people)):
        row = pane.chosen()
        if row is not None and row.subscriber_id == subscriber_id:
            break
        await stage.press("j")
    if stage.app.size.width > 80:
        await stage.until_shows(f"Steps of {subscriber_id} ·")
    await stage.settle()


async def planned(stage: Stage) -> PlanRequest:
    await stage.until_screen(PlanDialog)
    await stage.until_shows("holds for")
    request = [what for name, what in stage.source.asked if name == "plan"][-1]
    assert isinstance(request, PlanRequest)
    return request


async def applied(stage: Stage) -> ApplyRequest:
    """Press Apply of the plan that is shown."""
    stage.app.screen.query_one("#go", Button).press()
    request = await stage.until_asked("apply")
    assert isinstance(request, ApplyRequest)
    await stage.until_shows("Close")
    await stage.press("escape")
    await stage.until_home()
    return request


def asked(stage: Stage, name: str) -> list[object]:
    return [what for told, what in stage.source.asked if told == name]


# What it reads


async def test_both_tables_and_the_life_of_who_is_under_the_cursor_are_shown() -> None:
    async with on_space() as stage:
        await stage.until_shows("CoA-ACK of 192")
        await stage.until_shows("netbox #4001")
        await on_row(stage, "cust-0006")
        await stage.until_shows("no answer of 192.0.2.9")
        steps = stage.text("#steps")
        assert "⟳ pending" in steps
        assert "disconnect" in steps
        assert "in 7 s" in steps
        assert asked(stage, "subscribers") == [(None, None, None, 200)]
        assert asked(stage, "bindings") == [(None, None, None, 200)]


async def test_the_tables_are_read_again_when_something_has_changed_and_not_otherwise() -> None:
    async with on_space() as stage:
        stage.source.change(replace(stage.source.document, space=lasting.space(pending=4)))
        await stage.settle()
        assert len(asked(stage, "subscribers")) == 1
        stage.source.people[0] = lasting.subscriber(1, "suspended", 1)
        stage.source.change(replace(stage.source.document, space=lasting.space(revision=8)))
        await stage.settle()
        await stage.until_asked("subscribers", 2)
        await stage.until_asked("bindings", 2)
        async with asyncio.timeout(DEADLINE):
            while "▲ suspended cust-0001" not in stage.text("#subscribers"):
                await stage.pilot.pause()


async def test_however_fast_things_change_the_tables_are_read_twice_a_second_at_most() -> None:
    async with on_space() as stage:
        begun = asyncio.get_running_loop().time()
        for revision in range(8, 28):
            stage.source.change(replace(stage.source.document, space=lasting.space(revision=revision)))
            await stage.settle()
        took = asyncio.get_running_loop().time() - begun
        assert len(asked(stage, "subscribers")) <= 2 + took / 0.5


async def test_nothing_is_read_while_nobody_looks_and_all_of_it_once_somebody_does() -> None:
    async with on_space() as stage:
        await stage.press("1")
        stage.source.change(replace(stage.source.document, space=lasting.space(revision=9)))
        await stage.settle()
        assert len(asked(stage, "subscribers")) == 1
        await stage.press("8")
        await stage.settle()
        await stage.until_asked("subscribers", 2)


async def test_more_is_read_as_the_cursor_comes_near_the_end() -> None:
    async with staged(lasting.state(subscribers=3_000)) as stage:
        stage.source.people = [lasting.subscriber(number) for number in range(3_000)]
        await stage.press("8")
        await stage.until_shows("first 200 of 3,000")
        await stage.press("G")
        await stage.until_shows("first 2,000 of 3,000")
        assert asked(stage, "subscribers")[1:] == [(None, None, None, 1_000), (None, None, "1000", 1_000)]


@pytest.mark.parametrize(
    ("line", "shown", "wanted"),
    [
        ("2001:db8:5:0:0:0:0:17", "nic23", ("2001:db8:5::17", None, None, 200)),
        ("192.0.2.0/24", "nic24", ("192.0.2.0/24", None, None, 200)),
        ("tag:canary", "nic23", (None, "canary", None, 200)),
        ("resource:cart", "nic23", (None, "cart", None, 200)),
        ("id:nic43", "nic43", (None, "nic43", None, 200)),
    ],
)
async def test_a_binding_is_searched_for_by_the_engine(line: str, shown: str, wanted: tuple[object, ...]) -> None:
    async with on_space() as stage:
        pane = stage.app.page.query_one(BindingsPane)
        stage.app.page.set_focus(pane.target)
        await stage.press("slash", *line, "enter")
        async with asyncio.timeout(DEADLINE):
            while asked(stage, "bindings")[-1] != wanted or "1 of 15 pass" not in stage.text("#bindings"):
                await stage.pilot.pause()
        assert shown in stage.text("#bindings")
        await stage.press("escape")
        await stage.until_shows("Bindings · 15")


async def test_a_filter_that_passes_nobody_says_so_and_what_drops_it() -> None:
    async with on_space() as stage:
        await stage.press("slash", *"state:failed tenant:acme", "enter")
        await stage.until_shows("nothing passes the filter")
        assert asked(stage, "subscribers")[-1] == ("failed", None, None, 200)


async def test_paused_the_tables_stand_still() -> None:
    async with on_space() as stage:
        await stage.press("P")
        stage.source.change(replace(stage.source.document, space=lasting.space(revision=9)))
        await stage.settle()
        assert "· paused" in stage.text("#subscribers")
        assert len(asked(stage, "subscribers")) == 1


async def test_an_engine_that_tells_nothing_of_spaces_is_asked_nothing() -> None:
    async with staged(scene.calm()) as stage:
        await stage.press("8")
        await stage.settle()
        assert "○ not configured" in stage.text("#subscribers")
        assert "○ not configured" in stage.text("#bindings")
        assert not {"subscribers", "bindings"} & set(stage.asked())


@pytest.mark.parametrize(
    ("level", "told"), [(Level.OK, "ipv6console subscriber create"), (Level.OFF, "[lifecycle] spaces")]
)
async def test_an_empty_table_says_what_to_do(level: Level, told: str) -> None:
    async with staged(replace(scene.calm(), space=lasting.vacant(ipam=level))) as stage:
        await stage.press("8")
        await stage.until_shows(told)
        await stage.until_shows("ipv6console space create")


async def test_a_refusal_is_shown_in_place_of_the_rows() -> None:
    async with staged(lasting.state()) as stage:
        why = Refused(
            "This needs a token.", next="Attach with --token-file.", kind="unauthorized", title="Who are you?"
        )
        stage.source.refused = {"subscribers": why}
        await stage.press("8")
        await stage.until_shows("✖ no permission")
        assert "Attach with --token-file." in stage.text("#subscribers")


async def test_in_the_past_the_counts_are_of_then_and_the_tables_say_they_are_not_to_be_had() -> None:
    async with on_space() as stage:
        then = replace(stage.source.document, at=scene.NOW - 60, space=lasting.space(stuck=0, pending=77))
        stage.source.past[round(scene.NOW - 60)] = then
        await stage.press("left_curly_bracket")
        await stage.until_shows("77 steps wait")
        await stage.until_shows("which subscriber was in which state is known as of now only")
        await stage.until_shows("what was bound to what is known as of now only")
        await stage.press("A")
        await stage.until_says("Allocate: not now: The screen shows the past")
        await stage.press("escape")
        await stage.until_shows("cust-0002")


# Its keys


@pytest.mark.parametrize(
    ("key", "row", "action", "size"),
    [
        ("A", "cust-0009", PlanAction.SUBSCRIBER_ALLOCATE, 56),
        ("S", "cust-0001", PlanAction.SUBSCRIBER_SUSPEND, None),
        ("U", "cust-0005", PlanAction.SUBSCRIBER_RESUME, None),
    ],
)
async def test_a_key_plans_and_applies_an_act_on_the_subscriber(
    key: str, row: str, action: PlanAction, size: int | None
) -> None:
    async with on_space() as stage:
        await on_row(stage, row)
        await stage.press(key)
        request = await planned(stage)
        tenant = "borealis" if row == "cust-0009" else "acme"
        assert request == PlanRequest(action=action, subscriber_id=row, tenant=tenant, prefix_size=size)
        before = len(asked(stage, "subscribers"))
        assert await applied(stage) == ApplyRequest(plan="p1")
        await stage.until_asked("subscribers", before + 1)


async def test_activating_asks_for_the_session_and_whether_radius_is_told() -> None:
    async with on_space() as stage:
        await on_row(stage, "cust-0004")
        await stage.press("V")
        dialog = await stage.until_screen(SessionDialog)
        assert "▐ ▌ tell RADIUS" in stage.text()
        await stage.press(*"kim@isp", "enter", *"192.0.2.9", "enter", "space")
        assert dialog.query_one("#radius", Checkbox).value
        assert "▐X▌ tell RADIUS" in stage.text()
        assert "--username kim@isp --nas 192.0.2.9 --coa" in " ".join(stage.text().replace("│", " ").split())
        await stage.press("tab", "tab", "enter")
        assert await planned(stage) == PlanRequest(
            action=PlanAction.SUBSCRIBER_ACTIVATE, subscriber_id="cust-0004", tenant="acme", username="kim@isp",
            nas_ip="192.0.2.9", radius=True,
        )  # fmt: skip
        assert "1 RADIUS is told with CoA" in stage.text()
        await applied(stage)


async def test_revoking_takes_what_is_known_of_the_session_a_reason_and_a_word() -> None:
    async with on_space() as stage:
        await stage.press("X")
        dialog = await stage.until_screen(SessionDialog)
        assert dialog.query_one("#radius", Checkbox).value
        dialog.query_one("#release", Checkbox).value = False
        dialog.query_one("#go", Button).press()
        assert await planned(stage) == PlanRequest(
            action=PlanAction.SUBSCRIBER_REVOKE, subscriber_id="cust-0001", tenant="acme", username="cust1@isp.example",
            nas_ip="2001:db8:ffff::1", radius=True, release=False,
        )  # fmt: skip
        plan = stage.app.screen
        assert plan.query_one("#go", Button).disabled
        plan.query_one("#reason", Input).value = "moved away"
        plan.query_one("#word", Input).value = "revoke"
        await stage.pilot.pause()
        assert await applied(stage) == ApplyRequest(plan="p1", reason="moved away")


async def test_leaving_the_session_dialog_plans_nothing() -> None:
    async with on_space() as stage:
        await stage.press("V")
        await stage.until_screen(SessionDialog)
        await stage.press("escape")
        await stage.until_home()
        assert "plan" not in stage.asked()


async def test_a_plan_that_is_refused_says_why() -> None:
    async with on_space() as stage:
        stage.source.refused = {
            "plan": Refused("no [radius] server is configured", next="configure it", title="Conflict")
        }
        await stage.press("S")
        await stage.until_screen(PlanDialog)
        await stage.until_shows("no [radius] server is configured")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_retry_tries_the_first_pending_step_now(size: tuple[int, int]) -> None:
    async with on_space(size) as stage:
        await on_row(stage, "cust-0006")
        await stage.press("t")
        assert await stage.until_asked("retry_step") == "disconnect-cust-0006"
        await stage.until_says("disconnect of cust-0006 is tried now")


async def test_in_steps_the_keys_are_about_the_step_under_the_cursor() -> None:
    async with on_space() as stage:
        await on_row(stage, "cust-0006")
        stage.app.page.set_focus(stage.app.page.query_one(StepsPane).target)
        await stage.press("j", "t")
        assert await stage.until_asked("retry_step") == "release-cust-0006"
        await stage.press("G", "C")
        await stage.until_says("Cancel step: That step is done")
        await stage.press("enter")
        await stage.until_screen(Reader)
        await stage.until_shows("IPAM: allocate the prefix")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_step_is_cancelled_with_a_reason_only(size: tuple[int, int]) -> None:
    async with on_space(size) as stage:
        await on_row(stage, "cust-0002")
        await stage.press("C")
        dialog = await stage.until_screen(CancelStepDialog)
        assert dialog.query_one("#go", Button).disabled
        await stage.press("enter")
        assert dialog.is_current
        await stage.press(*"NetBox is down", "enter", "enter")
        assert await stage.until_asked("cancel_step") == ("allocate-cust-0002", "NetBox is down")
        await stage.until_home()


async def test_where_no_step_waits_there_is_none_to_try_or_cancel() -> None:
    async with on_space() as stage:
        await stage.press("t")
        await stage.until_says("Retry: No step of this subscriber waits.")
        await stage.press("C")
        await stage.until_says("Cancel step: No step of this subscriber waits.")


async def test_one_binding_is_released() -> None:
    async with on_space() as stage:
        stage.app.page.set_focus(stage.app.page.query_one(BindingsPane).target)
        await stage.press("R")
        dialog = await stage.until_screen(Choice)
        assert dialog.focused is not None
        assert dialog.focused.id == "cancel"
        await stage.press("down", "enter")
        assert await stage.until_asked("release_binding") == ("edge", "2001:db8:5::10")
        await stage.until_says("2001:db8:5::10 is released.")


async def test_all_of_an_instance_is_released_by_a_plan_with_a_typed_word() -> None:
    async with on_space() as stage:
        stage.app.page.set_focus(stage.app.page.query_one(BindingsPane).target)
        await stage.press("X")
        await stage.until_screen(Choice)
        await stage.press("down", "down", "enter")
        assert await planned(stage) == PlanRequest(action=PlanAction.RELEASE_INSTANCE, space="edge", instance="rack2")
        assert "bindings" in stage.text()
        assert stage.app.screen.query_one("#go", Button).disabled
        stage.app.screen.query_one("#word", Input).value = "release"
        await stage.pilot.pause()
        await applied(stage)


async def test_a_release_that_is_refused_says_why_and_how_to_ask_again() -> None:
    async with on_space() as stage:
        stage.source.refused = {"release_binding": Refused("the disk is full", next="make room", title="Unavailable")}
        stage.app.page.set_focus(stage.app.page.query_one(BindingsPane).target)
        await stage.press("R")
        await stage.until_screen(Choice)
        await stage.press("down", "enter")
        await stage.until_screen(Reader)
        await stage.until_shows("the disk is full")
        await stage.until_shows("ipv6console bindings release edge 2001:db8:5::10")


@pytest.mark.parametrize("key", ["A", "V", "S", "U", "X", "t", "C"])
async def test_a_read_only_console_acts_on_no_subscriber(key: str) -> None:
    async with on_space() as stage:
        await stage.press("L", key)
        await stage.until_says("The console is read-only")
        assert not {"plan", "retry_step", "cancel_step", "outbox_cancel"} & set(stage.asked())


async def test_a_key_without_a_subscriber_under_the_cursor_says_so() -> None:
    async with staged(replace(scene.calm(), space=lasting.vacant())) as stage:
        await stage.press("8")
        await stage.until_shows("no subscribers yet")
        for key, verb in (("A", "Allocate"), ("V", "Activate"), ("S", "Suspend"), ("U", "Resume"), ("X", "Revoke")):
            await stage.press(key)
            await stage.until_says(f"{verb}: There is no subscriber under the cursor.")


async def test_the_key_bar_and_help_are_of_the_pane_in_focus() -> None:
    async with on_space() as stage:
        assert "A Allocate" in stage.text("#keys")
        assert "Spawn" not in stage.text("#keys")
        stage.app.page.set_focus(stage.app.page.query_one(BindingsPane).target)
        await stage.settle()
        assert "R Release" in stage.text("#keys")
        assert "Allocate" not in stage.text("#keys")
        await stage.press("A")
        await stage.until_says("Allocate: not now: That is done on Space")
        await stage.press("question_mark")
        await stage.until_screen(Reader)
        await stage.until_shows("Addresses for lasting use")


async def test_enter_shows_all_of_a_subscriber_and_r_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_space() as stage:
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "copy_to_clipboard", copied.append)
        await stage.press("enter")
        await stage.until_screen(SubscriberDialog)
        await stage.until_shows("netbox #4001")
        await stage.until_shows("RADIUS: CoA")
        before = len(asked(stage, "outbox"))
        await stage.press("r")
        await stage.until_asked("outbox", before + 1)
        await stage.press("y")
        assert copied == ["cust-0001"]


async def test_enter_on_a_binding_shows_everything_of_it() -> None:
    async with on_space() as stage:
        stage.app.page.set_focus(stage.app.page.query_one(BindingsPane).target)
        await stage.press("enter")
        await stage.until_screen(Reader)
        await stage.until_shows("metadata owner")


async def test_again_reads_everything_again() -> None:
    async with on_space() as stage:
        await stage.press("r")
        for name in ("subscribers", "bindings", "subscriber_history", "outbox"):
            await stage.until_asked(name, 2)


async def test_an_event_about_a_subscriber_leads_to_it() -> None:
    async with on_space() as stage:
        page = stage.app.page
        assert isinstance(page, SpaceScreen)
        page.reveal("borealis/cust-0008")
        await stage.until_shows("1 of 23 pass")
        assert "cust-0008" in stage.text("#subscribers")


# The Overview


@pytest.mark.parametrize(("size", "selector"), [((80, 24), "#status"), ((120, 40), "#space")])
async def test_the_overview_has_a_line_where_there_is_something_to_tell(size: tuple[int, int], selector: str) -> None:
    async with staged(lasting.state(), size=size) as stage:
        await stage.settle()
        assert "503 Service Unavailable" in stage.text(selector) or "3 steps wait" in stage.text(selector)
        stage.source.change(replace(stage.source.document, space=lasting.vacant()))
        await stage.settle()
        await stage.settle()
        assert "steps wait" not in stage.text("#all")
        assert "Space" not in stage.text("#all")
        assert "Address space" not in stage.text("#all")
