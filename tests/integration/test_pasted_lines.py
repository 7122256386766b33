"""The lines that dialogs show, pasted into a shell beside a real engine, do what they say."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from ipv6console.console import call, lookup
from ipv6console.console.call import Call, Door
from ipv6console.wire.plan import PlanAction, PlanRequest
from tests.integration.conftest import REPOSITORY, Lab, StartLab, elapsed_until

pytestmark = pytest.mark.privileged


def pasted(line: str) -> str:
    """Run a line in a shell that knows ipv6console, and return what it printed."""
    script = f'ipv6console() {{ "{sys.executable}" -W error -m ipv6console "$@"; }}\n{line}\n'
    done = subprocess.run(
        ["sh", "-c", script], cwd=REPOSITORY, input="yes\n", text=True, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


def test_what_dialogs_show_works_when_it_is_pasted(start_lab: StartLab, tmp_path: Path) -> None:
    lab: Lab = start_lab("--usable-num", "5")
    elapsed_until(lambda: lab.client.state().pool.idle >= 5, 30, "the pool is full")
    door = Door(str(lab.directory / "engine.sock"))
    addr = lab.client.pick("news").addr
    assert addr is not None
    prefix = lab.client.state().prefixes[0].prefix
    asked: tuple[Call, ...] = (
        lookup.state(door), lookup.leases(door, "news"), lookup.mirror(door, "news"), lookup.who(door, addr),
        lookup.story(door, prefix), lookup.ndp(door, prefix), lookup.events(door, level="info", limit=3),
        lookup.addresses(door).as_json(), call.spawn(door, 1),
    )  # fmt: skip
    for one in asked:
        assert pasted(one.cli).strip(), one.cli
        answer = json.loads(pasted(f"{one.curl} -sS --fail-with-body"))
        assert "detail" not in answer or answer.get("success"), (one.curl, answer)
    then = lab.client.state().at
    assert json.loads(pasted(lookup.state_at(door, then).cli))["at"] <= then + 1

    pasted(call.drain_mirror(door, "news", draining=True).cli)
    assert lab.client.state().mirrors[0].draining
    pasted(call.drain_mirror(door, "news", draining=False).curl)
    assert not lab.client.state().mirrors[0].draining
    pasted(call.reset(door, "news", (addr,)).cli)

    request = PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(addr,))
    plan = lab.client.plan(request)
    pasted(call.planned(door, request, plan, "it's `why`; $HOME").curl)
    told = lab.client.events(limit=1_000).events
    assert [event.data["reason"] for event in told if event.kind == "revoke.addresses"] == ["it's `why`; $HOME"]

    path = Path(pasted(f"{door.cli('bundle')} --output {tmp_path}").strip())
    with tarfile.open(path) as tar:
        names = {member.name.partition("/")[2] for member in tar.getmembers()}
    assert {"screens/pool.svg", "state.json", "doctor.txt", "events.jsonl", "config.json"} <= names
