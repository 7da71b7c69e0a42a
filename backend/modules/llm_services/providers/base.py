"""The base class of the providers: the calls, and the three helpers that write rows.

A provider adds the address of its requests and the wires that it speaks. The smallest one, for Chat Completions:

    class ChatProvider(LLMProvider):
        provider_type = LLMProviderType.OPENAI  # whose row in vendors.py is read
        wires = {Kind.TEXT: ChatCompletionsWire()}

        def endpoint(self, call):
            key = {"Authorization": f"Bearer {self.config.openai_api_key}"}
            return Endpoint(self.config.openai_base_url, "/chat/completions", key)
"""

from __future__ import annotations

import logging
from abc import ABCMeta, abstractmethod
from dataclasses import replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from .. import arguments, packages
from ..exceptions import LLMAuthenticationError, LLMError
from ..flow import columns, loop
from ..ledger.ledger import Ledger
from ..model_names import ENDS_SOON
from ..types import LARGEST_INTEGER, LONGEST_MODEL_NAME, LLMMessage, MessageRole, RequestStatus, ToolDefinition
from ..vendors import VENDORS
from ..wires import speech
from ..wires.schemas import response_type
from ..wires.wire import Kind, LLMCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from ..flow.attempt import Attempt, Completion
    from ..flow.http import Endpoint
    from ..flow.structured import ParsedObject
    from ..ledger.ledger import Entry
    from ..types import (
        AudioResponse,
        ImageResponse,
        LLMProviderType,
        LLMResponse,
        ToolCall,
        ToolDefinition,
        WebSearchResponse,
    )
    from ..wires.wire import Options, Wire

Model = TypeVar("Model")

logger = logging.getLogger(__name__)

MAX_TEMPERATURE: Final = 2
DEFAULT_MODELS: Final[dict[Kind, Callable[[LLMConfig, LLMProviderType], str | None]]] = {
    Kind.TEXT: lambda config, provider: config.model or config.default_model(provider),
    Kind.IMAGE: lambda config, _provider: config.image_model,
    Kind.SPEECH: lambda config, provider: config.speech_model(provider),
}
LOGGED_COLUMNS: Final = (
    "provider",
    "model",
    "status",
    "retry_attempt",
    "execution_time_ms",
    "tokens_used",
    "cost_estimate",
    "error_type",
)

ARGUMENT_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "model": (str,),
    "temperature": (int, float),
    "max_output_tokens": (int,),
    "user_id": (int,),
}

# Other APIs' names of `max_output_tokens`.
LIMIT_NAMES: Final = frozenset({"max_tokens", "max_completion_tokens"})

_logged_options: set[str] = set()
_logged_ends: dict[str, date] = {}


