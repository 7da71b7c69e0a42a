"""Any value anywhere in a vendor's answer: the wire parses it and does not raise."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Final

import pytest

from modules.llm_services import LLMError
from modules.llm_services.flow import loop
from modules.llm_services.types import ToolDefinition
from properties.mutations import changed, paths
from providers.conftest import QUESTION

if TYPE_CHECKING:
    from modules.llm_services.flow.attempt import Attempt, Completion
    from modules.llm_services.providers.base import LLMProvider
    from providers.conftest import At

ODD: Final[tuple[object, ...]] = (None, [], ["x"], {}, {"": None}, [[]], [None], "", "x", 0, -1, 0.5, 2**70, True)
WEATHER = ToolDefinition(name="weather", description="The weather.", parameters={"type": "object"})


def odd_one(odd: object, _value: object) -> object:
    """Return the odd value."""
    return odd


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Attempt]:
    """Return the list that every attempt is added to before it is sent."""
    noted: list[Attempt] = []
    send = loop._send

    async def note(provider: LLMProvider, attempt: Attempt) -> Completion:
        noted.append(attempt)
        return await send(provider, attempt)

    monkeypatch.setattr(loop, "_send", note)
    return noted


@pytest.mark.parametrize("scene", ["", "tool-call", "error-429"])
async def test_no_value_is_too_odd(at: At, attempts: list[Attempt], scene: str) -> None:
    """Each value in a body is replaced with each odd one, with the status of an answer and of an error."""
    with suppress(LLMError):
        await at.scene(scene).llm.generate_response_with_tools(QUESTION, [WEATHER], model=at.door.model)
    (attempt,) = attempts
    body = attempt.exchange.body
    assert isinstance(body, dict)
    for path, odd, status in product(paths(body), ODD, (200, 400)):
        attempt.exchange.body = changed(body, path, partial(odd_one, odd))
        attempt.exchange.status_code = status
        attempt.wire.parse_error(attempt.exchange, attempt.call)
        attempt.wire.parse(attempt.exchange, attempt.call)
