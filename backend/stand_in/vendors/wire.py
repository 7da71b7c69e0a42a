"""What the vendors' wires share: what a request asks for, the answer to it, and how a scenario is played."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ..exchange import Response
from ..scenario import Page
from ..schema import instance, misfit

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from ..exchange import Received
    from ..scenario import Completion, Scenario

    JSONObject: TypeAlias = dict[str, Any]

PLAIN = "answer"
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_REQUEST = 8
REASONING_TOKENS = 64
NAMES_BY_STATUS = {401: "unknown-key", 404: "unknown-model"}


def tokens(text: str) -> int:
    """Return a token count without a tokenizer: one token for every four characters, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


class RequestError(Exception):
    """A request that the vendor refuses; `scenario` names the resulting error."""

    def __init__(self, scenario: str, message: str = "") -> None:
        """Store the scenario's name, and what is wrong with the request if that needs explaining."""
        super().__init__(message)
        self.scenario, self.message = scenario, message


class InvalidRequestError(RequestError):
    """A request with a parameter that the vendor refuses."""

    def __init__(self, message: str) -> None:
        """Store what is wrong with the request."""
        super().__init__("invalid-request", message)


class VendorError(NamedTuple):
    """An error of a vendor: its status, its type, and its usual message."""

    status: int
    kind: str
    message: str
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a request asks for, whatever its wire.

    `scenario` is the name of the scenario to play, and `plain` of the one to play if none is named. A repetition of the
    same request has the same `identity`. `text` is all text of the prompt, and `question` the user's last text; `tool`
    is the name and the schema of the function to call, or None. `streams` requests the answer as a stream.
    """

    key: str = ""
    path: str = ""
    host: str = ""
    scenario: str = ""
    plain: str = PLAIN
    identity: str = ""
    model: str = ""
    text: str = ""
    question: str = ""
    schema: JSONObject | None = None
    wants_object: bool = False
    tool: tuple[str, Any] | None = None
    token_limit: int | None = None
    thinks: bool = False
    wants_router_metadata: bool = False
    streams: bool = False

    @property
    def prompt_tokens(self) -> int:
        """Return the number of tokens in the prompt."""
        return TOKENS_PER_REQUEST + tokens(self.text)

    def cached_tokens(self, completion: Completion) -> tuple[int, int]:
        """Return how many tokens of the prompt are read from a cache, and how many are written to it."""
        if not completion.cached:
            return 0, 0
        written = max(1, self.prompt_tokens // 8)
        return self.prompt_tokens - written - 1, written


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The content of an answer, and its tokens: of the prompt, read from or written to a cache, and of the output.

    `finish` is stop, tool, length or refused.
    """

    text: str
    call: tuple[str, Any] | None
    finish: str
    prompt: int
    read: int
    written: int
    output: int
    reasoning: int