class LLMProvider(metaclass=ABCMeta):
    """One vendor: its endpoint, its wire for each kind of call, and the calls."""

    provider_type: ClassVar[LLMProviderType]
    wires: ClassVar[Mapping[Kind, Wire]]
    # Modules from packages that only this vendor needs.
    required_modules: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: LLMConfig, db_session: Session) -> None:
        """Write rows to the database of `db_session`, each in its own transaction.

        Raises LLMAuthenticationError if `config` has no key for this vendor, and RuntimeError, which names the package,
        if a package that its calls need is not installed.
        """
        self.vendor = vendor = VENDORS[self.provider_type]
        if not config.is_configured(self.provider_type):
            raise LLMAuthenticationError(
                f"{vendor.name} has no API key: set {vendor.key_variable} ({vendor.keys_page})", self.provider_type
            )
        self.has_spend_limits = any((config.limit_usd_day, config.limit_usd_month, config.limit_usd_day_per_user))
        needs_prices = self.has_spend_limits or not vendor.reports_cost
        packages.require(*packages.REQUIRED)
        packages.require(*self.required_modules, *(("genai_prices",) if needs_prices else ()))
        if config.cache_enabled:
            packages.require("cachelib", *(("redis",) if config.cache_url else ()))
        self.config = config
        self._ledger = Ledger(db_session, config.request_timeout, config.database_timeout)

    @abstractmethod
    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the address of a call's request, with the headers that contain the key."""

    async def generate_response(
        self,
        messages: list[LLMMessage],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, UUID]:
        """Return the model's answer and the id of its row."""
        completion = await self._complete(
            LLMCall(messages, _named(model), temperature, max_output_tokens, user_id, options)
        )
        return completion.response, completion.request_id

    async def generate_structured_response(
        self,
        messages: list[LLMMessage],
        response_model: type[Model],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[Model, UUID, dict[str, Any]]:
        """Return an instance of `response_model`, the id of its row, and the usage.

        Raises TypeError, before anything is sent, if `response_model` is not a type that pydantic can validate.
        """
        _check_response_model(response_model)
        call = LLMCall(messages, _named(model), temperature, max_output_tokens, user_id, options, response_model)
        completion = await self._complete(call)
        parsed = cast("ParsedObject", completion.parsed)
        return cast("Model", parsed.value), completion.request_id, columns.usage_summary(completion)

    async def generate_response_with_tools(
        self,
        messages: list[LLMMessage],
        tools: list[ToolDefinition],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, list[ToolCall] | None, UUID]:
        """Return the answer, the tool calls that the model requests (None if there are none), and the id of the row."""
        call = LLMCall(messages, _named(model), temperature, max_output_tokens, user_id, options, tools=tools)
        completion = await self._complete(call)
        return completion.response, list(completion.tool_calls) or None, completion.request_id

    async def generate_image(
        self, prompt: str, user_id: int | None = None, model: str | None = None, **options: Any
    ) -> tuple[ImageResponse, UUID]:
        """Return an image and the id of its row; raise NotImplementedError if the provider has no images."""
        if Kind.IMAGE not in self.wires:
            raise NotImplementedError(f"image generation through {self.provider_type} is not implemented")
        arguments.of_type("prompt", prompt, str)
        quality = arguments.of_type("quality", options.get("quality"), str, type(None))
        options["quality"] = quality or self.config.image_quality
        completion = await self._complete(_prompt_call(Kind.IMAGE, prompt, model, user_id, options))
        return cast("ImageResponse", completion.media), completion.request_id

    async def generate_audio(
        self, text: str, voice: str, user_id: int | None = None, model: str | None = None, **options: Any
    ) -> tuple[AudioResponse, UUID]:
        """Return speech and the id of its row; raise NotImplementedError if the provider has no speech."""
        if Kind.SPEECH not in self.wires:
            names = ", ".join(vendor.name for vendor in VENDORS.values() if vendor.speech_model_fields)
            raise NotImplementedError(
                f"audio generation through {self.provider_type} is not implemented: name a speech model of {names}"
            )
        arguments.of_type("text", text, str)
        arguments.of_type("voice", voice, str)
        options["voice"] = speech.voice(voice, self.wires[Kind.SPEECH].voices)
        completion = await self._complete(_prompt_call(Kind.SPEECH, text, model, user_id, options))
        return cast("AudioResponse", completion.media), completion.request_id

    async def search_recent_news(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Search the web; raise NotImplementedError if the provider has no search."""
        raise NotImplementedError(f"web search through {self.provider_type} is not implemented")

    async def _complete(self, call: LLMCall) -> Completion:
        """Fill in the defaults, parse the options, and run the call."""
        call = self._filled_in(_checked(call))
        if end := self.vendor.models.get(call.model) or self.vendor.resold_models.get(call.model):
            _log_end(call.model, end, datetime.now(UTC).date())
        wire = self.wires[call.kind]
        return await loop.complete(self, _streamed(call, wire) if call.on_text or call.options.stream else call)

    def _filled_in(self, call: LLMCall) -> LLMCall:
        """Return `call` with the configured defaults; raise ValueError, naming the argument, for an invalid one."""
        config, options = self.config, self.wires[call.kind].options
        call = _with_limit(call, options)
        temperature = config.temperature if call.temperature is None else call.temperature
        tokens = config.max_output_tokens if call.max_output_tokens is None else call.max_output_tokens
        model = call.model.strip() or DEFAULT_MODELS[call.kind](config, self.provider_type) or ""
        if not call.messages:
            raise ValueError("messages is empty: give at least one LLMMessage, or a prompt or text that is not empty")
        if not 0 <= temperature <= MAX_TEMPERATURE:
            raise ValueError(f"temperature must be between 0 and {MAX_TEMPERATURE}, not {temperature}")
        if tokens is not None and tokens <= 0:
            raise ValueError(f"max_output_tokens must be positive, not {tokens}")
        if len(model) > LONGEST_MODEL_NAME:
            raise ValueError(f"a model name has at most {LONGEST_MODEL_NAME} characters, this one has {len(model)}")
        _log_unknown(call.params, options)
        return replace(
            call,
            options=options.read(call.params),
            model=model,
            temperature=temperature,
            max_output_tokens=tokens,
            temperature_is_given=call.temperature is not None,
            max_output_tokens_is_given=call.max_output_tokens is not None,
        )

    async def _create_llm_request(self, attempt: Attempt) -> None:
        """Write the pending row; raise LLMError if that fails, so that nothing is sent."""
        try:
            await self._ledger.open(attempt.entry)
        except LLMError as error:
            raise LLMError(f"nothing was sent: {error}") from error

    async def _update_llm_request_success(self, attempt: Attempt, completion: Completion) -> None:
        """Complete the row; if that fails, raise an LLMError that carries the answer."""
        try:
            await self._ledger.settle(attempt.entry, **columns.completed(attempt, completion))
        except LLMError as error:
            _log(attempt.entry, logging.ERROR, "answered, not recorded: ")
            raise LLMError(
                f"the answer arrived but was not recorded; it is in .response: {error}",
                self.provider_type,
                completion.response.model,
                request_id=attempt.entry.id,
                response=completion.response,
            ) from error
        if self.config.log_requests:
            _log(attempt.entry, logging.INFO)

    async def _update_llm_request_error(self, attempt: Attempt, error: BaseException) -> None:
        """Settle the row of a failed attempt with what it cost, and set `request_id` on `error`."""
        entry = attempt.entry
        if isinstance(error, LLMError) and error is not attempt.callback_error:
            error.provider, error.model = self.provider_type, attempt.call.model
            error.request_id = entry.id if entry.is_open else None
        if not entry.is_open:
            return
        is_leaving = not isinstance(error, Exception)  # the caller was cancelled
        try:
            is_settled = await self._ledger.settle(entry, is_leaving=is_leaving, **columns.failed(attempt, error))
        except LLMError as ledger_error:
            logger.error("llm_request %s stays pending: %s", entry.id, ledger_error)  # the caller gets its own error
            _log(entry, logging.ERROR, "failed, not recorded: ")
            return
        if self.config.log_requests:
            _log(entry, logging.INFO, "" if is_settled else "cancelled, to be recorded: ")


def _with_limit(call: LLMCall, known: type[Options]) -> LLMCall:
    """Return a call with `max_output_tokens` from an option that has another API's name for it.

    Raises ValueError for two different limits.
    """
    names = [name for name in LIMIT_NAMES - known.model_fields.keys() if call.params.get(name) is not None]
    if not names or call.kind is not Kind.TEXT:
        return call
    limits = {arguments.of_type(name, call.params[name], int) for name in names} | {call.max_output_tokens} - {None}
    if len(limits) > 1:
        raise ValueError(f"max_output_tokens and the option {' and '.join(sorted(names))} differ: give one of them")
    params = {name: value for name, value in call.params.items() if name not in names}
    return replace(call, max_output_tokens=limits.pop(), params=params)


def _named(model: str | None) -> str:
    return arguments.of_type("model", model, str, type(None)) or ""


def _check_response_model(response_model: object) -> None:
    try:
        response_type(response_model)
    except (TypeError, ValueError):
        raise
    except Exception as error:  # a class of the caller's may raise anything
        raise TypeError(f"response_model is not a type that an answer can have: {type(error).__name__}") from error


def _prompt_call(kind: Kind, prompt: str, model: str | None, user_id: int | None, options: dict[str, Any]) -> LLMCall:
    given = {name: value for name, value in options.items() if value is not None}
    messages = [LLMMessage(role=MessageRole.USER, content=prompt)] if prompt.strip() else []
    return LLMCall(messages, _named(model), user_id=user_id, params=given, kind=kind)


def _checked(call: LLMCall) -> LLMCall:
    """Return `call` with messages and tools as models, in new lists, because the caller may change the given ones.

    Raises TypeError or ValueError, which names the argument, for an invalid one.
    """
    for name, kinds in ARGUMENT_TYPES.items():
        value = arguments.of_type(name, getattr(call, name), *kinds, type(None))
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            raise ValueError(f"{name} must be at most {LARGEST_INTEGER}, the largest value that its column can store")
    params = dict(call.params)
    on_text = params.pop("on_text", None)
    for name, value in params.items():
        arguments.check_json(f"option {name}", value)
    call = replace(call, messages=arguments.messages(call.messages), tools=arguments.tools(call.tools), params=params)
    return _with_callback(call, on_text) if on_text is not None else call


def _with_callback(call: LLMCall, on_text: Any) -> LLMCall:  # noqa: ANN401 - whatever a caller passes
    """Return a call that passes its text to `on_text` as it arrives; the row records `stream`."""
    if not callable(on_text):
        raise TypeError(f"on_text must be a callable that takes a piece of text, not {type(on_text).__name__}")
    if call.kind is not Kind.TEXT or call.response_model is not None:
        raise ValueError(
            "on_text hands out text as it arrives: give it to generate_response or generate_response_with_tools"
        )
    if call.params.get("stream") is False:
        raise ValueError("on_text and stream=False contradict each other: text can be handed out only as it arrives")
    return replace(call, on_text=on_text, params={**call.params, "stream": True})


def _streamed(call: LLMCall, wire: Wire) -> LLMCall:
    """Return a call with a streamed answer; raise ValueError if the wire does not stream."""
    if wire.assembly is None:
        raise ValueError(f"the API {wire.api_variant} is not streamed: leave out stream and on_text")
    return replace(call, is_streamed=True)


def _log_unknown(params: dict[str, object], known: type[Options]) -> None:
    """Log the options that are recorded and not sent; each name once per process."""
    for name in set(params) - known.model_fields.keys() - _logged_options:
        _logged_options.add(name)
        nearest = get_close_matches(name, [*known.model_fields, *ARGUMENT_TYPES], 1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        logger.warning("option %r is unknown: it is kept in additional_params and not sent%s", name, hint)


def _log_end(model: str, end: date, today: date) -> None:
    """Log that a model in use ends soon or has ended, once per process, day and model."""
    if end <= today + ENDS_SOON and _logged_ends.get(model) != today:
        _logged_ends[model] = today
        ends = "ends" if end > today else "ended"
        logger.warning("model %s %s on %s: name another (docs/providers.md lists them all)", model, ends, end)


def _log(entry: Entry, level: int, unrecorded: str = "") -> None:
    """Write the log line of an attempt, without bodies and keys; `unrecorded` says why the row is still pending."""
    if not logger.isEnabledFor(level):
        return
    row = entry.row | {"status": RequestStatus.PENDING.value} if unrecorded else entry.row
    figures = {name: row[name] for name in LOGGED_COLUMNS if row[name] is not None}
    line = " ".join(f"{name}={figure}" for name, figure in figures.items())
    logger.log(
        level,
        "llm_request id=%s %s%s",
        entry.id,
        unrecorded,
        line,
        extra={"llm_request": {"id": str(entry.id), **figures}},
    )
