"""The registry and the calls it shows."""

from __future__ import annotations

import json
import shlex

import pytest

from ipv6console.console import call
from ipv6console.console.action import ACTIONS, Danger, action
from ipv6console.console.app import ConsoleApp
from ipv6console.console.call import Door
from ipv6console.console.keymap import MOVES, keymap
from ipv6console.console.model import Condition
from ipv6console.console.standing import Standing, obstacle
from ipv6console.wire.plan import PlanAction, PlanRequest
from tests.console.scene import SOCKET

TAKEN_BY_TERMINALS = {f"ctrl+{letter}" for letter in "absjhimz"}


def test_every_action_has_its_own_id_and_keys() -> None:
    ids = [item.id for item in ACTIONS]
    assert len(set(ids)) == len(ids)
    for item in ACTIONS:
        if item.key not in MOVES:
            keymap([f"{item.id}={item.key}"])


def test_no_key_is_bound_that_multiplexers_and_terminals_take() -> None:
    bound = {key for item in ACTIONS for key in (item.key, *item.aliases)}
    assert not bound & TAKEN_BY_TERMINALS
    assert not set(ConsoleApp.BINDINGS) & TAKEN_BY_TERMINALS


def test_what_destroys_has_a_capital_key() -> None:
    assert {"F", "X", "D"} <= {item.key for item in ACTIONS if item.danger is not Danger.NONE}
    assert [item.id for item in ACTIONS if item.danger is not Danger.NONE and not item.key.isupper()] == []


@pytest.mark.parametrize("condition", [Condition.LOADING, Condition.STALE, Condition.DENIED, Condition.ERROR])
def test_an_act_on_anything_but_live_data_says_why_not(condition: Condition) -> None:
    assert obstacle(action("flush"), Standing(condition=condition, read_only=False))
    assert obstacle(action("help"), Standing(condition=condition, read_only=False)) is None


def test_a_read_only_console_says_which_key_changes_that() -> None:
    reason = obstacle(action("spawn"), Standing(condition=Condition.LIVE, read_only=True))
    assert reason is not None
    assert "L" in reason


def test_an_act_on_live_data_is_possible() -> None:
    assert obstacle(action("spawn"), Standing(condition=Condition.LIVE, read_only=False)) is None


def test_the_curl_line_of_a_socket_names_it_and_carries_json() -> None:
    words = shlex.split(call.drain_mirror(Door(SOCKET), "a.b", draining=True).curl)
    assert words[:3] == ["curl", "--unix-socket", SOCKET]
    assert json.loads(words[words.index("--json") + 1]) == {"draining": True}
    assert words[-1] == "http://localhost/mirrors/a.b/drain"


def test_the_lines_of_a_url_name_the_url() -> None:
    lines = call.spawn(Door("http://127.0.0.1:16000"), 7)
    assert lines.cli == "ipv6console spawn 7 --url http://127.0.0.1:16000"
    assert shlex.split(lines.curl) == ["curl", "http://127.0.0.1:16000/spawns?num=7"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname="news"), ["flush", "--dbname", "news"]),
        (PlanRequest(action=PlanAction.FLUSH_POOL), ["flush", "--all"]),
        (
            PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=("2001:db8::1",)),
            ["revoke", "2001:db8::1", "--reason", "it's bad"],
        ),
        (
            PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix="2001:db8::/64"),
            ["revoke", "--prefix", "2001:db8::/64", "--reason", "it's bad"],
        ),
    ],
)
def test_every_plan_has_a_command_line_that_a_shell_reads_back(request_: PlanRequest, words: list[str]) -> None:
    line = call.planned(Door(SOCKET), request_, None, "it's bad").cli
    assert shlex.split(line) == ["ipv6console", *words, "--socket", SOCKET]


def test_notify_cannot_be_tested_where_nobody_is_told_of_faults() -> None:
    reason = obstacle(action("notify_test"), Standing(condition=Condition.LIVE, read_only=False))
    assert reason is not None
    assert "[[notify.webhook]]" in reason
    assert obstacle(action("notify_test"), Standing(condition=Condition.LIVE, read_only=False, notifiers=1)) is None
