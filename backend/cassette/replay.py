"""Replay a cassette: requests are answered from the file, without waits and without a network."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import vcr
from sqlalchemy import StaticPool, create_engine, select
from sqlalchemy.orm import Session
from vcr.errors import CannotOverwriteExistingCassetteException

from modules.llm_services import LLMError, LLMRequest, llm_services_provider
from modules.llm_services.flow import loop
from modules.llm_services.models import LLMRequestModel
from modules.shared_models import Base

from .format import MATCH_ON, canonical, configure, read_origin
from .vendors import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vcr.cassette import Cassette
    from vcr.request import Request

    from .call_from_rows import RecordedCall, Row

# Any request is answered, by the first response that is left.
MATCH_IN_ORDER: Final = ("method",)


@dataclass(frozen=True)
class Replay:
    """The result or error of the last call, and of all calls the rows and the requested URLs."""

    result: Any
    error: Exception | None
    rows: list[Row]
    urls: list[str]


@contextmanager
def replaying(cassette: Path, **variables: str) -> Iterator[Cassette]:
    """Replay an exported cassette, with made-up keys for its vendor and with `variables`; retries do not wait.

    Raises AssertionError at the end unless all of it was played.
    """
    recorder = vcr.VCR(record_mode="none", match_on=MATCH_ON)
    with _playing(recorder, cassette, str(read_origin(cassette)["provider"]), variables) as played:
        yield played
    if not played.all_played:
        raise AssertionError(f"{len(played) - played.play_count} of {len(played)} interactions were not played")


def replay_calls(
    cassette: Path, provider: str, calls: Sequence[RecordedCall], match_on: tuple[str, ...] = MATCH_ON
) -> Replay:
    """Make `calls` with one service, answered from `cassette`; their rows go to a database in memory."""
    urls: dict[str, str] = {}

    def note_url(sent: Request, _recorded: Request) -> None:
        urls[canonical(sent.body)] = sent.uri

    recorder = vcr.VCR(record_mode="none", match_on=(note_url.__name__, *match_on))
    recorder.register_matcher(note_url.__name__, note_url)
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session, _playing(recorder, cassette, provider, variables_of(calls)):
        result, error = asyncio.run(_make(session, calls))
        order = select(LLMRequestModel).order_by(LLMRequestModel.created_at, LLMRequestModel.retry_attempt)
        rows = [LLMRequest.model_validate(row).model_dump(mode="json") for row in session.scalars(order)]
    engine.dispose()
    payloads = [canonical(json.dumps(row["request_payload"]).encode()) for row in rows]
    return Replay(result, error, rows, [urls.get(payload, "") for payload in payloads])


def variables_of(calls: Sequence[RecordedCall]) -> dict[str, str]:
    """Return the variables, besides the vendor's, with which these calls were made."""
    variables = {name: value for call in calls for name, value in call.environment.items()}
    retries = max(call.attempts for call in calls) - 1
    return variables | ({"MAX_RETRIES": str(retries)} if retries else {})


@contextmanager
def _playing(recorder: vcr.VCR, cassette: Path, provider: str, variables: dict[str, str]) -> Iterator[Cassette]:
    """Play a cassette with `provider` and `variables` configured, and nothing else."""
    configure(recorder)
    with (
        mock.patch.dict(os.environ, environment(provider) | variables),
        mock.patch.object(loop, "wait_seconds", _without_wait(loop.wait_seconds)),
        recorder.use_cassette(str(cassette)) as played,
    ):
        yield played


def _without_wait(
    wait: Callable[[LLMError, int, float], float | None],
) -> Callable[[LLMError, int, float], float | None]:
    """Return the same decision about a retry, with a wait of 0 seconds."""
    return lambda error, number, waited: None if wait(error, number, waited) is None else 0.0


async def _make(session: Session, calls: Sequence[RecordedCall]) -> tuple[Any, Exception | None]:
    llm = llm_services_provider(session)
    result, error = None, None
    for call in calls:
        try:
            result, error = await call.make(llm), None
        except (LLMError, ValueError, RuntimeError, CannotOverwriteExistingCassetteException) as raised:
            result, error = None, raised
    return result, error
