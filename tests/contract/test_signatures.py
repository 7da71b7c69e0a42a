"""What type checkers do not compare: the order, kinds and defaults of arguments, at the door and behind it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.providers.base import LLMProvider
from modules.llm_services.public import LLMServicesAdminProvider, LLMServicesProvider
from modules.llm_services.service import LLMRequestReader, LLMService
from modules.llm_services.types import LLMMessage, MessageRole

if TYPE_CHECKING:
    from collections.abc import Callable

# As the interface writes them, `self` aside.
CALLS = {
    "generate_response": "messages, user_id=None, model=None, temperature=None, max_output_tokens=None, **options",
    "generate_structured_response": (
        "messages, response_model, user_id=None, model=None, temperature=None, max_output_tokens=None, **options"
    ),
    "generate_response_with_tools": (
        "messages, tools, user_id=None, model=None, temperature=None, max_output_tokens=None, **options"
    ),
    "generate_image": "prompt, user_id=None, size='1024x1024', quality='standard', style=None, **options",
    "generate_audio": "text, voice, user_id=None, model=None, audio_format='mp3', speed=None, **options",
    "search_web": "queries, user_id=None, max_results=10, **options",
}
READS = {
    "get_request": "request_id",
    "get_user_requests": "user_id, limit=50, offset=0",
    "get_request_count_by_user": "user_id",
}
SERVICE = CALLS | READS | {"estimate_cost": "messages, model=None", "get_request_count_by_status": "status"}
ADMIN = READS | {
    "get_recent_requests": "limit=50, offset=0",
    "count_all_requests": "",
    "count_requests_since": "moment",
    "sum_request_costs_since": "moment",
}
# What the service hands on; images and speech reach a provider with what only they have as options.
PROVIDER = {name: CALLS[name] for name in list(CALLS)[:3]} | {
    "generate_image": "prompt, user_id=None, model=None, **options",
    "generate_audio": "text, voice, user_id=None, model=None, **options",
    "search_recent_news": CALLS["search_web"],
}


def arguments(function: Callable[..., object]) -> str:
    """Return a function's arguments without their types, as they are written."""
    _self, *given = inspect.signature(function).parameters.values()
    return ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in given)


@pytest.mark.parametrize(
    ("owner", "promised"),
    [
        (LLMServicesProvider, SERVICE),
        (LLMService, SERVICE),
        (LLMServicesAdminProvider, ADMIN),
        (LLMRequestReader, ADMIN),
        (LLMProvider, PROVIDER),
    ],
)
def test_arguments_are_those_of_the_interface(owner: type, promised: dict[str, str]) -> None:
    """Each method takes the promised arguments in their order, of their kinds and with their defaults."""
    assert promised == {name: arguments(getattr(owner, name)) for name in promised}


@pytest.mark.parametrize(("protocol", "promised"), [(LLMServicesProvider, SERVICE), (LLMServicesAdminProvider, ADMIN)])
def test_the_door_has_no_other_method(protocol: type, promised: dict[str, str]) -> None:
    """A Protocol that asks for more than is promised would turn away what satisfied it."""
    assert promised.keys() == {name for name, value in vars(protocol).items() if name[0] != "_" and callable(value)}


@pytest.mark.parametrize("owner", [LLMServicesProvider, LLMService])
def test_calls_are_coroutines_and_reads_are_not(owner: type) -> None:
    """Every call is awaited, and no read is."""
    assert CALLS.keys() == {name for name in SERVICE if inspect.iscoroutinefunction(getattr(owner, name))}


def test_a_role_is_kept_as_what_it_is() -> None:
    """A message made with a plain string holds the member, which compares equal to that string."""
    assert MessageRole.USER is LLMMessage(role="user").role
    assert "user" == LLMMessage(role=MessageRole.USER).role
