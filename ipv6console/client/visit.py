"""Visit: one request of a session that may rotate, from the first try to the last."""

from __future__ import annotations

import httpx

from ipv6console.client.hold import Ending
from ipv6console.client.rotation import Rotation, harmless

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Visit:
    """What became of a request; `again` says that it is to be sent once more, from another address.

    `replayable` says that its body can be had again.
    """

    def __init__(self, rotation: Rotation, method: str, *, replayable: bool) -> None:
        self._rotation = rotation
        self._method = method
        self._replayable = replayable
        self._left = rotation.retries
        self.again = False

    def begin(self) -> None:
        """Count one more try."""
        if self.again:
            self._left -= 1

    def after_status(self, status: int, host: str, *, redirected: bool) -> Ending | None:
        """Return the verdict on the address after `host` answered; None: it stays."""
        ending = self._rotation.of_status(status, host)
        self._decide(ending, declined=400 <= status < 500 and not redirected)
        return ending

    def after_error(self, error: Exception, host: str, *, declined: bool) -> Ending | None:
        """Return the verdict on the address after an exception; None: it stays. `declined`: nothing was sent."""
        ending = self._rotation.of_error(error, host)
        self._decide(ending, declined=declined)
        return ending

    def _decide(self, ending: Ending | None, *, declined: bool) -> None:
        self.again = (
            ending is not None
            and self._left > 0
            and harmless(self._method, declined=declined, replayable=self._replayable)
        )


class HttpxVisit(Visit):
    """A visit by httpx."""

    def __init__(self, rotation: Rotation, request: httpx.Request) -> None:
        super().__init__(rotation, request.method, replayable=isinstance(request.stream, httpx.ByteStream))
        self._request = request

    def answered(self, response: httpx.Response) -> Ending | None:
        """Return the verdict on the address after an answer; None: it stays."""
        host = response.request.url.host
        return self.after_status(response.status_code, host, redirected=bool(response.history))

    def failed(self, error: BaseException) -> Ending | None:
        """Return the verdict on the address after an exception; None: it stays."""
        if isinstance(error, httpx.HTTPStatusError):  # an event hook that calls raise_for_status
            return self.answered(error.response)
        if not isinstance(error, Exception):
            self.again = False
            return None
        at = self._request_of(error)
        return self.after_error(error, at.url.host, declined=isinstance(error, _NOT_SENT) and at is self._request)

    def _request_of(self, error: Exception) -> httpx.Request:
        """Return the request that failed: a redirect's, or the first."""
        if isinstance(error, httpx.RequestError):
            try:
                return error.request
            except RuntimeError:
                return self._request  # one raised by other code than httpx names none
        return self._request
