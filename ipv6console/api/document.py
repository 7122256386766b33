"""Engine replies as bytes: the one place where a wire document becomes JSON text."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from ipv6console.wire.codec import encode

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def render(document: Any) -> bytes:
    """Return `document` (a wire document) as compact UTF-8 JSON; every path that answers a caller goes through here."""
    return _ENCODER.encode(encode(document)).encode()


class Document(Response):
    """An answer whose body is a wire document."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return render(content)
