"""The lines that show an act outside the console: every one is read back by the shell and understood by what it names."""

from __future__ import annotations

import json
import re
import shlex
from urllib.parse import parse_qs, urlsplit

import click
import pytest

from ipv6console.api import bindings, leases, operator, records, scraper, spaces, state, subscribers
from ipv6console.cli import root
from ipv6console.console import call, lookup
from ipv6console.console.action import ACTIONS
from ipv6console.console.call import Call, Door
from ipv6console.console.screens.dialog import cut
from ipv6console.wire.plan import Plan, PlanAction, PlanRequest

PREFIX, ADDR, NAME = "2001:db8:0:1::/64", "2001:db8:0:1::7", "shop-de"
DOORS = [
    Door("/run/it's here/e.sock"),
    Door("http://[2001:db8::1]:16000/"),
    Door("https://edge.example:16000", guarded=True),
]
REQUESTS = (
    PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname=NAME),
    PlanRequest(action=PlanAction.FLUSH_POOL),
    PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(ADDR, "2001:db8::9")),
    PlanRequest(action=PlanAction.REVOKE_PREFIX, prefix=PREFIX),
    PlanRequest(action=PlanAction.RELEASE_INSTANCE, space="edge", instance="rack 1"),
    PlanRequest(action=PlanAction.SUBSCRIBER_ALLOCATE, subscriber_id="it's", tenant="acme", prefix_size=48),
    PlanRequest(
        action=PlanAction.SUBSCRIBER_ACTIVATE, subscriber_id="a", username="kim", nas_ip="2001:db8::1", radius=True
    ),
    PlanRequest(action=PlanAction.SUBSCRIBER_SUSPEND, subscriber_id="a", tenant="acme"),
    PlanRequest(action=PlanAction.SUBSCRIBER_RESUME, subscriber_id="a", tenant="acme"),
    PlanRequest(action=PlanAction.SUBSCRIBER_REVOKE, subscriber_id="a", tenant="acme", radius=True, release=False),
    PlanRequest(action=PlanAction.REPAIR_LEAK, leak="l1"),
)
PLAN = Plan(
    id="p-7", action=PlanAction.FLUSH_POOL, target="pool", generation=1, count=1, sample=(), leases=0, mirrors=(),
    needs_reason=True, created_at=0.0, expires_at=60.0,
)  # fmt: skip


def every(door: Door) -> list[Call]:
    """Return each call that dialogs show."""
    return [
        call.spawn(door, 7),
        *(call.drain_mirror(door, NAME, draining=draining) for draining in (True, False)),
        *(call.drain_prefix(door, PREFIX, draining=draining) for draining in (True, False)),
        *(call.planned(door, request, PLAN, "it's `why`; $HOME") for request in REQUESTS),
        *(call.planning(door, request) for request in REQUESTS),
        call.reset(door, NAME, (ADDR, "2001:db8::9")),
        call.reset_all(door, NAME),
        call.notify_test(door),
        call.retry_step(door, "7f21"),
        call.cancel_step(door, "7f21", "it's `why`"),
        call.release_binding(door, "edge", ADDR),
        *(call.attach(door, read_only=read_only) for read_only in (True, False)),
        lookup.state(door),
        lookup.state_at(door, 1_790_000_000.4),
        lookup.health(door),
        lookup.addresses(door),
        lookup.addresses(door).as_json(),
        lookup.leases(door, NAME),
        lookup.targets(door, NAME),
        lookup.mirror(door, NAME),
        lookup.who(door, ADDR),
        lookup.prefixes(door),
        lookup.story(door, PREFIX),
        lookup.ndp(door),
        lookup.ndp(door, PREFIX),
        lookup.doctor(door, None),
        lookup.doctor(door, PREFIX),
        lookup.events(door),
        lookup.events(door, since=7, limit=1_000),
        lookup.events(door, level="warning", start=1_790_000_000.0),
        lookup.subscribers(door),
        lookup.life(door, "acme", "it's/7"),
        lookup.outbox(door),
        lookup.outbox(door, ("acme", "sub-1")),
        lookup.bindings(door),
        lookup.binding(door, "edge", ADDR),
        lookup.manual(door),
        lookup.engines((door.target, "/run/other.sock")),
    ]


