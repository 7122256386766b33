"""ndppd's configuration file (ndppd.conf(5)): ours alone, in our state directory, never /etc."""

from __future__ import annotations

from pathlib import Path

from ipv6console.linux.prefixes import prefix_text

Rule = tuple[int, int]
"""Network and length of a prefix ndppd answers for."""


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
    fresh = path.with_suffix(".new")
    fresh.write_text(render(interface, rules))
    fresh.replace(path)
