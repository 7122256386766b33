"""The rules tests/conftest.py holds every test to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


def outcome(folder: Path, source: str, *, ci: bool) -> subprocess.CompletedProcess[str]:
    """Run the test file `source` under our conftest in a pytest of its own."""
    shutil.copy(CONFTEST, folder)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(folder)]
    environment = os.environ | {"CI": "true" if ci else ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\n@pytest.mark.skip\ndef test_it(): pass\ndef test_other(): pass\n",
        "import pytest\npytest.importorskip('no_such_module')\n",
    ],
)
def test_a_skipped_test_fails_in_ci_and_is_named(source: str, tmp_path: Path) -> None:
    done = outcome(tmp_path, source, ci=True)
    assert done.returncode != 0
    assert "a skipped test is a failure in CI" in done.stdout
    assert "test_it.py" in done.stdout


def test_a_skipped_test_is_a_skip_elsewhere(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.skip\ndef test_it(): pass\ndef test_other(): pass\n"
    assert outcome(tmp_path, source, ci=False).returncode == 0


def test_a_process_left_behind_fails_the_session_and_is_named(tmp_path: Path) -> None:
    source = (
        "import subprocess, pathlib\n"
        "def test_it():\n"
        "    process = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(process.pid))\n"
        "    process.returncode = 0\n"
    )
    done = outcome(tmp_path, source, ci=False)
    os.kill(int((tmp_path / "pid").read_text()), 9)
    assert done.returncode == 1
    assert "left behind by the tests" in done.stdout
    assert "sleep 60" in done.stdout


def test_a_test_sees_no_settings_of_its_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IPV6CONSOLE_URL", "http://example.org")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("https_proxy", "http://example.org")
    source = (
        "import os, time\n"
        "def test_it():\n"
        "    assert not {'IPV6CONSOLE_URL', 'NO_COLOR', 'https_proxy'} & set(os.environ)\n"
        "    assert time.tzname == ('UTC', 'UTC')\n"
        f"    assert os.environ['HOME'] != {os.environ['HOME']!r}\n"
    )
    done = outcome(tmp_path, source, ci=False)
    assert done.returncode == 0, done.stdout
