#!/usr/bin/env python3
"""Settle rows that a dead process left pending.

    settle_abandoned.py             rows that are older than the longest possible attempt
    settle_abandoned.py --minutes 5 rows that are older than five minutes
    settle_abandoned.py --dry-run   only list them

A process that is killed leaves its calls in flight as `pending` rows. This settles them as `failed`, with
error_type `abandoned` and an unknown cost. By default, a row is abandoned when it is older than the longest attempt
that this environment's REQUEST_TIMEOUT allows. If its process is alive after all, the process overwrites the
row when it settles it. Run this script from a timer.

variables, from the environment or .env:
    REQUEST_TIMEOUT  seconds that an attempt of the calling processes may take (180)
    DATABASE_URL     where the rows are (sqlite:///llm_services.db, in the working directory)

exit codes:
    0  done: the ids are on standard output, their number on standard error
    2  the command line or a variable is wrong, or a package is not installed
    3  the database cannot be reached or read
    130  interrupted; nothing was settled
"""

from __future__ import annotations

from command_line import check_database, number, parser, run, show_help, usage

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

MOST_MINUTES = 60 * 24 * 36_500


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--minutes",
        type=number("minutes", MOST_MINUTES),
        metavar="N",
        help="how long a row may be pending; default: the longest possible attempt",
    )
    options.add_argument("--dry-run", action="store_true", help="change nothing")
    return options


if __name__ == "__main__":
    show_help(_options())

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.ledger.maintenance import longest_attempt, settle_abandoned

if TYPE_CHECKING:
    import argparse


def main() -> int:
    """Settle, and print each id; return 0."""
    arguments = _options().parse_args()
    infrastructure = infrastructure_provider()
    with usage():
        infrastructure.initialize()
        longest = longest_attempt(create_llm_config_from_env().request_timeout)
    seconds = longest if arguments.minutes is None else 60 * arguments.minutes
    with infrastructure.get_session_context() as session:
        with usage():
            check_database(session.get_bind().engine)
        abandoned = settle_abandoned(session, timedelta(seconds=seconds))
        if arguments.dry_run:
            session.rollback()
    for request_id in abandoned:
        print(request_id)
    done = "would be settled" if arguments.dry_run else "settled"
    print(f"{len(abandoned)} {done} that were pending for more than {seconds:g} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
