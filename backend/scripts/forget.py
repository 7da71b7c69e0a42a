#!/usr/bin/env python3
"""Remove what users and models wrote from rows; ids, figures, status, model names and times stay.

    forget.py --older-than 90d         the rows of calls that began more than 90 days ago; also 12h, 6w
    forget.py --user 42                all rows of a user; with --older-than only the old ones
    forget.py --request 0e65a72b-7b4d-4585-b08a-ab5d7be13a78    every attempt of one call
    forget.py --user 42 --dry-run      only count

This removes messages, payloads, answers, bodies, error messages and options that are text, and the answers of these
rows from the response cache. Cassettes that were exported from these rows are listed: review and delete them. It cannot
be undone. Calls can continue meanwhile; pending rows are skipped, so run it again when their calls have ended. After an
interruption, the same command continues. docs/privacy.md says what is stored where.

variables, from the environment or .env:
    DATABASE_URL   where the rows are (sqlite:///llm_services.db, in the working directory)
    LLM_CACHE_DIR  the directory of the response cache (.llm_cache)
    LLM_CACHE_URL  a server with the response cache, instead of the directory

exit codes:
    0  done; with --dry-run, counted
    1  something is left: pending rows, or a response cache that could not be reached
    2  the command line or a variable is wrong, or there is no such row or database
    3  the database cannot be reached or read
    130  interrupted; what was forgotten stays forgotten
"""

from __future__ import annotations

from command_line import Steps, check_database, parser, run, show_help, usage, user_id, visible

import argparse
import re
import sys
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

EXPORTED = Path("cassettes/exported")
HOURS = {"h": 1, "d": 24, "w": 7 * 24}


def _age(text: str) -> datetime:
    """Return the time that was this long ago."""
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in HOURS:
        raise argparse.ArgumentTypeError(f"{text} is not an age: write it as 90d, 12h or 6w")
    try:
        return datetime.now(UTC) - timedelta(hours=int(number) * HOURS[unit])
    except OverflowError as error:
        raise argparse.ArgumentTypeError(f"{text}: the calendar does not go that far") from error


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a request id") from error


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("--older-than", type=_age, metavar="AGE", help="calls that began longer ago: 90d, 12h, 6w")
    options.add_argument("--user", type=user_id, metavar="ID", help="calls of this user")
    options.add_argument("--request", type=_id, metavar="ID", help="all attempts of the call that this row belongs to")
    options.add_argument("--dry-run", action="store_true", help="change nothing")
    options.add_argument("--exported", type=Path, default=EXPORTED, help="where exported cassettes are (%(default)s)")
    return options


if __name__ == "__main__":
    show_help(_options())

from sqlalchemy.exc import SQLAlchemyError

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.cache import remove_entries
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.ledger import forgetting
from modules.llm_services.sanitize import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from modules.llm_services.config import LLMConfig

ROWS_PER_STEP = 1_000
ROW_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INCOMPLETE = 1
NOT_REACHED = """not reached, see docs/privacy.md:
  backups, replicas and write-ahead archives of the database
  what providers log themselves: OpenRouter and the vendor that served keep it by their own terms
  spans and logs that left this machine, and the memory of running processes
"""
FREED = {
    "sqlite": "pages that earlier writes freed: `VACUUM` rewrites the file without them",
    "postgresql": "the former versions of the rows, until `VACUUM llm_requests` or autovacuum removes them",
}


def main() -> int:
    """Forget the rows, or count them; return the exit code."""
    arguments = _arguments()
    infrastructure = infrastructure_provider()
    with usage():
        infrastructure.initialize()
        config = create_llm_config_from_env()
        with infrastructure.get_database_session().session as session:
            engine = session.get_bind().engine
        check_database(engine)
        ids = forgetting.select_rows(engine, arguments.selection)
        pending = forgetting.count_pending(engine, arguments.selection)
        request_id = arguments.selection.request_id
        if request_id and not ids and not pending and not forgetting.find_forgotten(engine, {request_id}):
            raise ValueError(f"there is no row {request_id} in this database")
    if not arguments.dry_run:
        _forget(engine, ids)
    is_complete = arguments.dry_run or _empty_cache(engine, config)
    print(f"{len(ids)} rows {'would be ' if arguments.dry_run else ''}forgotten")
    if pending:
        print(f"{pending} rows are pending and were skipped: run this again when their calls have ended")
    _list_exports(arguments.exported, engine, set(ids))
    if not arguments.dry_run:
        _print_rest(engine)
    return 0 if is_complete and not pending else INCOMPLETE


def _forget(engine: Engine, ids: Sequence[UUID]) -> None:
    now = datetime.now(UTC)
    steps = [ids[first : first + ROWS_PER_STEP] for first in range(0, len(ids), ROWS_PER_STEP)]
    with Steps("forgetting", len(steps)) as progress:
        for number, some in enumerate(steps):
            progress.begin(f"rows up to {number * ROWS_PER_STEP + len(some):,} of {len(ids):,}")
            deque(forgetting.forget(engine, some, now), maxlen=0)
            progress.end()


def _empty_cache(engine: Engine, config: LLMConfig) -> bool:
    """Remove the entries of forgotten rows from the response cache; return False if it cannot be reached."""

    def forgotten(row_ids: set[str]) -> set[str]:
        ids = {UUID(row_id) for row_id in row_ids if ROW_ID.fullmatch(row_id)}
        return set(map(str, forgetting.find_forgotten(engine, ids)))

    try:
        removed = remove_entries(config.cache_dir, config.cache_url, forgotten)
    except SQLAlchemyError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a server's client raises
        print(visible(f"the response cache could not be reached: {type(error).__name__}: {redact(str(error))}"))
        return False
    print(f"{removed} entries removed from the response cache")
    return True


def _list_exports(folder: Path, engine: Engine, selected: set[UUID]) -> None:
    """Print the exported cassettes of selected and forgotten rows; nothing is deleted."""
    ids_by_file = {
        path: set(map(UUID, ROW_ID.findall(path.read_text("utf-8", "replace"))))
        for path in sorted(folder.glob("**/*.yaml"))
    }
    gone = selected | forgetting.find_forgotten(engine, set[UUID]().union(*ids_by_file.values()))
    for path, ids in ids_by_file.items():
        if ids & gone:
            print(visible(f"exported from these rows, review and delete: {path}"))


def _print_rest(engine: Engine) -> None:
    """Print what this script cannot remove."""
    if not forgetting.empty_log(engine):
        print("SQLite's write-ahead log is in use and keeps former versions of rows: run this again later")
    print(f"still in the database: {FREED[engine.dialect.name]}")
    print(NOT_REACHED, end="")


def _arguments() -> argparse.Namespace:
    options = _options()
    arguments = options.parse_args()
    given = arguments.older_than, arguments.user, arguments.request
    if given == (None, None, None) or (arguments.request and given[:2] != (None, None)):
        options.error("say which rows: --older-than, --user or both, or --request alone")
    arguments.selection = forgetting.Selection(before=given[0], user_id=given[1], request_id=given[2])
    return arguments


if __name__ == "__main__":
    sys.exit(run(main))
