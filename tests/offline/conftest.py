"""An application's environment: the wheel, newly built, in a separate virtual environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.processes import bare_environment

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
APPLICATION = ROOT / "tests/drop_in/other_application"
MODULE = ROOT / "backend/modules/llm_services"
PAGE = ROOT / "docs/testing-your-code.md"
FILES = re.compile(r"^```py\n# (\w+\.py).*?\n(.*?)^```", re.DOTALL | re.MULTILINE)
# This environment has pytest-asyncio, which the example does not use and which warns if this is not set.
QUIET = ("-W", "error", "-o", "asyncio_default_fixture_loop_scope=function")
GUARDED = ("--block-network", r"--allowed-hosts=^127\.0\.0\.1$")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel; return the Python that has it, with the dependencies of this environment."""
    folder = tmp_path_factory.mktemp("application")
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv/lib").glob("python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)  # a pure Python wheel is installed by unpacking it
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv/bin/python"


@pytest.fixture
def tested(python: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the tests of docs/testing-your-code.md in an application with the module."""
    shutil.copytree(APPLICATION, tmp_path, dirs_exist_ok=True)
    shutil.copytree(MODULE, tmp_path / "modules/llm_services", ignore=shutil.ignore_patterns("__pycache__", "test_*"))
    for name, code in FILES.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(code)

    def run(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", *options]
        environment = bare_environment(**{"PYTHONPATH": "", **variables})
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run