def answer_to(request: Request, completion: Completion) -> Answer:
    """Return the answer to a request; a request with its own token limit gets it truncated in the middle."""
    text, call = _content(request, completion)
    finish = "tool" if call else "stop"
    if completion.token_limit:
        text, call, finish = text[: len(text) // 2], call and (call[0], {}), "length"
    elif completion.finish_reason == "content_filter":
        text, finish = "I cannot help with that, says the stand-in.", "refused"
    read, written = request.cached_tokens(completion)
    reasoning = REASONING_TOKENS if request.thinks else 0
    return Answer(
        text=text,
        call=call,
        finish=finish,
        prompt=request.prompt_tokens,
        read=read,
        written=written,
        output=reasoning + tokens(text or json.dumps(call and call[1])),
        reasoning=reasoning,
    )


def _content(request: Request, completion: Completion) -> tuple[str, tuple[str, Any] | None]:
    """Return the text and the tool call that the request asks for, unless the scenario has others."""
    make = misfit if completion.content == "json that does not fit" else instance
    if completion.content == "nothing":
        return "", None
    if request.schema is not None:
        prose = completion.content == "prose"
        return "Here is what you asked for, in so many words." if prose else json.dumps(make(request.schema)), None
    if request.tool:
        name, parameters = request.tool
        return "", (name, make(parameters))
    return f"You asked: {request.text[-200:]} The stand-in is no model and cannot know.", None


class Wire(ABC):
    """A vendor's API: its path, how its requests are parsed, and how a scenario is played on it."""

    path: ClassVar[re.Pattern[str]]
    key_header: ClassVar[str] = "authorization"

    def key(self, received: Received) -> str:
        """Return the key of a request."""
        return received.header(self.key_header).removeprefix("Bearer ").strip()

    def check_key(self, received: Received) -> None:
        """Raise RequestError for a request without a key, with a key marked invalid, or with a key in its URL."""
        key = self.key(received)
        if not key:
            raise RequestError("missing-key")
        if "invalid" in key or "key=" in received.query:
            raise RequestError("unknown-key")

    def read(self, received: Received) -> Request:
        """Parse and check a request; raise RequestError for one that the vendor would refuse."""
        if received.method != "POST" or not self.path.search(received.path):
            raise RequestError("unknown-path", f"Not found: {received.method} {received.path}")
        self.check_key(received)
        request = self.read_body(received.path, json_object(received.body))
        identity = request.identity or f"{received.path} {received.body.decode('utf-8', 'replace')}"
        key, host = self.key(received), received.header("host")
        return replace(request, key=key, path=received.path, host=host, identity=identity)

    @abstractmethod
    def read_body(self, path: str, body: JSONObject) -> Request:
        """Parse a JSON body; raise RequestError for one that the vendor would refuse."""

    @abstractmethod
    def respond(self, request: Request, scenario: Scenario, message: str = "") -> Response:
        """Play a scenario; `message` says what is wrong with a request that caused an error."""


class PlainWire(Wire):
    """A wire with one header for a key, one body for an answer, and one table of errors by scenario."""

    errors: ClassVar[Mapping[str, VendorError]]
    stream_type: ClassVar[str] = "text/event-stream"

    @abstractmethod
    def answer(self, request: Request, answer: Answer) -> JSONObject | bytes:
        """Return the body of an answer."""

    @abstractmethod
    def error(self, name: str, error: VendorError) -> tuple[JSONObject, dict[str, str]]:
        """Return body and headers of an error."""

    @abstractmethod
    def events(self, body: JSONObject) -> Iterable[bytes]:
        """Return the events that stream a text answer."""

    def respond(self, request: Request, scenario: Scenario, message: str = "") -> Response:
        """Play a scenario; an error that the vendor does not have becomes its error for the same status."""
        answer, status, kind = scenario.answer, scenario.status, "application/json"
        headers: Mapping[str, str] = {}
        body: JSONObject | bytes
        if isinstance(answer, Page):
            kind, body = answer.content_type, answer.text.encode()
        elif scenario.is_error:
            name = scenario.name if scenario.name in self.errors else NAMES_BY_STATUS.get(status, "invalid-request")
            error = self.errors[name]
            body, headers = self.error(name, error._replace(message=message or error.message))
            status = error.status
        else:
            body = self.answer(request, answer_to(request, answer))
            kind = "audio/mpeg" if isinstance(body, bytes) else kind
        head = {"Content-Type": kind, "Connection": "keep-alive", "x-stand-in": request.scenario, **headers}
        if request.streams and isinstance(body, dict) and not scenario.is_error:
            events = tuple(self.events(body))
            head["Content-Type"] = self.stream_type
            return Response(status, list(head.items()), b"".join(events), scenario.part, scenario.fault, events=events)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(status, list(head.items()), data, scenario.part, scenario.fault)


def json_object(body: bytes) -> JSONObject:
    """Return a body that is a JSON object; raise RequestError for any other body."""
    try:
        found = json.loads(body)
    except ValueError as error:
        raise RequestError("bad-json", "We could not parse the JSON body of your request.") from error
    if not isinstance(found, dict):
        raise RequestError("bad-json", "The body is no JSON object.")
    return found


def check_fields(body: JSONObject, known: str, required: str = "") -> None:
    """Raise RequestError for a parameter that the wire does not know, or for a missing one that it requires."""
    for name in body:
        if name not in known.split():
            raise InvalidRequestError(f"{name}: unknown parameter")
    for name in required.split():
        if body.get(name) in (None, "", []):
            raise InvalidRequestError(f"{name}: field required")


def tool_named(name: str | None, tools: dict[str, Any]) -> tuple[str, Any] | None:
    """Return the name and schema of a tool: of the named one, otherwise the first; None if there are no tools."""
    if not tools:
        return None
    name = name or next(iter(tools))
    return name, tools[name]
