"""What every script shares: its docstring is its help, it ends without a traceback, it shows its progress.

A script imports this before anything else. From then on Ctrl-C, a package that is missing, a closed pipe, a database
that is down and a file that cannot be written end it with one line on standard error, or none, and an exit code. That
includes its imports: this file imports nothing but the standard library, and that after the first lines.
"""

from __future__ import annotations

import os
import sys

# A shell's exit code of a program that a signal ends: 128 and the number of SIGINT or SIGPIPE.
INTERRUPTED = 130
NOBODY_READS = 141


def _end(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """End a script that fails outside of `run`, so while it imports."""
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
# What a terminal does not show but does: control characters, and those that turn the direction of writing.
INSTRUCTION: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# The packages on the index that have another name than what is imported.
PACKAGES: Final = {"dotenv": "python-dotenv", "vcr": "vcrpy", "yaml": "PyYAML"}
RIGHT_URL: Final = "is this the right DATABASE_URL?"
OUR_FOLDERS: Final = ("cassette", "modules", "stand_in")


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is a script's docstring, its lines unchanged."""
    return argparse.ArgumentParser(description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter)


def show_help(options: argparse.ArgumentParser) -> None:
    """Print the help and end the script if the command line has `--help`: before an import that needs a package."""
    arguments = sys.argv[1 : sys.argv.index("--") if "--" in sys.argv else None]
    if {"-h", "--help"} & set(arguments):
        sys.exit(run(lambda: print(options.format_help(), end="")))


def number(unit: str, largest: float) -> Callable[[str], float]:
    """Return the type of an argument that is a number of `unit`, from 0 to `largest`."""

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
    """Read an argument that is a day."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: write it as 2026-12-31") from error


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
    """Write the line of an error that is nobody's mistake in the code; return its exit code, None for any other."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    closed_pipe = error.__context__ if isinstance(error, SystemExit) else error  # rich exits when a pipe is closed
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
    """Lead standard output, which is flushed once more at the end, to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _how_to_install(name: str) -> str:
    if name in OUR_FOLDERS:
        return f"the folder `{name}` of this project is missing beside the folder of the scripts: copy it too"
    package = PACKAGES.get(name, name.replace("_", "-"))
    return (
        f"the package {package} is not installed for {sys.executable}: install it with "
        f"`{sys.executable} -m pip install {package}`, or run this with the Python that has it"
    )


def _is_of_the_database(error: BaseException) -> bool:
    """Return True for an error of SQLAlchemy's, which is imported if there is one."""
    exceptions = sys.modules.get("sqlalchemy.exc")
    return exceptions is not None and isinstance(error, exceptions.SQLAlchemyError)


def complain(message: str) -> None:
    """Write one line to standard error, which names the script."""
    sys.stderr.write(f"{Path(sys.argv[0]).name}: {visible(' '.join(message.split()))}\n")


def _prepare_streams() -> None:
    """Let output go on where a stream is closed, knows no character but ASCII, or is said to be 0 columns wide.

    A closed stream's number would be the next file's, which might be the database.
    """
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - it stays open
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]


_prepare_streams()
# The scripts stand beside `modules`, here and in an application that has copied both.
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))


@contextmanager
def usage() -> Iterator[None]:
    """End the script with exit code 2, and the error's message as its line, where the configuration is wrong."""
    try:
        yield
    except (ValueError, RuntimeError) as error:  # RuntimeError: a provider that is not configured, a package
        complain(str(error))
        raise SystemExit(WRONG_USAGE) from None


def check_database(engine: Engine) -> None:
    """Raise ValueError for a database that is not there, or has not this release's table.

    SQLite would make an empty file in its place, and the infrastructure an empty table: the look at the table comes
    before what the infrastructure does with a new connection. Raises SQLAlchemyError where it cannot be reached.
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
        if isinstance(error, ProgrammingError) or "no such" in message:  # SQLite has no class of its own for it
            url = engine.url.render_as_string()
            raise ValueError(f"the table llm_requests cannot be read in {url}: {message}: {RIGHT_URL}") from error
        raise


def _sqlite_file(database: str) -> Path | None:
    """Return the file of a SQLite database, None for one in memory; it may be a URI (https://sqlite.org/uri.html)."""
    name = database.partition("?")[0]
    if name.startswith("file:"):
        name = unquote(name.removeprefix("file:").removeprefix("//"))
    return None if name in {"", ":memory:"} or "mode=memory" in database else Path(name)


def visible(text: str) -> str:
    """Return a text for a terminal: control characters but newline and tab are shown, not sent."""
    return INSTRUCTION.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Steps:
    """The progress of long work, on standard error: a bar on a terminal, else a line for every step. Needs rich."""

    def __init__(self, what: str, total: int) -> None:
        """Name the work, and the number of its steps."""
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
