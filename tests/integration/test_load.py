"""Fifty scrapers at once: what the site and the scrapers saw, also across kill -9 of the engine."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ipv6console.client import EngineRefused
from tests.integration.conftest import WORKER, Lab, Running, StartLab, elapsed_until

pytestmark = pytest.mark.privileged

PROCESSES, THREADS, CYCLES = 5, 10, 100


@pytest.fixture(scope="module")
def lab(start_module_lab: StartLab) -> Lab:
    return start_module_lab("--scrapers", "0", "--usable-num", "60")


def _workers(lab: Lab, kind: str, limit: object) -> list[Running]:
    command = (sys.executable, "-W", "error", WORKER, kind, str(THREADS), str(limit))
    return [lab.start(*command) for _ in range(PROCESSES)]


def _told(workers: list[Running]) -> list[dict[str, Any]]:
    told = []
    for worker in workers:
        finished = worker.result()
        assert finished.code == 0, finished
        told += [entry for scraper in json.loads(finished.out) for entry in scraper]
    return told


def _overlaps(held: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    by_address: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in held:
        by_address[entry["addr"]].append(entry)
    found = []
    for entries in by_address.values():
        entries.sort(key=lambda entry: float(entry["began"]))
        found += [(one, other) for one, other in pairwise(entries) if one.get("ended", float("inf")) > other["began"]]
    return found


def test_fifty_scrapers_never_share_an_address_and_send_from_no_other(lab: Lab) -> None:
    before = lab.client.state().mirrors
    assert before == ()
    cycles = _told(_workers(lab, "cycles", CYCLES))
    assert len(cycles) == PROCESSES * THREADS * CYCLES
    assert _overlaps(cycles) == []
    assert [cycle for cycle in cycles if cycle["answer"] != cycle["addr"]] == []

    visits = [(address, path.split("/")[2]) for address, _, path, _ in lab.seen(path="/ip/")["requests"]]
    assert len(visits) == len(cycles)
    assert [visit for visit in visits if visit[0] != visit[1]] == []
    assert Counter(address for address, _ in visits) == Counter(cycle["addr"] for cycle in cycles)

    (row,) = lab.client.state().mirrors
    assert (row.picks, row.reports, row.bans, row.expired) == (len(cycles), len(cycles), 0, 0)
    assert (row.using, row.bad, row.idle) == (0, 0, row.total)
    assert lab.client.leases().total == 0


def test_what_was_acknowledged_survives_kill_9_of_the_engine_under_load(lab: Lab, tmp_path: Path) -> None:
    lab.client.flush()
    usable = lab.client.stats().usable_num_target
    elapsed_until(lambda: lab.client.state().pool.idle >= usable, 30, "the pool is full again")
    stop = tmp_path / "stop"
    workers = _workers(lab, "ledger", stop)
    for _ in range(3):
        _wait_for_picks(lab, 100)
        engine = lab.info()["pids"]["engine"]
        lab.output("kill", "-9", str(engine))
        _wait_for_another_engine(lab, engine)
    _wait_for_picks(lab, 100)
    stop.touch()
    leases = _told(workers)
    assert len(leases) > 100
    assert [event.kind for event in lab.client.events(limit=1_000).events].count("engine.started") == 4
    assert _overlaps(leases) == []

    wrong = []
    for lease in leases:
        if lease["verdict"] is None and not _renews(lab, lease):
            wrong.append(("an acknowledged lease is gone", lease))
        if lease["verdict"] and lease["acknowledged"] and _renews(lab, lease):
            wrong.append(("an acknowledged report is undone", lease))
    assert wrong == []
    bad = {lease["addr"] for lease in leases if lease["verdict"] == "bad"}
    certain = {lease["addr"] for lease in leases if lease["verdict"] == "bad" and lease["acknowledged"]}
    counted = lab.client.mirror_stats("load")
    assert len(certain) <= counted.bad <= len(bad)
    assert counted.idle + counted.using + counted.bad == counted.total


def _wait_for_picks(lab: Lab, count: int) -> None:
    def picks() -> int:
        return sum(row.picks for row in lab.client.state().mirrors)

    before = picks()
    elapsed_until(lambda: picks() >= before + count, 20, "the scrapers are at work")


def _wait_for_another_engine(lab: Lab, before: int) -> None:
    def answers() -> bool:
        return lab.info()["pids"]["engine"] not in (None, before) and (
            lab.run("curl", "-s", "-o", "/dev/null", f"{lab.info()['url']}/health").code == 0
        )

    elapsed_until(answers, 20, "the engine is back")


def _renews(lab: Lab, lease: dict[str, Any]) -> bool:
    try:
        return lab.client.renew(lease["lease"], 600).addr == str(lease["addr"])
    except EngineRefused as refused:
        if refused.status == 404:
            return False
        raise
