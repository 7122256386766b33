"""`notify`, as a command and an endpoint, on an engine with a webhook and a command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.cli import run
from ipv6console.commands.failure import ExitCode
from ipv6console.config import Command, NotifySettings, Webhook
from ipv6console.notify.carriers import carriers
from tests.api.service import Service, serving, settings_in
from tests.notify.conftest import OK, Site, site, status  # noqa: F401 - a fixture

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(tmp_path: Path, site: Site) -> AsyncIterator[Service]:  # noqa: F811 - the fixture
    notify = NotifySettings(
        webhook=(Webhook(name="pager", url=site.url, headers=("X-Key=hush",)),),
        command=(Command(name="siren", argv=("/bin/sh", "-c", "exit 0 # hush")),),
    )
    async with serving(settings_in(tmp_path), tmp_path, LIMITS, carriers=carriers(notify)) as service:
        yield service


@pytest.fixture
def command(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return a function that runs a command and returns its code and what it printed."""
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))

    async def call(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await anyio.to_thread.run_sync(run, list(words))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


async def test_a_test_ends_with_0_when_all_were_reached_and_with_1_when_one_was_not(
    command: Callable[..., Any],
    site: Site,  # noqa: F811 - the fixture
) -> None:
    code, said = await command("notify", "test")
    assert code == ExitCode.DONE
    assert "pager  ● ok  it answered 200 OK" in said
    assert "siren  ● ok  it ended with code 0" in said
    assert site.requests[0].json["state"] == "test"
    site.answers = [status("500 Internal Server Error"), OK]
    code, said = await command("notify", "test", "pager")
    assert code == ExitCode.NO
    assert "✖ fail  it answered 500 Internal Server Error" in said
    assert "pager: next: see the log of that server" in said
    code, said = await command("notify", "list")
    assert (code, "✖ fail it answered 500" in said, "faults from warning" in said) == (ExitCode.DONE, True, True)


async def test_a_test_of_one_that_is_not_there_is_refused_with_the_names(command: Callable[..., Any]) -> None:
    code, said = await command("notify", "test", "nobody")
    assert code == ExitCode.REFUSED
    assert "name one of: pager, siren" in said


async def test_what_is_told_as_json_has_no_secret(command: Callable[..., Any], service: Service) -> None:
    shown = [(await command("notify", *words, "--json"))[1] for words in (("list",), ("test",))]
    async with service.over_unix() as client:
        shown += [(await client.get(path)).text for path in ("/state", "/health", "/events", "/notify")]
    assert "https" not in shown[0]
    assert [text for text in shown if "s3cret" in text or "hush" in text] == []
    assert '"target": "http://127.0.0.1:' in shown[0]


async def test_what_fails_is_in_health_with_the_next_step(
    command: Callable[..., Any],
    service: Service,
    site: Site,  # noqa: F811 - the fixture
) -> None:
    site.answers = [status("404 Not Found"), OK]
    await command("notify", "test", "pager")
    async with service.over_unix() as client:
        findings = {item["subject"]: item for item in (await client.get("/health")).json()["findings"]}
        assert "it answered 404 Not Found" in findings["notify pager"]["text"]
        assert findings["notify pager"]["fix"] == "ipv6console notify test pager"
        await command(*findings["notify pager"]["fix"].split()[1:])
        findings = {item["subject"]: item for item in (await client.get("/health")).json()["findings"]}
        assert "notify pager" not in findings
