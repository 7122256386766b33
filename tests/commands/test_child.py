"""The console's own engine, when it cannot start."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from ipv6console.child import EngineChild


def test_an_engine_that_cannot_start_closes_the_listeners_says_why_and_can_still_be_let_go(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    child = EngineChild(["--usable-num", "none"], [listener], tmp_path / "engine.log")
    eventually(lambda: child.failure is not None, "the child gives up")
    assert child.failure is not None
    assert "none" in child.failure
    assert listener.fileno() == -1
    child.leave_running()
    child.stop()
