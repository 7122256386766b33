"""Secrets of the lab: made anew for every lab, in files for their owner alone."""

from __future__ import annotations

import secrets
from pathlib import Path


def make_secret(path: Path, *, bytes_of: int = 20) -> str:
    """Write a new secret of so many random bytes, in hexadecimal, into `path`; return it."""
    secret = secrets.token_hex(bytes_of)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(secret + "\n")
    return secret
