"""Telling a webhook: one POST with the notice as JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from ipv6console import __version__
from ipv6console.cause import cause
from ipv6console.config import Webhook, public_url
from ipv6console.engine.protocol import NotCarried
from ipv6console.wire.codec import encode
from ipv6console.wire.event import EventLevel
from ipv6console.wire.notify import Notice, NotifierMeans

_AGAIN = (408, 425, 429)
"""Refusals that pass by themselves (RFC 9110 15.5.9, RFC 8470, RFC 6585)."""


class WebhookCarrier:
    """A Carrier by HTTP. It sends from the address the kernel chooses and through no proxy, unless the settings name them.

    The kernel chooses no address of the pool: those that are assigned at all are deprecated (RFC 6724, rule 3).
    """

    means = NotifierMeans.WEBHOOK

    def __init__(self, settings: Webhook) -> None:
        self.name = settings.name
        self.target = settings.target
        self.level = EventLevel(settings.level)
        self.kinds = settings.kinds
        self._settings = settings
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                verify=_context(),
                trust_env=False,
                local_address=settings.source or None,
                proxy=httpx.Proxy(settings.proxy) if settings.proxy else None,
            ),
            trust_env=False,
            follow_redirects=False,
            timeout=settings.timeout,
        )

    async def carry(self, notice: Notice) -> str:
        """See Carrier."""
        body = json.dumps(encode(notice), ensure_ascii=False, separators=(",", ":")).encode()
        url, secret = await self._address()
        headers = {"User-Agent": f"ipv6console/{__version__}", "Content-Type": "application/json"}
        for header in self._settings.headers:
            name, _, value = header.partition("=")
            headers[name] = value
        if secret:
            headers["Authorization"] = f"Bearer {secret}"
        try:
            # httpx bounds each part of an exchange; a server that sends a byte now and then would never be done.
            async with (
                asyncio.timeout(self._settings.timeout),
                self._client.stream("POST", url, content=body, headers=headers) as answer,
            ):
                return self._judged(answer)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise NotCarried(
                f"no answer within {self._settings.timeout:g} s",
                next="see whether that server is well; timeout in [[notify.webhook]] gives it longer",
                again=True,
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotCarried(
                _without(cause(error), url, self._settings.proxy),
                next=f"see whether this host reaches {public_url(url)}: curl -v {_root(url)}",
                again=isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol),
            ) from error

    async def close(self) -> None:
        """See Carrier."""
        await self._client.aclose()

    async def _address(self) -> tuple[str, str]:
        """Return the URL and the token to show; files are read each time, so that they may be renewed."""
        settings = self._settings
        url = settings.url or await _word(settings.url_file, "url_file")
        if not url.startswith(("http://", "https://")):
            raise NotCarried(
                f"{settings.url_file} holds no http:// or https:// URL", next="write the URL into it", again=False
            )
        return url, await _word(settings.token_file, "token_file") if settings.token_file else ""

    def _judged(self, answer: httpx.Response) -> str:
        status = f"{answer.status_code} {answer.reason_phrase}".strip()
        if answer.is_success:
            return f"it answered {status}"
        if answer.has_redirect_location:
            location = answer.headers["location"]
            there = public_url(location) if "://" in location else "another path"
            raise NotCarried(
                f"it answered {status} and points to {there}; a redirect is not followed, it might carry secrets elsewhere",
                next="put the URL it points to into the settings",
                again=False,
            )
        again = answer.is_server_error or answer.status_code in _AGAIN
        step = "see the log of that server" if again else "correct its URL, token or headers in the settings"
        raise NotCarried(f"it answered {status}", next=step, again=again, after=_seconds(answer.headers))


@cache
def _context() -> ssl.SSLContext:
    """Return what TLS needs, with the authorities of this host, so that an operator's own one counts."""
    return ssl.create_default_context()


def _seconds(headers: Any) -> float | None:
    """Return what Retry-After says in seconds (RFC 9110 10.2.3), None for a date or nothing."""
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


async def _word(path: str, key: str) -> str:
    try:
        return (await asyncio.to_thread(Path(path).read_text, encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotCarried(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            next=f"make {key} a file that the engine's user may read",
            again=True,
        ) from error


def _root(url: str) -> str:
    return public_url(url).removesuffix("***")


def _without(text: str, *secrets: str) -> str:
    """Return `text` without the URLs in it."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, public_url(secret))
    return text
