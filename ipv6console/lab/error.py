"""What goes wrong in the lab."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do that; the message names the cause, `fix` what to do about it."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n{self.fix}"
