"""Our part of somebody else's configuration file: a marked block, put in, replaced and taken out, the rest untouched."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

from ipv6console.linux.ndp.config import has_proxy

BEGIN = "# begin ipv6console: between these lines the engine writes, `ipv6console net teardown` removes them"
END = "# end ipv6console"


class DamagedBlock(ValueError):
    """The marks do not pair up, so nobody can tell what is ours."""


def with_block(text: str, content: str) -> str:
    """Return `text` with our block holding `content`, in its place or at the end; raises DamagedBlock."""
    before, held, after = _parted(text)
    if held is None and before and not before.endswith("\n"):
        before += "\n"
    return f"{before}{BEGIN}\n{content}{END}\n{after}"


def without_block(text: str) -> str:
    """Return `text` without our block; raises DamagedBlock."""
    before, _, after = _parted(text)
    return before + after


def has_block(text: str) -> bool:
    """Return whether our block is in `text`; raises DamagedBlock."""
    return _parted(text)[1] is not None


def claims(text: str, interface: str) -> bool:
    """Return whether `text`, outside our block, has a proxy block for `interface` already; raises DamagedBlock."""
    return has_proxy(without_block(text), interface)


def difference(path: Path, before: str, after: str) -> str:
    """Return what changes, as `diff -u` shows it."""
    lines = unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), lineterm="")
    return "\n".join(lines)


def _parted(text: str) -> tuple[str, str | None, str]:
    lines = text.splitlines(keepends=True)
    begins = [place for place, line in enumerate(lines) if line.rstrip("\n") == BEGIN]
    ends = [place for place, line in enumerate(lines) if line.rstrip("\n") == END]
    if not begins and not ends:
        return text, None, ""
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise DamagedBlock(
            f"the marks of our block do not pair up ({len(begins)} begin, {len(ends)} end); remove the block by hand"
        )
    place, last = begins[0], ends[0]
    return "".join(lines[:place]), "".join(lines[place + 1 : last]), "".join(lines[last + 1 :])
