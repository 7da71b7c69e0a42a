#!/usr/bin/env python3
"""Turn a row of llm_requests into a cassette that replays its exchange, and print the test to paste.

    export_cassette.py 0e65a72b-7b4d-4585-b08a-ab5d7be13a78
    export_cassette.py 0e65a72b-... --call                   every attempt of its call, in order
    export_cassette.py 0e65a72b-... --keep-prompts           with the text of users and models
    export_cassette.py 0e65a72b-... --response-model shop.models:Order

Ids and keys are always scrubbed. Text of users and models is masked unless you pass --keep-prompts, because a
committed cassette stays readable in the repository's history. Structure, roles, tools, schema, numbers and the text of
an error stay, so that the replay ends as the original call did. The replay is tried before the cassette is written; a
row that does not replay, or has no exchange, is refused with the reason. Read the file before you commit it.

variables, from the environment or .env:
    DATABASE_URL  where the rows are (sqlite:///llm_services.db, in the working directory)

exit codes:
    0  written: the test to paste is on standard output
    1  refused: the reason is on standard error
    2  the command line or a variable is wrong, there is no such row, the file exists or cannot be written, or a
       package is not installed
    3  the database cannot be reached or read
    130  interrupted
"""

from __future__ import annotations

from command_line import WRONG_USAGE, check_database, complain, parser, run, show_help, usage

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

EXPORTED = Path("cassettes/exported")


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("request_id", metavar="REQUEST_ID", help="the id of a row; an LLMError has it as .request_id")
    options.add_argument("--out", type=Path, default=EXPORTED, help="the folder to write to (%(default)s)")
    prompts = options.add_mutually_exclusive_group()
    prompts.add_argument("--mask-prompts", action="store_true", help="mask the text of users and models (the default)")
    prompts.add_argument("--keep-prompts", action="store_true", help="keep it unchanged")
    options.add_argument("--call", action="store_true", help="export every attempt of the call, not only this one")
    options.add_argument("--response-model", metavar="MODULE:CLASS", help="the response model of a structured call")
    options.add_argument("--force", action="store_true", help="overwrite an existing cassette")
    return options


if __name__ == "__main__":
    show_help(_options())

from pydantic import BaseModel

from cassette.call_from_rows import attempts_of, previous_turn
from cassette.export import Export, RequestDiffersError, export
from cassette.generated_test import generate_test
from cassette.response_from_row import NotExportableError
from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.public import llm_services_admin_provider

if TYPE_CHECKING:
    import argparse

    from sqlalchemy.orm import Session

    from modules.llm_services import LLMRequest

MAX_TURNS = 10
REFUSED = 1


def main() -> int:
    """Export the cassette; return the exit code."""
    arguments = _options().parse_args()
    infrastructure = infrastructure_provider()
    with usage():
        infrastructure.initialize()
        create_llm_config_from_env()  # masks the keys that it reads
    with infrastructure.get_database_session().session as session:
        with usage():
            check_database(session.get_bind().engine)
        request = llm_services_admin_provider(session).get_request(arguments.request_id)
        if request is None:
            complain(f"there is no row {arguments.request_id} in this database")
            return WRONG_USAGE
        file: Path = arguments.out.resolve() / f"{request.id}.yaml"
        if file.exists() and not arguments.force:
            complain(f"{file} exists already: --force overwrites it")
            return WRONG_USAGE
        try:
            exported = _export(session, request, arguments)
        except NotExportableError as error:
            complain(f"request {request.id} is not exported: {error}")
            return REFUSED
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(exported.text, "utf-8")
    advice = "read it before you commit it. The test to paste below tests/:\n"
    print(f"{file} written, replayed and compared; {advice}", file=sys.stderr)
    here = Path.cwd()
    path = file.relative_to(here) if file.is_relative_to(here) else file
    print(generate_test(exported, str(path), arguments.response_model))
    return 0


def _export(session: Session, request: LLMRequest, arguments: argparse.Namespace) -> Export:
    """Export a call, with earlier turns if its request contains tool calls that the service remembered from them."""
    calls = [attempts_of(session, request) if arguments.call else [request]]
    model = _model(arguments.response_model) if arguments.response_model else None
    while True:
        try:
            return export(calls, mask=not arguments.keep_prompts, model=model)
        except RequestDiffersError:
            previous = previous_turn(session, calls[0][0]) if len(calls) < MAX_TURNS else None
            if previous is None:
                raise
            calls.insert(0, [previous])


def _model(name: str) -> type[BaseModel]:
    """Return the class that `package.module:Class` names."""
    module, _, attribute = name.partition(":")
    try:
        model = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise NotExportableError(f"--response-model {name}: {error}") from error
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise NotExportableError(f"--response-model {name} is not a Pydantic model")
    return model


if __name__ == "__main__":
    sys.exit(run(main))
