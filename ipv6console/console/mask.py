"""Hiding secrets in what leaves the console as files: tokens, passwords in URLs, and values named as secrets."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

MASK = "***"
_NAMES = frozenset({"token", "tokens", "secret", "password", "passwd", "authorization", "credential"})
_TOKEN = re.compile(r"ipv6c_[A-Za-z0-9_-]{8,}")
"""As `ipv6console token create` makes them."""

_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/-]{6,}=*")
_USERINFO = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:]*):[^\s/@]+@")
_ASSIGNED = re.compile(
    r"(?i)(?P<name>\b[a-z0-9_.-]*(?:token|secret|password|passwd|api_?key)[\"']?\s*[=:]\s*[\"']?)"
    r"(?P<value>[A-Za-z0-9._~+/-]{6,}=*)"
)
_SHORTEST = 4
"""Shorter secrets are not looked for: they would turn words into stars."""


def masked_text(text: str, secrets: Collection[str] = ()) -> str:
    """Return `text` without tokens, passwords in URLs, what is assigned to a name of a secret, and without `secrets`."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK)
    text = _TOKEN.sub(MASK, text)
    text = _BEARER.sub(rf"\1\2{MASK}", text)
    text = _USERINFO.sub(rf"\g<head>:{MASK}@", text)
    return _ASSIGNED.sub(_value_masked, text)


def masked(value: Any, secrets: Collection[str] = ()) -> Any:
    """Return the JSON-able `value` masked as text, and whole where its key names a secret (not a file with one)."""
    if isinstance(value, dict):
        return {
            key: MASK if isinstance(item, str) and item and _is_secret(str(key)) else masked(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(item, secrets) for item in value]
    return masked_text(value, secrets) if isinstance(value, str) else value


def _is_secret(name: str) -> bool:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return words[-1] not in {"file", "files", "path"} and any(word in _NAMES for word in words)


def _value_masked(found: re.Match[str]) -> str:
    # The name of a file with a secret is no secret, and "token: none" tells nothing.
    if "file" in found["name"].lower() or found["value"].startswith("/"):
        return found[0]
    return found["name"] + MASK
