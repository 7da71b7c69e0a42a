"""The test suites by name, for run_unit.py and run_integration.py."""

import sys
from importlib.util import find_spec
from pathlib import Path

import command_line

ROOT = Path(__file__).resolve().parents[2]
SUITES = {
    "unit": ("backend/modules", "test_*_unit.py"),
    "integration": ("tests", "test_*.py"),
}


def run(suite: str, words: str | None) -> int:
    """Run a suite under pytest, the command line's arguments passed on; return pytest's exit status.

    `--help` prints the script's own `words` instead: pytest's have nothing to say of it.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        return command_line.run(lambda: _taught(words))
    if find_spec("pytest") is None:
        sys.exit(
            f"pytest is not installed for {sys.executable}: run `nox -s test` instead, or install it with "
            "`python3 -m pip install -e '.[cli,postgres]' --group test` (pip 25.1 or newer)."
        )
    import pytest  # noqa: PLC0415 - not before it is known to be there

    folder, files = SUITES[suite]
    options = [
        f"--config-file={ROOT / 'pyproject.toml'}",
        f"--rootdir={ROOT}",
        f"--override-ini=python_files={files}",
    ]
    return pytest.main([*options, str(ROOT / folder), *sys.argv[1:]])


def _taught(words: str | None) -> int:
    command_line.parser(words).print_help()
    return 0
