"""A cassette played: what is asked within the block is answered from the file, in no time, and nobody is asked."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

import vcr

from modules.llm_services.flow import loop

from .format import MATCHED, configure, origin
from .vendors import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from modules.llm_services import LLMError

    from .format import Cassette


@contextmanager
def replaying(cassette: Path, **variables: str) -> Iterator[Cassette]:
    """Play an exported cassette, its vendor configured with made-up keys and with `variables`.

    Attempts follow each other without a wait. AssertionError at the end when not all of it was played.
    """
    recorder = vcr.VCR(record_mode="none", match_on=MATCHED)
    configure(recorder)
    with playing(recorder, cassette, str(origin(cassette)["provider"]), variables) as played:
        yield played
    if not played.all_played:
        raise AssertionError(f"{len(played) - played.play_count} of {len(played)} interactions were not played")


@contextmanager
def playing(recorder: vcr.VCR, cassette: Path, provider: str, variables: dict[str, str]) -> Iterator[Cassette]:
    """Play a cassette as `recorder` does, with `provider` and `variables` configured and nothing else."""
    with (
        mock.patch.dict(os.environ, environment(provider) | variables),
        mock.patch.object(loop, "wait_seconds", _at_once(loop.wait_seconds)),
        recorder.use_cassette(str(cassette)) as played,
    ):
        yield played


def _at_once(decide: Callable[[LLMError, int, float], float | None]) -> Callable[[LLMError, int, float], float | None]:
    """Return the same decision on another attempt, without the wait."""
    return lambda error, number, waited: None if decide(error, number, waited) is None else 0.0
