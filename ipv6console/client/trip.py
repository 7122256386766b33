"""Trip: one request of a session for requests and those it was redirected to, all through one lease."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from ipv6console.client.adapter import BoundAdapter
from ipv6console.client.hold import Ending
from ipv6console.client.rotation import Rotation
from ipv6console.client.stay import Stay
from ipv6console.client.visit import Visit

_NOT_SENT = (NewConnectionError, ConnectTimeoutError)


class Trip:
    """The lease that a request and its redirects go through."""

    def __init__(self, stay: Stay[BoundAdapter], request: requests.PreparedRequest) -> None:
        self.stay = stay
        self._requests = [request]

    def redirect(self, request: requests.PreparedRequest) -> None:
        """Let `request` go through the same lease."""
        self._requests.append(request)

    def includes(self, request: requests.PreparedRequest) -> bool:
        """Return whether `request` is part of this trip."""
        return any(known is request for known in self._requests)


class Trips(threading.local):
    """The trip each thread is on."""

    present: Trip | None = None


class RequestsVisit(Visit):
    """A visit by requests; `repeats` says that the adapter itself sends again what failed."""

    def __init__(self, rotation: Rotation, request: requests.PreparedRequest, *, repeats: bool) -> None:
        body = getattr(request, "body", ...)  # one that is not prepared has none; requests refuses it
        replayable = body is None or isinstance(body, bytes | str)
        super().__init__(rotation, request.method or "", replayable=replayable)
        self._request = request
        self._repeats = repeats

    def answered(self, response: requests.Response) -> Ending | None:
        """Return the verdict on the address after an answer; None: it stays."""
        return self.after_status(response.status_code, _host(response.request), redirected=bool(response.history))

    def failed(self, error: BaseException) -> Ending | None:
        """Return the verdict on the address after an exception; None: it stays."""
        if isinstance(error, requests.HTTPError) and error.response is not None:  # a hook that calls raise_for_status
            return self.answered(error.response)
        if not isinstance(error, Exception):
            self.again = False
            return None
        named = error.request if isinstance(error, requests.RequestException) else None
        at = named if isinstance(named, requests.PreparedRequest) else self._request
        declined = not self._repeats and at is self._request and _not_sent(error)
        return self.after_error(error, _host(at), declined=declined)


def _not_sent(error: Exception) -> bool:
    """Return whether the connection failed before a request was written to it."""
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, _NOT_SENT)


def _host(request: requests.PreparedRequest) -> str:
    return urlsplit(request.url or "").hostname or ""
