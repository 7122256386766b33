"""The list of bad input, typed: an exit code that scripts can tell, the next step on stderr, and the state as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from ipv6console.api.limits import LIMITS
from ipv6console.cli import run
from ipv6console.commands.failure import ExitCode
from tests.api.service import PREFIX, Service, serving, settings_in
from tests.api.test_bad_input import ADDRESSES, DBNAMES, counters

pytestmark = pytest.mark.anyio

Refused = Callable[..., Any]
_HELD = "2001:db8:0:1::1"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("engine")
    async with serving(settings_in(folder), folder, LIMITS) as service:
        async with service.over_unix() as client:
            assert (await client.get("/pick?dbname=kept&ttl=600")).json()["success"]
        yield service


@pytest.fixture
def refused(service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Return a function that types a command, which must end with one of `codes` and change nothing."""
    monkeypatch.setenv("IPV6CONSOLE_SOCKET", str(service.path))

    async def typed(*words: str, codes: tuple[ExitCode, ...] = (ExitCode.USAGE, ExitCode.REFUSED)) -> str:
        before = await counters(service)
        capsys.readouterr()
        code = await anyio.to_thread.run_sync(run, list(words))
        out, err = capsys.readouterr()
        assert code in codes, err
        assert out == ""
        assert "Traceback" not in err
        assert "next: " in err or "Try 'ipv6console " in err
        assert await counters(service) == before
        return str(err)

    return typed


@pytest.mark.parametrize("dbname", DBNAMES.values(), ids=DBNAMES)
@pytest.mark.parametrize(
    "words",
    [
        ("pick", "-d", "{}"),
        ("pick", "-n", "2", "-d", "{}"),
        ("report", _HELD, "bad", "-d", "{}"),
        ("reset", _HELD, "-d", "{}"),
        ("reset", "--all", "-d", "{}"),
        ("leases", "-d", "{}"),
        ("targets", "-d", "{}"),
        ("addresses", "-d", "{}"),
        ("who", _HELD, "-d", "{}"),
        ("flush", "--yes", "{}"),
        ("drain", "mirror", "{}"),
        ("mirror", "show", "{}"),
        ("mirror", "set", "{}", "--usable-num", "3"),
    ],
    ids=" ".join,
)
async def test_a_careless_dbname(refused: Refused, words: tuple[str, ...], dbname: str) -> None:
    await refused(*(word.format(dbname) for word in words))


@pytest.mark.parametrize("num", ["-1", "0", "101", "1e9", "1000000000", "text", "1.5", ""])
@pytest.mark.parametrize("words", [("pick", "-n"), ("spawn", "--")], ids=" ".join)
async def test_a_number_that_is_none_or_out_of_bounds(refused: Refused, words: tuple[str, ...], num: str) -> None:
    await refused(*words, num, codes=(ExitCode.USAGE,))


@pytest.mark.parametrize("addr", ADDRESSES.values(), ids=ADDRESSES)
@pytest.mark.parametrize(
    "words",
    [
        ("check", "{}"),
        ("report", "{}", "bad"),
        ("reset", "{}"),
        ("who", "{}"),
        ("revoke", "{}", "--reason", "test", "--yes"),
    ],
    ids=" ".join,
)
async def test_an_address_no_scraper_could_lease(refused: Refused, words: tuple[str, ...], addr: str) -> None:
    if words[0] == "revoke" and "/" in addr:
        addr = "2001:db8:0:1::/640"  # a prefix is revoked whole
    await refused(*(word.format(addr) for word in words))


@pytest.mark.parametrize(
    "addr",
    ["2001:db8:9::1", "2001:db8:0:1::dead"],
    ids=["out of every prefix", "unknown"],
)
async def test_an_address_that_is_not_ours(refused: Refused, addr: str) -> None:
    await refused("report", addr, "bad", codes=(ExitCode.NO,))


async def test_a_wrong_token(refused: Refused, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("none-of-ours\n")
    url = f"http://127.0.0.1:{service.ports[0]}"
    for words in (("pick",), ("spawn", "3"), ("drain", "prefix", PREFIX), ("flush", "--all", "--yes")):
        err = await refused(*words, "--url", url, "--token-file", str(file), codes=(ExitCode.REFUSED,))
        assert "token create" in err


async def test_a_body_of_two_mebibytes(refused: Refused) -> None:
    err = await refused("report", _HELD, "bad", "--reason", "x" * (2 << 20), codes=(ExitCode.REFUSED,))
    assert "1 MiB" in err


async def test_a_name_for_the_engine_that_is_not_its_own(
    refused: Refused, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads here by DNS is still not this engine's."""
    find = asyncio.base_events.socket.getaddrinfo  # type: ignore[attr-defined] # the module everybody resolves by

    def leads_here(host: Any, *rest: Any, **options: Any) -> Any:
        return find("127.0.0.1" if host in ("evil.example", b"evil.example") else host, *rest, **options)

    monkeypatch.setattr("socket.getaddrinfo", leads_here)
    err = await refused("pick", "--url", f"http://evil.example:{service.ports[0]}", codes=(ExitCode.REFUSED,))
    assert "next: Call http://localhost" in err


@pytest.mark.parametrize("text", ["[pool]\nusable_nun = 3\n", "[poool]\nusable_num = 3\n", "usable_num = 3\n"])
@pytest.mark.parametrize("command", ["serve", "info", "console"])
async def test_an_unknown_config_key(refused: Refused, tmp_path: Path, text: str, command: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    err = await refused(command, "--config", str(file), codes=(ExitCode.USAGE,))
    assert f"{file}:" in err
    assert "config.example.toml" in err


async def test_an_unknown_config_key_in_the_environment(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPV6CONSOLE_POOL_USABLE_NUN", "3")
    assert "did you mean usable_num?" in await refused("info", codes=(ExitCode.USAGE,))
