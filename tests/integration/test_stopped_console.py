"""A console that was stopped by SIGSTOP: the engine answers as before, lets go of it, and says so."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Lab, Running, StartLab, elapsed_until
from tests.integration.tmux import Tmux

pytestmark = pytest.mark.privileged

PATIENCE = 10.0
"""Seconds after which the engine lets go of a watcher that reads nothing."""
MIRRORS, RATE = 100, 400

_SCRAPER = """
import http.client, json, os, pathlib, sys, time
stop, mirrors, rate = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
connection = http.client.HTTPConnection("127.0.0.1", 16000, timeout=60)
def ask(method, path, body=None):
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    assert answer.status == 200, (path, answer.status, told)
    return json.loads(told)
took, number = [], 0
while not stop.exists():
    asked = time.monotonic()
    mirror = f"m{number % mirrors:03}"
    given = ask("GET", f"/pick?dbname={mirror}")
    took.append(time.monotonic() - asked)
    info = {"addr": given["addr"], "status": "idle", "lease": given["lease"]}
    ask("POST", "/report", {"dbname": mirror, "report_info": info})
    number += 1
    time.sleep(max(0.0, asked + 1 / rate - time.monotonic()))
print(json.dumps(took))
"""
"""Picks in one mirror after the other, at most `rate` a second, and tells how long each pick took."""


@pytest.fixture
def lab(start_lab: StartLab) -> Lab:
    return start_lab("--usable-num", "20")


def _scraper(lab: Lab, stop: Path) -> Running:
    return lab.start(sys.executable, "-c", _SCRAPER, str(stop), str(MIRRORS), str(RATE))


def _took(running: Running, stop: Path) -> list[float]:
    stop.touch()
    finished = running.result()
    assert finished.code == 0, finished
    took: list[float] = json.loads(finished.out)
    return took


def test_the_engine_drops_a_console_that_was_stopped_and_slows_for_nobody(lab: Lab, tmp_path: Path) -> None:
    tmux = Tmux(lab, tmp_path, columns=120, rows=40)
    tmux.type("set +m")  # a shell that minds its jobs takes the terminal back when one stops
    tmux.type(f"{sys.executable} -W error -m ipv6console attach {lab.directory / 'engine.sock'}")
    tmux.wait_for("● live", 20)
    (console,) = lab.output("pgrep", "-P", str(tmux.process())).split()
    log = lab.directory / "engine.log"

    engine = lab.client.state().engine.pid
    calm = tmp_path / "calm"
    spent = _cpu(lab, engine)
    scraper = _scraper(lab, calm)
    tmux.wait_for("m000", 20)
    elapsed_until(lambda: _picks(lab) >= 1_000, 60, "a thousand picks with the console at work")
    before = len(_took(scraper, calm))
    usual = (_cpu(lab, engine) - spent) / before

    lab.output("kill", "-STOP", console)
    stopped = tmp_path / "stopped"
    spent = _cpu(lab, engine)
    scraper = _scraper(lab, stopped)
    said = re.compile(r"watcher went: /stream .*aborted after reading nothing for 10 s")
    elapsed_until(lambda: said.search(log.read_text()), PATIENCE + 20, "the engine lets go of the console, and says so")
    meanwhile = _took(scraper, stopped)
    cost = (_cpu(lab, engine) - spent) / len(meanwhile)

    # A machine that does other things as well lets everybody wait, so it is work that is compared, not time.
    assert cost < 2 * usual, f"{cost * 1e6:.0f} us of work for each of {len(meanwhile)} picks, before {usual * 1e6:.0f}"
    assert max(meanwhile) < PATIENCE / 2, f"a pick took {max(meanwhile):.3f} s"

    lab.output("curl", "-sS", "http://127.0.0.1:16000/pick?dbname=a-late")
    lab.output("kill", "-CONT", console)
    tmux.wait_for(r"(?s)● live.*a-late", 20)
    tmux.press("q")
    tmux.wait_for(r"[#$]\s*\Z", 20)


def test_a_console_that_was_stopped_and_goes_on_has_every_key_and_gives_the_terminal_back(
    lab: Lab, tmp_path: Path
) -> None:
    tmux = Tmux(lab, tmp_path, columns=120, rows=40)
    tmux.type("set +m")
    tmux.type(f"{sys.executable} -W error -m ipv6console attach {lab.directory / 'engine.sock'}")
    tmux.wait_for("● live", 20)
    (console,) = lab.output("pgrep", "-P", str(tmux.process())).split()

    for how, word in (("STOP", "after-a-stop"), ("TSTP", "after-a-pause"), ("CONT", "after-nothing")):
        lab.output("kill", f"-{how}", console)
        if how != "CONT":
            elapsed_until(lambda: lab.output("ps", "-o", "stat=", "-p", console).startswith("T"), 10, "it is stopped")
        tmux.reset()
        lab.output("kill", "-CONT", console)
        tmux.wait_for("q Quit", 20)  # nothing but the terminal taken anew draws this line again
        tmux.press("/")
        tmux.wait_for("words that must match", 20)
        tmux.write(word)
        tmux.wait_for(word, 20)
        tmux.press("Escape")
        tmux.wait_for(rf"(?s)\A(?!.*{word})", 20)

    tmux.press("q")
    tmux.wait_for(r"[#$]\s*\Z", 20)
    tmux.type("stty -a")
    tmux.wait_for(r" icanon .* echo ", 20)


def _cpu(lab: Lab, process: int) -> float:
    """Return how many seconds of CPU time a process of the lab has taken, proc_pid_stat(5)."""
    stat = lab.output("cat", f"/proc/{process}/stat").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _picks(lab: Lab) -> int:
    return sum(row.picks for row in lab.client.state().mirrors)
