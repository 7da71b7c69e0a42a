"""What every script shares: its docstring is its help, it ends without a traceback, it shows its progress."""

from __future__ import annotations

import argparse
import os
import re
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

WRONG_USAGE = 2
NO_DATABASE = 3
# A shell's exit code of a program that a signal ends: 128 and the number of SIGINT or SIGPIPE.
INTERRUPTED = 130
# What a terminal does not show but does: control characters, and those that turn the direction of writing.
INSTRUCTION = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NOBODY_READS = 141


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is a script's docstring, its lines unchanged."""
    return argparse.ArgumentParser(description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter)


def run(main: Callable[[], int]) -> int:
    """Run a script and return its exit code, also when Ctrl-C, a closed pipe (`| head`) or its database ends it."""
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        sys.stderr.write(f"the database: {' '.join(str(cause).split())}\n")
        return NO_DATABASE


@contextmanager
def usage() -> Iterator[None]:
    """End the script with exit code 2 on a ValueError of the configuration, whose message is written to stderr."""
    try:
        yield
    except ValueError as error:
        sys.stderr.write(f"{visible(str(error))}\n")
        raise SystemExit(WRONG_USAGE) from None


def check_database(engine: Engine) -> None:
    """Raise ValueError for a database that is not there: SQLite would make an empty one in its place.

    Raises SQLAlchemyError where it cannot be reached.
    """
    from sqlalchemy import inspect  # noqa: PLC0415 - most scripts have not connected yet, and may never

    question = "is this the right DATABASE_URL?"
    if engine.dialect.name == "sqlite" and (path := _sqlite_file(engine.url.database or "")) and not path.exists():
        raise ValueError(f"there is no SQLite file {path}: {question}")
    if not inspect(engine).has_table("llm_requests"):
        raise ValueError(f"there is no table llm_requests in {engine.url.render_as_string()}: {question}")


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
