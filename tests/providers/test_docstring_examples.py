"""The examples in the docstrings of the extension points are run: a wire, a wire with differences, a provider."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from modules.llm_services.config import LLMConfig
from modules.llm_services.flow.http import Endpoint
from modules.llm_services.providers import base
from modules.llm_services.types import LLMMessage, LLMProviderType
from modules.llm_services.wires import chat_completions, errors, lenient, wire
from modules.llm_services.wires.chat_completions import ChatCompletionsWire
from modules.llm_services.wires.wire import Exchange, Kind, LLMCall
from support.rendering import rendered

if TYPE_CHECKING:
    from types import ModuleType

CALL = LLMCall([LLMMessage(role="user", content="Hello")], model="acme/large", temperature=0.5)


def example(docstring: str | None, name: str, *modules: ModuleType) -> Any:  # noqa: ANN401
    """Run the code in a docstring from its class on, with the names of `modules`; return the class."""
    code = textwrap.dedent("    class " + inspect.cleandoc(docstring or "").split("    class ", 1)[1])
    names = {key: value for module in modules for key, value in vars(module).items()}
    names |= {"Endpoint": Endpoint, "LLMProviderType": LLMProviderType, "ChatCompletionsWire": ChatCompletionsWire}
    exec(compile(code, name, "exec"), names)  # noqa: S102 - the docstring's own lines
    return names[name]


def test_the_smallest_wire_renders_and_parses() -> None:
    """EchoWire, from the docstring of wire.py, maps a call to JSON and an exchange to an answer or an error."""
    echo = example(wire.__doc__, "EchoWire", wire, lenient, errors)()
    assert {"model": "acme/large", "text": "Hello"} == rendered(echo, CALL)
    answer = echo.parse(Exchange(200, {}, {"reply": "Hello!"}), CALL)
    assert ("Hello!", True) == (answer.content, answer.is_found)
    assert "no" == echo.parse_error(Exchange(400, {}, {"error": {"message": "no"}}), CALL).message


def test_a_wire_with_differences_overrides_them() -> None:
    """AcmeWire, from the docstring of ChatCompletionsWire, removes its own prefix and changes nothing else."""
    acme = example(ChatCompletionsWire.__doc__, "AcmeWire", chat_completions)()
    assert ("large", 0.5) == (rendered(acme, CALL)["model"], rendered(acme, CALL)["temperature"])


def test_the_smallest_provider_has_an_endpoint_and_a_wire() -> None:
    """ChatProvider, from the docstring of base.py, can be called."""
    kind = example(base.__doc__, "ChatProvider", base)
    provider = kind(LLMConfig(provider=LLMProviderType.OPENAI, openai_api_key="sk-example"), Session())
    endpoint = provider.endpoint(CALL)
    assert ("/chat/completions", "Bearer sk-example") == (endpoint.path, endpoint.headers["Authorization"])
    assert "chat_completions" == provider.wires[Kind.TEXT].api_variant
