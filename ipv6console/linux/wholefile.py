"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

FRESH = ".new"
"""What is at the end of the name of a file that is still being written; one killed meanwhile leaves it."""


def replace_file(path: Path, text: str, *, fresh: str = FRESH, mode: int | None = None) -> None:
    """Make `text` what is in the file at `path`, with the permissions `mode` if given; raises OSError.

    When it fails (no space left) the file is as before and nothing lies beside it.
    """
    beside = path.with_name(path.name + fresh)
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                os.fchmod(file.fileno(), mode)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
