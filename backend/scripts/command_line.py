"""What every script does alike: its docstring is its help, it ends without a traceback, it shows how far it is."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRONG_USAGE = 2
# As a shell counts those that a signal ends: 128 and its number, here of SIGINT and SIGPIPE.
INTERRUPTED = 130
NOBODY_READS = 141


def parser(words: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is a script's docstring, its lines as they stand."""
    return argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)


def run(main: Callable[[], int]) -> int:
    """Run a script and return its exit code, also where Ctrl-C or a reader that has enough (`| head`) ends it."""
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


@contextmanager
def usage() -> Iterator[None]:
    """End the script with a configuration's ValueError as its last words, and exit code 2."""
    try:
        yield
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(WRONG_USAGE) from None


class Steps:
    """How far a long piece of work is and what is left of it: a bar on a terminal, else a line for each step done.

    It writes to standard error. Needs rich.
    """

    def __init__(self, what: str, total: int) -> None:
        """Say what is done, and how many steps it takes."""
        from rich.console import Console  # noqa: PLC0415 - scripts that have no long work do without it
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
        """Say which step it is."""
        self._name = name
        self._bar.update(self._task.id, description=f"{self._what}: {name}")

    def end(self, outcome: str = "") -> None:
        """Count the step that was begun; what came of it is shown on a terminal too."""
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
