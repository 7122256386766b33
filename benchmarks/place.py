"""Where benchmarks run: a network namespace that ends with them, in it a site that tells every caller its address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipv6console.client import EngineUnreachable, IPv6Client
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


@contextmanager
def filled(count: int) -> Iterator[Path]:
    """Run an engine with `count` addresses and the site, all on the loopback interface; yields the engine's socket."""
    subprocess.run(["sh", "-ec", f"ip link set lo up; ip addr add {SITE}/128 dev lo nodad"], check=True)
    with site(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [sys.executable, "-m", "ipv6console", "serve", "--config", str(settings(folder, "routed", count))]
        with (folder / "log").open("wb") as log:
            engine = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            fill(engine, folder / "engine.sock", count)
            yield folder / "engine.sock"
        finally:
            engine.send_signal(signal.SIGTERM)
            engine.wait()


def fill(engine: subprocess.Popen[bytes], path: Path, count: int) -> None:
    """Wait until the engine has `count` addresses."""
    until = time.monotonic() + FILL_WITHIN
    with IPv6Client(socket=path) as client:
        while time.monotonic() < until and engine.poll() is None:
            try:
                if client.state().pool.idle >= count:
                    return
            except EngineUnreachable:
                pass
            time.sleep(0.1)
    sys.exit(f"the pool did not fill: {(path.parent / 'log').read_text()}")