def understood(words: list[str]) -> None:
    """Let click read a command line as far as that goes without doing it; raises UsageError."""
    context = root.make_context("ipv6console", list(words), resilient_parsing=True)
    command: click.Command = root
    rest = list(words)
    while isinstance(command, click.Group) and rest and rest[0] != "--help":
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None, words
        command = found
    if "--help" not in rest:
        command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize("door", DOORS, ids=["socket", "url", "guarded"])
def test_every_command_line_is_read_back_by_the_shell_and_understood(door: Door) -> None:
    for one in [*every(door), call.opening(door.target, read_only=True, file="/etc/it's.token")]:
        program, *words = shlex.split(one.cli)
        assert program == "ipv6console"
        understood(words)
        assert door.target in words or one == lookup.manual(door)


ROUTES = [
    (method, re.compile(re.sub(r"{\w+}", "[^/]+", path) + "$"), {item.alias for item in route.dependant.query_params})
    for module in (bindings, leases, operator, records, scraper, spaces, state, subscribers)
    for route in module.router.routes
    for method, path in [(next(iter(route.methods)), route.path)]
] + [("GET", re.compile("/openapi.json$"), set())]


@pytest.mark.parametrize("door", DOORS, ids=["socket", "url", "guarded"])
def test_every_curl_line_asks_for_what_the_api_has(door: Door) -> None:
    for one in every(door):
        if not one.curl:
            continue
        *before, line = one.curl.rsplit(" | ", 1)
        assert bool(before) == door.guarded
        words = shlex.split(line)
        body = json.loads(words[words.index("--json") + 1]) if "--json" in words else None
        method = "POST" if body is not None else words[words.index("-X") + 1] if "-X" in words else "GET"
        url = urlsplit(words[-1])
        path = url.path if door.is_url else urlsplit(words[-1]).path
        known = [query for verb, pattern, query in ROUTES if verb == method and pattern.fullmatch(path)]
        assert known, words
        assert set(parse_qs(url.query)) <= set.union(*known), words


def test_a_token_is_in_no_line_and_both_lines_take_it_from_the_environment() -> None:
    line = lookup.state(Door("https://edge.example", guarded=True)).curl
    assert line.startswith("printf 'Authorization: Bearer %s' \"$IPV6CONSOLE_TOKEN\" | curl -H @- ")
    assert "-H" not in lookup.state(Door("https://edge.example")).curl
    typed = call.opening("https://edge.example", read_only=False, token=True)
    assert typed.cli == "ipv6console attach https://edge.example --ask-token"


def test_every_action_that_asks_an_engine_names_a_command_that_is_understood() -> None:
    given = {"NUMBER": "7", "ADDRESS": ADDR, "PREFIX": PREFIX, "ID": "7", "TIME": "2h ago"}
    for item in ACTIONS:
        if item.command:
            understood([given.get(word, word.lower() if word.isupper() else word) for word in item.command.split()])
    assert [item.id for item in ACTIONS if item.acts and not item.command] == []


def test_a_line_too_long_to_show_is_cut_and_says_so() -> None:
    shown = cut(call.reset(DOORS[0], NAME, tuple(f"2001:db8::{number:x}" for number in range(200))).cli)
    assert len(shown) < 700
    assert shown.endswith("characters)")


def test_a_command_that_answers_in_json_already_is_not_told_so_twice() -> None:
    assert lookup.state(Door("/run/x.sock")).as_json().cli == "ipv6console status --json --socket /run/x.sock"
    assert lookup.addresses(Door("/run/x.sock")).as_json().cli == "ipv6console addresses --socket /run/x.sock --json"
