"""What a scraper does with each of the three sessions, so that one test can be for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import httpx
import requests

from ipv6console.client import AsyncIPv6Session, IPv6ConsoleError, IPv6Session
from ipv6console.client.requests import IPv6Session as RequestsSession

FAILED = (IPv6ConsoleError, httpx.TransportError, requests.exceptions.RequestException)


PATIENCE = 30.0
"""Seconds that a site may take where nothing else is said: the machine may be busy."""


class Scraper(Protocol):
    """What a scraper does, whatever its library."""

    def get(self, url: str, timeout: float = PATIENCE, **options: Any) -> str: ...
    def begin(self, url: str, timeout: float = PATIENCE) -> Callable[[], object]:
        """Begin to stream, read the first part, return what reads the next."""
        ...

    def adapt(self) -> object: ...
    def addr(self) -> str: ...
    def renew(self) -> object: ...
    def close(self) -> None: ...


class Httpx:
    def __init__(self, path: str, **options: Any) -> None:
        self._session = IPv6Session(socket=path, adapt_max_retries=0, follow_redirects=True, **options)
        self._session.__enter__()

    def get(self, url: str, timeout: float = PATIENCE, **options: Any) -> str:
        return self._session.get(url, timeout=timeout, **options).text

    def begin(self, url: str, timeout: float = PATIENCE) -> Callable[[], object]:
        request = self._session.build_request("GET", url, timeout=timeout)
        parts = self._session.send(request, stream=True).iter_raw()
        next(parts)
        return lambda: next(parts)

    def adapt(self) -> object:
        return self._session.adapt()

    def addr(self) -> str:
        return self._session.addr

    def renew(self) -> object:
        return self._session.renew()

    def close(self) -> None:
        self._session.close()


class AsyncHttpx:
    def __init__(self, path: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._session = AsyncIPv6Session(socket=path, adapt_max_retries=0, follow_redirects=True, **options)
        self._runner.run(self._session.__aenter__())

    def get(self, url: str, timeout: float = PATIENCE, **options: Any) -> str:
        return self._runner.run(self._session.get(url, timeout=timeout, **options)).text

    def begin(self, url: str, timeout: float = PATIENCE) -> Callable[[], object]:
        request = self._session.build_request("GET", url, timeout=timeout)
        parts = self._runner.run(self._session.send(request, stream=True)).aiter_raw()

        async def read() -> bytes:
            return await anext(parts)

        self._runner.run(read())
        return lambda: self._runner.run(read())

    def adapt(self) -> object:
        return self._runner.run(self._session.adapt())

    def addr(self) -> str:
        return self._session.addr

    def renew(self) -> object:
        return self._runner.run(self._session.renew())

    def close(self) -> None:
        self._runner.run(self._session.aclose())
        self._runner.close()


class Requests:
    def __init__(self, path: str, **options: Any) -> None:
        self._session = RequestsSession(socket=path, adapt_max_retries=0, **options)

    def get(self, url: str, timeout: float = PATIENCE, **options: Any) -> str:
        return self._session.get(url, timeout=timeout, **options).text

    def begin(self, url: str, timeout: float = PATIENCE) -> Callable[[], object]:
        parts = self._session.get(url, stream=True, timeout=timeout).iter_content(3)
        next(parts)
        return lambda: next(parts)

    def adapt(self) -> object:
        return self._session.adapt()

    def addr(self) -> str:
        return self._session.addr

    def renew(self) -> object:
        return self._session.renew()

    def close(self) -> None:
        self._session.close()


Make = Callable[..., Scraper]
