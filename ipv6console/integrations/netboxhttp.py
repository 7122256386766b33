"""One request to NetBox's REST API, and what its answer means for all requests alike."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ipv6console import __version__
from ipv6console.cause import cause
from ipv6console.config import NetBoxSettings, public_url
from ipv6console.engine.external import RegistryRefused, RegistryUnreachable
from ipv6console.integrations.secretfile import NoSecret, secret

_TEXT = 300
"""Characters of an answer that are repeated in a message."""

_PATIENCE = 3_600.0
"""The longest Retry-After that is heeded, in seconds."""

_TOKEN = "nbt_"  # noqa: S105 - how tokens of version 2 begin (NetBox 4.5)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `document` is its JSON, None without a body; `etag` is for If-Match."""

    status: int
    document: Any
    etag: str | None

    @property
    def text(self) -> str:
        """What it says, in one line."""
        return _told(self.document)


class NetBoxHttp:
    """The API of the NetBox at `settings.url`. Raises OSError when the authorities in `ca_file` cannot be used."""

    def __init__(self, settings: NetBoxSettings) -> None:
        self._settings = settings
        self._where = f"NetBox at {public_url(settings.url)}"
        self._client = httpx.AsyncClient(
            base_url=f"{settings.url}/api/",
            verify=_context(settings.ca_file),
            trust_env=False,
            follow_redirects=False,
            timeout=settings.timeout,
            headers={"Accept": "application/json", "User-Agent": f"ipv6console/{__version__}"},
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        document: object = None,
        match: str | None = None,
        expected: Collection[int] = (),
    ) -> Reply:
        """Send one request and return its answer, when it is a success or has one of the statuses `expected`.

        Raises RegistryUnreachable when it may have been done or is to be asked again, RegistryRefused when NetBox will
        not have it.
        """
        headers = {"Authorization": await self._credentials()}
        if match is not None:
            headers["If-Match"] = match
        try:
            # httpx bounds each part of an exchange; a server that sends a byte now and then would never be done.
            async with asyncio.timeout(self._settings.timeout):
                answer = await self._client.request(method, path, params=query, json=document, headers=headers)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RegistryUnreachable(
                f"{self._where} did not answer within {self._settings.timeout:g} s",
                next="see whether it is well; netbox.timeout gives it longer",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RegistryUnreachable(
                f"{self._where} was not reached: {cause(error)}",
                next=f"see whether this host reaches it: curl -v {self._settings.url}/api/",
            ) from error
        return self._judged(answer, expected)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _credentials(self) -> str:
        try:
            token = await secret(self._settings.token_file, "netbox.token_file")
        except NoSecret as error:
            raise RegistryUnreachable(f"the token for {self._where}: {error.detail}", next=error.next) from error
        if not token.isascii() or " " in token:
            raise RegistryUnreachable(
                f"{self._settings.token_file} holds no token for {self._where}", next="write the token alone into it"
            )
        return f"{'Bearer' if token.startswith(_TOKEN) else 'Token'} {token}"

    def _judged(self, answer: httpx.Response, expected: Collection[int]) -> Reply:
        status = answer.status_code
        named = f"{self._where} answered {status} {answer.reason_phrase}".rstrip()
        if answer.is_redirect:
            location = answer.headers.get("location", "")
            there = public_url(location) if "://" in location else "another path"
            raise RegistryUnreachable(
                f"{named} and points to {there}; the token is not carried there",
                next="put the URL that it points to into netbox.url",
            )
        if status == 429 or answer.is_server_error:
            raise RegistryUnreachable(
                named,
                next="it is asked again; see the log of that NetBox when this goes on",
                after=_seconds(answer.headers.get("retry-after", "")),
            )
        try:
            document = answer.json() if answer.content else None
        except ValueError as error:
            raise RegistryUnreachable(
                f"{named}, and what it said is no JSON",
                next="see whether netbox.url is that of a NetBox, and what is between it and this host",
            ) from error
        if status == 404 and not (isinstance(document, Mapping) and "detail" in document):
            # A proxy's would pass for a prefix that is gone, and the prefix would be forgotten.
            raise RegistryUnreachable(
                f"{named}, which does not look like NetBox's own",
                next="see whether netbox.url is that of a NetBox, and what is between it and this host",
            )
        reply = Reply(status, document, answer.headers.get("etag"))
        if status in {401, 403} and "permission" not in reply.text:
            raise RegistryUnreachable(
                f"{named}: {reply.text}", next=f"write a valid token into {self._settings.token_file}"
            )
        if answer.is_success or status in expected:
            return reply
        raise RegistryRefused(f"{named}: {reply.text}", next=_NEXT.get(status, _OTHERWISE))


_NEXT = {
    403: "give the token's user the permission to view, add, change and delete prefixes, and let the token write",
    404: "see whether it is there, and whether the token's user may view it",
    409: "see in NetBox what depends on it",
}
_OTHERWISE = "see what it says, and correct the request or the settings of [netbox]"


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        why = "it holds no certificates in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise OSError(f"netbox.ca_file: {ca_file}: {why}") from error


def _seconds(text: str) -> float | None:
    """Return what Retry-After says in seconds (RFC 9110 10.2.3), an hour at most; None for a date or nothing."""
    return min(float(text), _PATIENCE) if text.isascii() and text.isdigit() else None


def _told(document: object) -> str:
    """Return what an answer says: NetBox tells faults as an object, a list of objects, or texts in either."""
    if isinstance(document, Mapping):
        parts = [
            _told(value) if key in {"detail", "__all__", "non_field_errors"} else f"{key}: {_told(value)}"
            for key, value in document.items()
        ]
        text = "; ".join(parts)
    elif isinstance(document, list):
        text = "; ".join(_told(item) for item in document)
    else:
        text = "" if document is None else str(document)
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= _TEXT else f"{plain[: _TEXT - 1]}…"
