"""The program: `python -m ipv6console`, or `ipv6console` once installed."""

from __future__ import annotations

import sys

from ipv6console import __version__


def main() -> int:
    """Run the command line of this process and return its exit code (docs/exit-codes.md)."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"ipv6console {__version__}\n")
        return 0
    from ipv6console.cli import run  # noqa: PLC0415 - click costs more than all of --version

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
