"""What every script shares: its docstring is its help, errors end it without a traceback, and it shows progress.

A script imports this before anything else. From then on, Ctrl-C, a missing package, a closed pipe, an unreachable
database and a file that cannot be written end it with an exit code and at most one line on standard error, even during
its imports. This file imports only the standard library, after its first lines.
"""

from __future__ import annotations

import os
import sys

# A shell's exit code for a program that a signal ended: 128 plus the number of SIGINT or SIGPIPE.
INTERRUPTED = 130
NOBODY_READS = 141


def _end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """End a script that fails outside `run`, which means during its imports."""
    exit_code = INTERRUPTED if isinstance(error, KeyboardInterrupt) else _ending(error)
    if exit_code is None:
        sys.__excepthook__(kind, error, traceback)
    else:
        os._exit(exit_code)


sys.excepthook = _end

import argparse
import re
from contextlib import contextmanager
from datetime import date, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from sqlalchemy import Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

WRONG_USAGE: Final = 2
NO_DATABASE: Final = 3
# Characters that a terminal obeys instead of showing: control characters, and those that turn the writing direction.
INSTRUCTION: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Packages with a name on the index that differs from the name of the import.
PACKAGES: Final = {"dotenv": "python-dotenv", "vcr": "vcrpy", "yaml": "PyYAML"}
RIGHT_URL: Final = "is this the right DATABASE_URL?"
OUR_FOLDERS: Final = ("cassette", "modules", "stand_in")


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """Return a parser with a script's docstring as its help, its lines unchanged."""
    return argparse.ArgumentParser(description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter)


def show_help(options: argparse.ArgumentParser) -> None:
    """If the command line has `--help`, print the help and exit, before an import that needs a package."""
    arguments = sys.argv[1 : sys.argv.index("--") if "--" in sys.argv else None]
    if {"-h", "--help"} & set(arguments):
        sys.exit(run(lambda: print(options.format_help(), end="")))


def number(unit: str, largest: float) -> Callable[[str], float]:
    """Return the type of an argument that is a number of `unit` from 0 to `largest`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1
        if not 0 <= value <= largest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of {unit} from 0 to {largest:,}")
        return value

    return read


def day(text: str) -> date:
    """Parse an argument that is a day."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: write it as 2026-12-31") from error


def user_id(text: str) -> int:
    """Read an argument that is a user's id."""
    from modules.llm_services.types import LARGEST_INTEGER  # noqa: PLC0415 - only who gives one needs the package

    try:
        if abs(int(text)) <= LARGEST_INTEGER:
            return int(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a user id, which is a whole number")


def run(main: Callable[[], int | None]) -> int:
    """Run a script and return its exit code."""
    try:
        try:
            return main() or 0
        finally:
            sys.stdout.flush()
    except BaseException as error:
        exit_code = _ending(error)
        if exit_code is None:
            raise
        return exit_code


def _ending(error: BaseException) -> int | None:
    """Write the line for an expected error and return its exit code; return None for any other error."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    closed_pipe = error.__context__ if isinstance(error, SystemExit) else error  # rich exits if a pipe is closed
    if isinstance(closed_pipe, BrokenPipeError):
        _discard_output()
        return NOBODY_READS
    exit_code, message = WRONG_USAGE, str(error)
    if isinstance(error, ModuleNotFoundError) and error.name and "." not in error.name:
        message = _how_to_install(error.name)
    elif _is_of_the_database(error):
        exit_code, message = NO_DATABASE, f"the database: {getattr(error, 'orig', None) or error}"
    elif not isinstance(error, OSError):
        return None
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()
    complain(message)
    return exit_code


def _discard_output() -> None:
    """Redirect standard output to /dev/null, because it is flushed once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _how_to_install(name: str) -> str:
    if name in OUR_FOLDERS:
        return f"the folder `{name}` is missing beside the folder of the scripts: copy it from this project too"
    package = PACKAGES.get(name, name.replace("_", "-"))
    return (
        f"the package {package} is not installed for {sys.executable}: install it with "
        f"`{sys.executable} -m pip install {package}`, or run this with the Python that has it"
    )


def _is_of_the_database(error: BaseException) -> bool:
    """Return True for an error of SQLAlchemy, if SQLAlchemy is imported."""
    exceptions = sys.modules.get("sqlalchemy.exc")
    return exceptions is not None and isinstance(error, exceptions.SQLAlchemyError)


def complain(message: str) -> None:
    """Write one line to standard error, beginning with the script's name."""
    sys.stderr.write(f"{Path(sys.argv[0]).name}: {visible(' '.join(message.split()))}\n")


def _prepare_streams() -> None:
    """Make output work if a stream is closed, knows only ASCII, or reports a width of 0 columns.

    Otherwise the next file, which may be the database, would get the number of the closed stream.
    """
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - it stays open
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]


