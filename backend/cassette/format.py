"""Cassettes as a reviewer reads them: where each comes from, headers by an allow-list, JSON bodies parsed.

`serialize` is the only way to the disk, and it scrubs.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import SplitResult, urlsplit

import httpx
import yaml

from .scrubbing import REQUEST_HEADERS, RESPONSE_HEADERS, allowed, scrubbed
from .vendors import AZURE, VENDORS

if TYPE_CHECKING:
    from pathlib import Path

# The address in a cassette is the vendor's own; where somebody else answered, paths are told apart by their form.
HOSTS: Final = frozenset(urlsplit(vendor.url).netloc for vendor in VENDORS.values())
ADDRESSES: Final = {
    re.compile(r"/azure(?P<path>/openai/v1/.*)"): VENDORS[AZURE].url,
    re.compile(r"(?:/openai)?(?P<path>/v1/(?:responses|images/generations|audio/speech))"): "https://api.openai.com",
    re.compile(r"(?:/anthropic)?(?P<path>/v1/messages)"): "https://api.anthropic.com",
    re.compile(r"(?:/bedrock)?(?P<path>/model/.*)"): "https://bedrock-runtime.us-west-2.amazonaws.com",
    re.compile(r"(?:/gemini)?(?P<path>/v1beta/models/.*)"): "https://generativelanguage.googleapis.com",
    re.compile("(?P<path>.*)"): "https://openrouter.ai",
}
STAND_IN: Final = "the stand-in (not OpenRouter)"
STAND_IN_HEADER: Final = "x-stand-in"
SOUND: Final = "audio/"
PADDING: Final = "\n         \n"  # the unit in which OpenRouter keeps a connection alive
# What YAML takes for the end of a line, other than \n: kept only where it is escaped.
LINE_ENDS: Final = re.compile("[\r\x85\u2028\u2029\ufeff]")
MATCHED: Final = ("method", "host", "path", "canonical_body")


class Request(Protocol):
    """A request as vcrpy holds it."""

    uri: str
    body: bytes


class Cassette(Protocol):
    """What the tests see of vcrpy's cassette."""

    path: str
    requests: list[Request]
    responses: list[dict[str, Any]]
    play_count: int
    all_played: bool

    def __len__(self) -> int: ...


class Recorder(Protocol):
    """What is configured of vcrpy."""

    def register_serializer(self, name: str, serializer: object) -> None:
        """Make a serializer known by a name."""

    def register_matcher(self, name: str, matcher: object) -> None:
        """Make a way of comparing requests known by a name."""


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as such, and repeats instead of referring."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True

    def text(self, text: str) -> yaml.Node:
        style = '"' if LINE_ENDS.search(text) else "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.text)


def configure(vcr: Recorder) -> None:
    """Teach vcrpy this format and this way of comparing bodies."""
    vcr.register_serializer("yaml", SimpleNamespace(serialize=serialize, deserialize=deserialize))
    vcr.register_matcher(canonical_body.__name__, canonical_body)


def serialize(cassette: dict[str, Any]) -> str:
    """Return vcrpy's interactions as the text of a cassette, scrubbed, the host always the vendor's.

    An `origin` beside the interactions is what the cassette says of itself; without one the answers say it.
    """
    interactions: list[dict[str, Any]] = cassette["interactions"]
    written = [{"request": _written_request(each), "response": _written_response(each)} for each in interactions]
    content = {"origin": cassette.get("origin") or _origin(interactions), "interactions": scrubbed(written)}
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def deserialize(text: str) -> dict[str, Any]:
    """Return the text of a cassette as vcrpy's interactions."""
    return {"interactions": [_played(each) for each in yaml.safe_load(text)["interactions"]]}


def origin(cassette: Path) -> dict[str, Any]:
    """Return what a cassette says of where it comes from."""
    return dict(yaml.safe_load(cassette.read_text("utf-8"))["origin"])


