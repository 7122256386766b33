from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ipv6console.linux.wholefile import replace_file

PROGRAM = """
import resource, signal, sys
from pathlib import Path
from ipv6console.linux.wholefile import replace_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    replace_file(Path(sys.argv[1]), "after" * 2_000)
except OSError as error:
    print(error.strerror)
"""


def test_a_file_that_cannot_be_written_whole_stays_as_it_was_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")

    said = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)

    assert said.stdout == "File too large\n"
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_with_the_permissions_it_is_given(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", "text", mode=0o640)

    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
