"""What goes wrong on this host, told so that somebody can act on it."""

from __future__ import annotations


class HostError(OSError):
    """A system call's failure in a sentence that says what was tried and what helps; `errno` is the call's."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(number, sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence
