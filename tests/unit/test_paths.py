from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from ipv6console import paths


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "is_system", lambda: False)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(paths, "is_system", lambda: True)
    monkeypatch.setattr(paths, "SYSTEM_RUNTIME", tmp_path / "run" / "ipv6console")
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "ipv6console"


@pytest.mark.usefixtures("system")
def test_root_keeps_its_files_in_the_systems_folders(system: Path) -> None:
    assert paths.runtime_dir() == system
    assert paths.state_dir() == Path("/var/lib/ipv6console")
    assert paths.log_file() == Path("/var/lib/ipv6console/engine.log")
    assert paths.system_config() == Path("/etc/ipv6console/config.toml")


@pytest.mark.usefixtures("ordinary")
def test_a_user_keeps_their_files_in_their_own_folders(own_home: Path) -> None:
    assert paths.default_socket() == own_home / "run" / "ipv6console" / "engine.sock"
    assert paths.state_dir() == own_home / "state" / "ipv6console"
    assert paths.user_config() == own_home / "config" / "ipv6console" / "config.toml"


@pytest.mark.usefixtures("ordinary")
def test_without_a_runtime_folder_a_user_has_one_below_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert paths.make_runtime_dir() == tmp_path / f"ipv6console-{os.geteuid()}"
    assert paths.runtime_dir().stat().st_mode & 0o777 == 0o700
    assert paths.make_runtime_dir() == paths.runtime_dir()


@pytest.mark.usefixtures("ordinary")
def test_a_runtime_folder_others_can_enter_is_refused() -> None:
    paths.runtime_dir().mkdir(mode=0o755)
    with pytest.raises(paths.PathError, match=r"must be yours alone .*mode 755.*--socket"):
        paths.make_runtime_dir()


@pytest.mark.usefixtures("ordinary")
def test_a_planted_link_is_refused_as_runtime_folder(tmp_path: Path) -> None:
    paths.runtime_dir().symlink_to(tmp_path)
    with pytest.raises(paths.PathError, match="is not a folder"):
        paths.make_runtime_dir()


@pytest.mark.usefixtures("ordinary")
def test_a_runtime_folder_that_cannot_be_made_is_named_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    with pytest.raises(paths.PathError, match=r"gone/ipv6console cannot be made .No such file or directory"):
        paths.make_runtime_dir()


def test_everybody_may_enter_the_systems_runtime_folder(system: Path) -> None:
    assert paths.make_runtime_dir() == system
    assert system.stat().st_mode & 0o777 == 0o755


@pytest.mark.usefixtures("ordinary")
def test_a_configured_socket_is_tried_before_the_users_before_the_systems(own_home: Path) -> None:
    assert paths.socket_candidates("/x/e.sock") == (
        Path("/x/e.sock"),
        own_home / "run" / "ipv6console" / "engine.sock",
        Path("/run/ipv6console/engine.sock"),
    )


@pytest.mark.usefixtures("ordinary")
def test_a_relative_runtime_variable_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "run")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert paths.runtime_dir().parent == tmp_path


def test_a_configured_state_folder_is_taken_as_it_is() -> None:
    assert paths.state_dir("/x") == Path("/x")
    assert paths.log_file("/x") == Path("/x/engine.log")
