"""Secrets in files of one line, read anew for each use, so that they may be renewed."""

from __future__ import annotations

import asyncio
from pathlib import Path


class NoSecret(Exception):
    """A file that holds no secret that could be used; `next` says what to do."""

    def __init__(self, detail: str, *, next: str) -> None:  # noqa: A002 - the word of the problem document
        super().__init__(detail)
        self.detail = detail
        self.next = next


async def secret(path: str, setting: str) -> str:
    """Return the one line of the file at `path`, which `setting` names; raises NoSecret."""
    try:
        text = await asyncio.to_thread(Path(path).read_text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NoSecret(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}",
            next=f"make {setting} a file that the engine's user may read",
        ) from error
    word = text.strip()
    if not word or not word.isprintable():
        raise NoSecret(
            f"{path} holds {'more than one line' if word else 'nothing'}", next="write the secret alone into it"
        )
    return word
