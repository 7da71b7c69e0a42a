"""Run a suite of tests under pytest, for run_unit.py and run_integration.py."""

import command_line

import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELP = """
variables:
    PYTEST_ADDOPTS  more options for pytest
No key is read and no network is used: what a test sends goes to this machine.

exit codes, which are pytest's:
    0  all passed
    1  some failed, or pytest is not installed
    2  interrupted
    4  an option that pytest does not know
    5  no test was found
"""


def run(folder: str, files: str, docstring: str | None) -> int:
    """Run the tests of a folder with the command line's arguments; return pytest's exit code.

    `--help` prints the script's `docstring` and HELP instead of pytest's own help.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        return command_line.run(lambda: _print_help(docstring))
    if find_spec("pytest") is None:
        sys.exit(
            f"pytest is not installed for {sys.executable}: run `nox -s test` instead, or install it with "
            "`python3 -m pip install -e '.[cli,postgres]' --group test` (pip 25.1 or newer)."
        )
    import pytest  # noqa: PLC0415 - not before it is known to be there

    options = [
        f"--config-file={ROOT / 'pyproject.toml'}",
        f"--rootdir={ROOT}",
        f"--override-ini=python_files={files}",
    ]
    return command_line.run(lambda: pytest.main([*options, str(ROOT / folder), *sys.argv[1:]]))


def _print_help(docstring: str | None) -> int:
    command_line.parser(f"{docstring}{HELP}").print_help()
    return 0
