"""The program with a wall clock that is wrong by as many seconds as the file IPV6_TEST_SKEW says at that moment.

CLOCK_BOOTTIME and the loop's clock are the machine's, as they are when somebody sets the time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_right = time.time
_skew = Path(os.environ["IPV6_TEST_SKEW"])


def skewed() -> float:
    return _right() + float(_skew.read_text())


if __name__ == "__main__":
    time.time = skewed
    from ipv6console.__main__ import main

    main()
