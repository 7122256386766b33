"""kill -9 of the engine at random points under load, again and again, judged by what scrapers and a site wrote down.

Sessions send to the site all the while, and while the engine is dead: from a lease they hold, or not at all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.conftest import poll
from tests.faults.host import Host, Scrapers, Senders
from tests.faults.ledger import audit

MOST_WRITTEN = 100_000
AT_WORK = 10
"""Answers of the site between two kills, at least."""
WHILE_STARTING = 0.2
STARTING = 1.5


@dataclass
class Tally:
    """What the rounds came to, for people."""

    seed: str
    rounds: int = 0
    killed_starting: int = 0
    asked: int = 0
    answered: int = 0
    picked: int = 0
    sent: int = 0
    unsent: int = 0
    wrong: int = 0

    def __str__(self) -> str:
        return (
            f"{self.rounds} kill -9 under load and {self.killed_starting} while starting: {self.asked} requests,"
            f" {self.asked - self.answered} without an answer, {self.picked} leases; sessions sent {self.sent} times, and"
            f" {self.unsent} times they did not for want of a lease; {self.wrong} found wrong;"
            f" seed {self.seed}"
        )


def crash(host: Host, rounds: int, seed: str) -> Tally:
    """Kill and restart `rounds` times; raises AssertionError with the seed when the engine has forgotten something."""
    chance, tally = random.Random(seed), Tally(seed)
    scrapers = Scrapers(host, seed)
    host.start()
    host.wait_until_well()
    senders = Senders(host)
    while tally.rounds < rounds:
        scrapers.go()
        scrapers.wait_for(chance.randrange(1_000, MOST_WRITTEN))
        senders.wait_for(AT_WORK)
        host.kill()
        scrapers.wait_until_parked()
        host.start()
        if chance.random() < WHILE_STARTING:
            _let_live(host, chance.uniform(0.0, STARTING))
            host.kill()
            tally.killed_starting += 1
            host.start()
        host.wait_until_well()
        tally.rounds += 1
        ledgers = scrapers.ledgers
        wrong = [*senders.judge(), *audit(ledgers, host.books())]
        tally.asked, tally.answered = ledgers.asked, ledgers.answered
        tally.picked, tally.wrong = len(ledgers.leases), len(wrong)
        tally.sent, tally.unsent = senders.sent.answered, senders.sent.refused
        assert not wrong, f"{tally}\n" + "\n".join(wrong[:20]) + f"\n{host.log()}"
    senders.stop()
    return tally


def _let_live(host: Host, seconds: float) -> None:
    """Let the engine that starts come as far as it does; nothing tells from outside where it is."""
    assert host.engine is not None
    engine = host.engine
    ended = poll(lambda: engine.poll() is not None, seconds)
    assert not ended, host.log()
