"""Webhooks, against a real server on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ipv6console import __version__
from ipv6console.config import Webhook
from ipv6console.engine.protocol import NotCarried
from ipv6console.notify.webhook import WebhookCarrier
from ipv6console.wire.codec import decode
from ipv6console.wire.notify import Notice
from tests.notify.conftest import OK, Site, status

pytestmark = pytest.mark.anyio

Make = Callable[..., WebhookCarrier]


@pytest.fixture
async def carrier(site: Site) -> AsyncIterator[Make]:
    """A function that makes a carrier to the site, with other settings if given."""
    made: list[WebhookCarrier] = []

    def make(**settings: Any) -> WebhookCarrier:
        given: dict[str, Any] = {"name": "pager", "url": site.url, "timeout": 20.0} | settings
        made.append(WebhookCarrier(Webhook(**given)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def refused(carrier: WebhookCarrier, notice: Notice) -> NotCarried:
    with pytest.raises(NotCarried) as caught:
        await carrier.carry(notice)
    told = f"{caught.value.text} {caught.value.next}"
    assert "s3cret" not in told
    assert "hush" not in told
    return caught.value


async def test_a_webhook_gets_the_notice_as_json(site: Site, carrier: Make, notice: Notice, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("bearer-s3cret\n")
    webhook = carrier(headers=("X-Team=net=work",), token_file=str(token))
    assert await webhook.carry(notice) == "it answered 200 OK"
    [request] = site.requests
    assert (request.method, request.path) == ("POST", "/hook/s3cret?key=hush")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"ipv6console/{__version__}"
    assert request.headers["x-team"] == "net=work"
    assert request.headers["authorization"] == "Bearer bearer-s3cret"
    assert decode(Notice, request.json) == notice


async def test_the_url_may_be_in_a_file_that_is_read_each_time(
    site: Site, carrier: Make, notice: Notice, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    webhook = carrier(url="", url_file=str(file))
    problem = await refused(webhook, notice)
    assert problem.text == f"{file} cannot be read: No such file or directory"
    file.write_text("not a URL")
    assert "holds no http" in (await refused(webhook, notice)).text
    file.write_text(f"{site.url}\n")
    await webhook.carry(notice)
    assert webhook.target == f"the URL in {file}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (("500 Internal Server Error",), (True, None)),
        (("503 Service Unavailable", "retry-after: 7"), (True, 7.0)),
        (("429 Too Many Requests", "retry-after: Sat, 21 Nov 2026 22:00:00 GMT"), (True, None)),
        (("404 Not Found",), (False, None)),
        (("401 Unauthorized",), (False, None)),
        (("304 Not Modified",), (False, None)),
    ],
)
async def test_what_a_server_refuses_for_now_is_tried_again_and_what_it_refuses_for_good_is_not(
    site: Site, carrier: Make, notice: Notice, answer: tuple[str, ...], told: tuple[bool, float | None]
) -> None:
    site.answers = [status(*answer)]
    problem = await refused(carrier(), notice)
    assert problem.text == f"it answered {answer[0]}"
    assert (problem.again, problem.after) == told


async def test_a_redirect_is_not_followed_and_where_it_points_is_told(
    site: Site, carrier: Make, notice: Notice
) -> None:
    site.answers = [status("302 Found", "location: https://elsewhere.example/s3cret?hush")]
    problem = await refused(carrier(), notice)
    assert "points to https://elsewhere.example/***;" in problem.text
    assert not problem.again
    assert len(site.requests) == 1


async def test_a_server_that_is_down_is_told_as_such(carrier: Make, notice: Notice) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    problem = await refused(carrier(url=f"http://127.0.0.1:{port}/s3cret"), notice)
    assert (problem.text, problem.again) == ("Connection refused", True)
    assert problem.next == (
        f"see whether this host reaches http://127.0.0.1:{port}/***: curl -v http://127.0.0.1:{port}/"
    )


async def test_a_server_that_answers_byte_by_byte_is_left_in_time(site: Site, carrier: Make, notice: Notice) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.02)

    site.answers = [trickle, OK]
    webhook = carrier(timeout=0.3)
    problem = await refused(webhook, notice)
    assert (problem.text, problem.again) == ("no answer within 0.3 s", True)


async def test_neither_the_environments_proxy_nor_its_netrc_is_used(
    site: Site, carrier: Make, notice: Notice, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    (own_home / ".netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await carrier().carry(notice)
    assert "authorization" not in site.requests[0].headers


async def test_a_proxy_that_the_settings_name_is_used(site: Site, carrier: Make, notice: Notice) -> None:
    webhook = carrier(url="http://hook.example/s3cret", proxy=f"http://127.0.0.1:{site.port}")
    await webhook.carry(notice)
    assert site.requests[0].path == "http://hook.example/s3cret"


async def test_nothing_that_represents_a_webhook_shows_what_may_be_secret() -> None:
    row = Webhook(
        name="pager", url="https://me:s3cret@hook.example:8443/s3cret?s3cret#s3cret", headers=("Authorization=s3cret",)
    )
    assert row.target == "https://hook.example:8443/***"
    assert "s3cret" not in repr(row)