_prepare_streams()
# The scripts are beside `modules`, here and in an application that has copied both.
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))


@contextmanager
def usage() -> Iterator[None]:
    """End the script with exit code 2 and the error's message if the configuration is wrong."""
    try:
        yield
    except (ValueError, RuntimeError) as error:  # RuntimeError: a provider that is not configured, or a missing package
        complain(str(error))
        raise SystemExit(WRONG_USAGE) from None


def check_database(engine: Engine) -> None:
    """Raise ValueError for a database that does not exist, or that lacks this release's table.

    SQLite would create an empty file, and the infrastructure an empty table, so the table is checked before the
    infrastructure uses a new connection. Raises SQLAlchemyError if the database cannot be reached.
    """
    from sqlalchemy import Engine, StaticPool, event  # noqa: PLC0415 - most scripts have not connected yet

    if engine.dialect.name == "sqlite" and (path := _sqlite_file(engine.url.database or "")) and not path.exists():
        raise ValueError(f"there is no SQLite file {path}: {RIGHT_URL}")

    def look(connection: DBAPIConnection, _record: object) -> None:
        options = engine.get_execution_options()
        try:
            _check_table(Engine(StaticPool(lambda: connection), engine.dialect, engine.url, execution_options=options))
        except ValueError:
            connection.close()
            raise

    event.listen(engine.pool, "connect", look, insert=True)
    try:
        _check_table(engine)
    finally:
        event.remove(engine.pool, "connect", look)


def _check_table(engine: Engine) -> None:
    from sqlalchemy import select  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError, ProgrammingError  # noqa: PLC0415

    from modules.llm_services.models import LLMRequestModel  # noqa: PLC0415

    try:
        with engine.connect() as connection:
            connection.execute(select(LLMRequestModel.__table__).limit(0))
    except DBAPIError as error:
        message = str(error.orig).partition("\n")[0]
        if isinstance(error, ProgrammingError) or "no such" in message:  # SQLite has no error class for it
            url = engine.url.render_as_string()
            raise ValueError(f"the table llm_requests cannot be read in {url}: {message}: {RIGHT_URL}") from error
        raise


def _sqlite_file(database: str) -> Path | None:
    """Return the file of a SQLite database; None for one in memory. It may be a URI: https://sqlite.org/uri.html."""
    name = database.partition("?")[0]
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").removeprefix("//"))
    return None if name in {"", ":memory:"} or "mode=memory" in database else Path(name)


def visible(text: str) -> str:
    """Return a text that is safe for a terminal: control characters other than newline and tab are escaped."""
    return INSTRUCTION.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Steps:
    """The progress of long work on standard error: a bar on a terminal, otherwise a line for each step. Needs rich."""

    def __init__(self, what: str, total: int) -> None:
        """Start with the work's name and the number of its steps."""
        from rich.console import Console  # noqa: PLC0415 - a script without long work does not need it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal, redirect_stdout=False)
        self._what, self._name = what, ""
        self._bar.add_task(what, total=total)
        (self._task,) = self._bar.tasks

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def begin(self, name: str) -> None:
        """Begin a step."""
        self._name = name
        self._bar.update(self._task.id, description=f"{self._what}: {name}")

    def end(self, outcome: str = "") -> None:
        """End the step, and show its outcome."""
        self._bar.advance(self._task.id)
        line = f"{self._name} {outcome}".rstrip()
        if not self._bar.disable:
            if outcome:
                self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
            return
        done, total = int(self._task.completed), int(self._task.total or 0)
        left = timedelta(seconds=round((self._task.elapsed or 0.0) / done * (total - done)))
        more = f", about {left} left" if done < total else ""
        sys.stderr.write(f"[{done}/{total}] {line}{more}\n")
        sys.stderr.flush()
