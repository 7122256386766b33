"""Visit: one request of a rotating session, from the first try to the last."""

from __future__ import annotations

from typing import Any

import httpx

from ipv6console.client.hold import Ending
from ipv6console.client.rotation import Rotation, harmless

STAY = "ipv6console.stay"
"""The request extension that names the lease a request and its redirects go through."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Visit:
    """What became of a request; `again` says that it is to be sent once more, from another address."""

    def __init__(self, rotation: Rotation, request: httpx.Request) -> None:
        self._rotation = rotation
        self._request = request
        self._left = rotation.retries
        self.again = False

    def begin(self, stay: Any) -> None:
        """Send it through that lease."""
        if self.again:
            self._left -= 1
        self._request.extensions = {**self._request.extensions, STAY: stay}

    def answered(self, response: httpx.Response) -> Ending | None:
        """Return the verdict on the address after an answer; None: it stays."""
        ending = self._rotation.of_status(response.status_code, response.request.url.host)
        self._decide(ending, declined=response.is_client_error and not response.history)
        return ending

    def failed(self, error: BaseException) -> Ending | None:
        """Return the verdict on the address after an exception; None: it stays."""
        ending, declined = None, False
        if isinstance(error, httpx.HTTPStatusError):  # an event hook that calls raise_for_status
            return self.answered(error.response)
        if isinstance(error, Exception):
            at = self._request_of(error)
            ending = self._rotation.of_error(error, at.url.host)
            declined = isinstance(error, _NOT_SENT) and at is self._request
        self._decide(ending, declined=declined)
        return ending

    def _decide(self, ending: Ending | None, *, declined: bool) -> None:
        replayable = isinstance(self._request.stream, httpx.ByteStream)
        self.again = (
            ending is not None
            and self._left > 0
            and harmless(self._request.method, declined=declined, replayable=replayable)
        )

    def _request_of(self, error: Exception) -> httpx.Request:
        """Return the request that failed: a redirect's, or the first."""
        if isinstance(error, httpx.RequestError):
            try:
                return error.request
            except RuntimeError:
                return self._request  # one raised by other code than httpx names none
        return self._request
