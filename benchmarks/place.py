"""Where benchmarks run: a network namespace that ends with them, in it a site that tells every caller its address."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.place import PORT, PREFIX, SITE, Echo, Server, write_config

INSIDE = "IPV6CONSOLE_BENCHMARK_INSIDE"
FILL_WITHIN = 120.0
"""Seconds an engine may take to fill its pool."""


def enter() -> None:
    """Run this program in a network namespace of its own, unless it does already."""
    if INSIDE not in os.environ:
        own = ("-n",) if os.geteuid() == 0 else ("-Urn",)
        os.execvpe("unshare", ["unshare", *own, sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


@contextmanager
def site() -> Iterator[None]:
    """Serve the site, whose address SITE has to be on a link, until the block ends."""
    with Server(("::", PORT), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def settings(folder: Path, strategy: str, count: int) -> Path:
    """Write the settings of an engine in `folder` that keeps `count` addresses, and return their file.

    With the strategy `routed` they are of PREFIX, else of what the kernel has.
    """
    path = folder / "config.toml"
    write_config(
        path,
        {
            "engine": {"socket": str(folder / "engine.sock"), "state_dir": str(folder / "state")},
            "pool": {"usable_num": count, "max_total": 2 * count},
            "check": {"urls": [f"http://[{SITE}]:{PORT}/ip"], "pace": 2 * count},
            "network": {"ndp": strategy, **({"prefixes": [PREFIX]} if strategy == "routed" else {})},
        },
    )
    return path
