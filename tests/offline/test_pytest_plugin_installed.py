"""The pytest plugin in an application: installed from the wheel, in another project's tests."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING
from zipfile import ZipFile

from offline.conftest import GUARDED, QUIET
from support.processes import bare_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tested = Callable[..., subprocess.CompletedProcess[str]]


def test_the_documents_tests_pass_without_a_key_or_a_network(tested: Tested) -> None:
    """All tests of docs/testing-your-code.md pass without a key, with only this machine reachable."""
    done = tested(*QUIET, *GUARDED)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert 0 == done.returncode


def test_each_worker_has_a_stand_in_of_its_own(tested: Tested) -> None:
    """The same tests pass in two processes of pytest-xdist."""
    done = tested("-n", "2", *GUARDED)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_a_guard_that_shuts_this_machine_out_is_told(tested: Tested) -> None:
    """If all network access is blocked, the fixture fails and names the option that allows the stand-in."""
    done = tested("--block-network")
    assert "Network is disabled for host '127.0.0.1'" in done.stdout
    assert r"--allowed-hosts='^127\.0\.0\.1$'" in done.stdout
    assert "3 errors" in done.stdout


def test_the_wheel_holds_the_stand_in_alone(wheel: Path) -> None:
    """The wheel has one package, which requires only h11 and does not collide with an application's `modules`."""
    with ZipFile(wheel) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
        (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    required = re.findall(r"^Requires-Dist: ([^;\n]+)$", metadata, re.MULTILINE)
    assert {"stand_in"} == {folder for folder in folders if not folder.endswith(".dist-info")}
    assert ["h11>=0.16"] == required


def test_the_application_is_the_installed_one(python: Path) -> None:
    """These tests use the stand-in that is installed in the virtual environment."""
    code = "import stand_in; print(stand_in.__file__)"
    command = [str(python), "-c", code]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env=bare_environment()).stdout
    assert printed.startswith(str(python.parent.parent))
