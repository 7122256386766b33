"""The bearer token that a client shows to the engine, and to nobody else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

TOKEN_FILE = "IPV6CONSOLE_TOKEN_FILE"  # noqa: S105 - the name of a variable, not a secret
TOKEN = "IPV6CONSOLE_TOKEN"  # noqa: S105 - as above
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, 2.1."""


def find_token(
    token: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
) -> str | None:
    """Return `token`, else what `token_file` holds, else what the environment gives, else None.

    The environment names a file in IPV6CONSOLE_TOKEN_FILE, or holds the token itself in IPV6CONSOLE_TOKEN. An empty
    `token` is none, also when the environment has one. Raises ValueError, which names the file and never shows the token.
    """
    if token is not None and token_file is not None:
        raise ValueError("token and token_file are two tokens; give one of them")
    if token is not None:
        return _proper(token, "token") if token else None
    if token_file is not None:
        return _read(Path(token_file), "token_file")
    if environ.get(TOKEN_FILE):
        return _read(Path(environ[TOKEN_FILE]), TOKEN_FILE)
    if environ.get(TOKEN):
        return _proper(environ[TOKEN], TOKEN)
    return None


def authorization(token: str | None) -> dict[str, str]:
    """Return the headers that show the token."""
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _read(path: Path, source: str) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "not ASCII text"
        raise ValueError(f"{source} names {path}, which cannot be read: {cause}") from None
    return _proper(text.strip(), f"{source} {path}")


def _proper(token: str, source: str) -> str:
    if _TOKEN.fullmatch(token) is None:
        raise ValueError(f"{source} holds no bearer token; `ipv6console token create NAME` makes one")
    return token