def decoded(response: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded response without its compression: httpx undoes whatever httpx asked for."""
    headers = [(name, value) for name, values in response["headers"].items() for value in values]
    plain = httpx.Response(response["status"]["code"], headers=headers, content=response["body"]["string"])
    return {**response, "body": {"string": plain.content}}


def canonical_body(asked: Request, recorded: Request) -> None:
    """Raise AssertionError, with the difference, unless both bodies are the same JSON in whatever order of keys."""
    ours, theirs = canonical(asked.body), canonical(recorded.body)
    if ours != theirs:
        lines = difflib.unified_diff(theirs.splitlines(), ours.splitlines(), "recorded", "asked", n=2, lineterm="")
        raise AssertionError("the request's body is not the recorded one\n" + "\n".join(lines))


def canonical(body: bytes) -> str:
    """Return a JSON body with its keys in order, any other as it is."""
    try:
        return json.dumps(json.loads(body), sort_keys=True, indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode("utf-8", "replace")


def _origin(interactions: list[dict[str, Any]]) -> dict[str, Any]:
    """Say who answered, by what the answers show: the stand-in signs its own."""
    servers, played = set(), set()
    for each in interactions:
        headers = allowed(each["response"]["headers"], (STAND_IN_HEADER,))
        played |= set(headers.values())
        servers.add(STAND_IN if headers else urlsplit(each["request"]["uri"]).netloc)
    scenario = {"scenario": " and ".join(sorted(played))} if played else {}
    return {"server": " and ".join(sorted(servers)), **scenario, "recorded": datetime.now(UTC).date()}


def _written_request(interaction: dict[str, Any]) -> dict[str, Any]:
    request = interaction["request"]
    where = urlsplit(request["uri"])
    return {
        "method": request["method"],
        "uri": _address(where) + (f"?{where.query}" if where.query else ""),
        "headers": allowed(request["headers"], REQUEST_HEADERS),
        **_written_body(request["body"] or ""),
    }


def _address(where: SplitResult) -> str:
    if where.netloc in HOSTS:
        return f"https://{where.netloc}{where.path}"
    return next(host + found["path"] for form, host in ADDRESSES.items() if (found := form.fullmatch(where.path)))


def _written_response(interaction: dict[str, Any]) -> dict[str, Any]:
    response = interaction["response"]
    headers = allowed(response["headers"], RESPONSE_HEADERS)
    text = response["body"]["string"]
    if isinstance(text, bytes) or headers.get("content-type", "").startswith(SOUND):
        sound = text.encode() if isinstance(text, str) else text
        return {"status": response["status"]["code"], "headers": headers, "base64": base64.b64encode(sound).decode()}
    start = len(text) - len(text.lstrip(" \t\r\n"))
    return {
        "status": response["status"]["code"],
        "headers": headers,
        "padding": _written_padding(text[:start]),
        **_written_body(text[start:]),
    }


def _written_padding(space: str) -> int | str:
    """Return the number of OpenRouter's units of padding, and padding of another form as it is."""
    units, rest = divmod(len(space), len(PADDING))
    return units if not rest and space == PADDING * units else space


def _written_body(text: str) -> dict[str, Any]:
    """Return `body`, parsed, where the text is a JSON object or array, else `text`."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    return {"body": parsed} if isinstance(parsed, dict | list) else {"text": text}


def _played(interaction: dict[str, Any]) -> dict[str, Any]:
    request, response = interaction["request"], interaction["response"]
    return {
        "request": {
            "method": request["method"],
            "uri": request["uri"],
            "headers": {name: [value] for name, value in request["headers"].items()},
            "body": _played_body(request),
        },
        "response": {
            "status": {"code": response["status"], "message": ""},
            "headers": {name: [value] for name, value in response["headers"].items()},
            "body": {"string": _played_answer(response)},
        },
    }


def _played_answer(response: dict[str, Any]) -> str | bytes:
    if "base64" in response:
        return base64.b64decode(response["base64"])
    padding = response["padding"]
    space = PADDING * padding if isinstance(padding, int) else padding
    return f"{space}{_played_body(response)}"


def _played_body(part: dict[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    return json.dumps(part["body"], ensure_ascii=False, separators=(",", ":"))
