"""Promises of the interface about failures, tested for every vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules import llm_services
from modules.llm_services import (
    LLMAuthenticationError,
    LLMError,
    LLMMessage,
    LLMTimeoutError,
    LLMValidationError,
)
from modules.llm_services.types import LLMProviderType
from providers.conftest import QUESTION
from providers.test_every_vendor import City
from stand_in.scenario import Fault
from stand_in.scenarios import SCENARIOS

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from providers.conftest import At


# Their earlier names on these wires.
EVERYWHERE = {each.alias or name: each for name, each in SCENARIOS.items() if each.everywhere}
SILENT = {Fault.SILENCE, Fault.STALL, Fault.STALL_IN_THE_BODY}
ENDLESS = {name for name, each in EVERYWHERE.items() if each.fault in SILENT}
ERRORS = [
    (name, getattr(llm_services, each.failure.raises))
    for name, each in EVERYWHERE.items()
    if each.failure and each.is_error and not each.elsewhere
]


@pytest.mark.parametrize("scene", EVERYWHERE)
async def test_a_scene_ends_as_expected(at: At, scene: str) -> None:
    """The exception's class and `retryable` are those that the stand-in documents."""
    scenario = EVERYWHERE[scene]
    service = at.scene(scene, REQUEST_TIMEOUT="0.5" if scene in ENDLESS else "30").llm
    try:
        await service.generate_response(QUESTION, model=at.door.model)
        seen = "nothing", False
    except LLMError as error:
        seen = type(error).__name__, error.retryable
    raises, retryable = scenario.failure.value if scenario.failure else ("nothing", False)
    assert seen in [(name, retryable) for name in (scenario.elsewhere or raises).split(" or ")]


@pytest.mark.parametrize("scene", [name for name, each in EVERYWHERE.items() if each.alias])
async def test_a_scenario_has_one_name_on_every_wire(at: At, scene: str) -> None:
    """A scenario plays in the same way under its earlier name and under its common one."""
    seen = []
    for name in (scene, EVERYWHERE[scene].name):
        service = at.scene(name, REQUEST_TIMEOUT="0.5" if scene in ENDLESS else "30").llm
        try:
            seen.append((await service.generate_response(QUESTION, model=at.door.model))[0].finish_reason)
        except LLMError as error:
            seen.append(type(error).__name__)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("scene", [name for name, each in EVERYWHERE.items() if not each.failure])
async def test_an_answer_fits_a_structured_call_or_not(at: At, scene: str) -> None:
    """An answer to a text call gives a structured call its object, or LLMValidationError."""
    if scene == "not-json" and at.door.provider in {LLMProviderType.ANTHROPIC, LLMProviderType.BEDROCK}:
        pytest.skip("the answer is the input of a tool there, and always JSON")
    call = at.scene(scene).llm.generate_structured_response(QUESTION, City, model=at.door.model)
    if EVERYWHERE[scene].structured:
        assert isinstance((await call)[0], City)
    else:
        with pytest.raises(LLMValidationError):
            await call


@pytest.mark.parametrize(("scene", "kind"), ERRORS)
async def test_an_error(
    at: At,
    scene: str,
    kind: type[LLMError],
    snapshot: SnapshotAssertion,
) -> None:
    """An error has the class that the interface names, says what to do, and is on a failed row without a cost."""
    with pytest.raises(LLMError) as caught:
        await at.scene(scene).llm.generate_response(QUESTION, model=at.door.model)
    error, row = caught.value, at.row()
    assert (kind, at.door.provider) == (type(error), error.provider)
    assert (row["id"], "failed", None, kind.__name__) == (
        error.request_id,
        row["status"],
        row["cost_estimate"],
        row["error_type"],
    )
    assert snapshot == (str(error), error.status_code, error.error_code, error.retry_after)


async def test_an_account_out_of_quota(at: At) -> None:
    """An exhausted quota is not retried."""
    with pytest.raises(LLMError) as caught:
        await at.scene("out-of-quota", MAX_RETRIES="3").llm.generate_response(QUESTION, model=at.door.model)
    assert not caught.value.retryable
    assert 1 == len(at.rows())


@pytest.mark.parametrize("scene", ["server-error-once", "overloaded-once"])
async def test_an_error_that_passes(at: At, scene: str) -> None:
    """A transient error is retried, with a row for each attempt; the returned id is that of the answered row."""
    service = at.scene(scene, MAX_RETRIES="1").llm
    response, request_id = await service.generate_response(
        [LLMMessage(role="user", content=f"{at.door.provider} {scene}")], model=at.door.model
    )
    assert "stop" == response.finish_reason
    first, second = at.rows()
    assert ["failed", "completed"] == [first["status"], second["status"]]
    assert (request_id, str(first["id"])) == (second["id"], second["additional_params"]["first_attempt"])


async def test_a_page_where_an_answer_should_be(at: At) -> None:
    """A 200 without an answer raises a retryable LLMError that quotes the body."""
    with pytest.raises(LLMError, match="without an answer in it: <!DOCTYPE html>") as caught:
        await at.scene("html-200").llm.generate_response(QUESTION, model=at.door.model)
    assert (LLMError, True) == (type(caught.value), caught.value.retryable)


async def test_a_cut_body(at: At) -> None:
    """An answer that breaks off may have been billed, so it is not retried."""
    with pytest.raises(LLMError, match="broke before the answer was complete"):
        await at.scene("cut-body", MAX_RETRIES="3").llm.generate_response(QUESTION, model=at.door.model)
    assert (None, "failed") == (at.row()["cost_estimate"], at.row()["status"])


async def test_silence(at: At) -> None:
    """No answer in time raises an LLMTimeoutError."""
    with pytest.raises(LLMTimeoutError, match="REQUEST_TIMEOUT"):
        await at.scene("hang", REQUEST_TIMEOUT="0.3").llm.generate_response(QUESTION, model=at.door.model)


async def test_a_key_that_is_refused(at: At, base_url: str) -> None:
    """The message names the variable to check; no row and no message contains the key."""
    key = "sk-invalid-0123456789abcdef"
    at.scene("", **at.door.environment(base_url, key=key))
    with pytest.raises(LLMAuthenticationError, match="check") as caught:
        await at.llm.generate_response(QUESTION, model=at.door.model)
    assert key not in f"{caught.value!r}{at.row()}"
