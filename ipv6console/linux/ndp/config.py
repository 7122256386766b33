"""ndppd's configuration file (ndppd.conf(5)): written for an ndppd of ours, read for anybody's."""

from __future__ import annotations

import re
from ipaddress import IPv6Network
from pathlib import Path

from ipv6console.linux.prefixes import prefix_text
from ipv6console.linux.wholefile import replace_file

Rule = tuple[int, int]
"""Network and length of a prefix ndppd answers for."""

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|#[^\n]*", re.DOTALL)
_RULE = re.compile(r"\brule\s+([0-9a-fA-F:./]+)")


def told_to_read(path: Path) -> tuple[str, str]:
    """Return the arguments that make an ndppd read the file at `path`, by which it is found in the process list too.

    Somebody who only looks at the file has its path among the arguments as well, but not after this one.
    """
    return "-c", str(path)


def config_path(state_dir: Path, interface: str) -> Path:
    """Return where the file of the ndppd of `interface` is."""
    return state_dir / f"ndppd-{interface}.conf"


def render(interface: str, rules: tuple[Rule, ...]) -> str:
    """Return the file that makes ndppd answer on `interface` for every address of `rules`, as a host."""
    return f"route-ttl 30000\n{proxy(interface, rules)}"


def proxy(interface: str, rules: tuple[Rule, ...]) -> str:
    """Return the proxy block alone."""
    blocks = "".join(f"   rule {prefix_text(*rule)} {{\n      static\n   }}\n" for rule in rules)
    return f"proxy {interface} {{\n   router no\n   timeout 500\n   ttl 30000\n{blocks}}}\n"


def write(path: Path, interface: str, rules: tuple[Rule, ...]) -> None:
    """Replace the file at `path`; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, render(interface, rules))


def has_proxy(text: str, interface: str) -> bool:
    """Return whether `text` has a proxy block for `interface`."""
    return _opening(interface).search(_COMMENT.sub("", text)) is not None


def rules_in(text: str, interface: str) -> list[IPv6Network]:
    """Return the prefixes of the rules in the proxy blocks for `interface`; what is no prefix ndppd refuses to start with."""
    plain = _COMMENT.sub("", text)
    blocks = (_block(plain, opening.end()) for opening in _opening(interface).finditer(plain))
    found = [_network(rule) for block in blocks for rule in _RULE.findall(block)]
    return [network for network in found if network is not None]


def _opening(interface: str) -> re.Pattern[str]:
    return re.compile(rf'\bproxy\s+"?{re.escape(interface)}"?\s*\{{')


def _block(text: str, begin: int) -> str:
    """Return what follows `begin` up to the brace that closes the one just before it."""
    depth = 1
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[begin:place]
    return text[begin:]


def _network(text: str) -> IPv6Network | None:
    try:
        return IPv6Network(text, strict=False)
    except ValueError:
        return None
