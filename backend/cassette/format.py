"""The file format of a cassette: its origin, headers by an allow-list, and JSON bodies that a reviewer can read.

Files are written only by `serialize`, which scrubs.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import yaml

from .scrubbing import REQUEST_HEADERS, RESPONSE_HEADERS, allowed_headers, scrub
from .vendors import at_vendor

if TYPE_CHECKING:
    from pathlib import Path

    from vcr import VCR
    from vcr.request import Request

STAND_IN: Final = "the stand-in (not OpenRouter)"
STAND_IN_HEADER: Final = "x-stand-in"
AUDIO: Final = "audio/"
EVENT_STREAM: Final = "text/event-stream"
END_OF_EVENT: Final = "\n\n"
# An event with a single line of data, named or not.
EVENT: Final = re.compile(r"(?:event: (?P<name>[^\n]+)\n)?data: (?P<data>[^\n]+)")
PADDING: Final = "\n         \n"  # the unit of padding with which OpenRouter keeps a connection open
# YAML's line ends besides \n; they survive only if they are escaped.
LINE_ENDS: Final = re.compile("[\r\x85\u2028\u2029\ufeff]")
# libyaml's, which takes a tenth of the time, where PyYAML was built with it.
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MATCH_ON: Final = ("method", "host", "path", "canonical_body")


class _Dumper(yaml.SafeDumper):
    """Write a text of several lines as a block, and repeat a value instead of referring to it."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True

    def text(self, text: str) -> yaml.Node:
        style = '"' if LINE_ENDS.search(text) else "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.text)


def configure(recorder: VCR) -> None:
    """Register this format and this comparison of bodies with vcrpy."""
    recorder.register_serializer("yaml", SimpleNamespace(serialize=serialize, deserialize=deserialize))
    recorder.register_matcher(canonical_body.__name__, canonical_body)


def serialize(cassette: dict[str, Any]) -> str:
    """Return vcrpy's interactions as the text of a cassette, scrubbed, with every URL at the vendor's own host.

    If the interactions have no `origin`, it is read from the responses.
    """
    interactions: list[dict[str, Any]] = cassette["interactions"]
    entries = [{"request": _request_entry(made), "response": _response_entry(made)} for made in interactions]
    content = {"origin": cassette.get("origin") or _origin(interactions), "interactions": scrub(entries)}
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def deserialize(text: str) -> dict[str, Any]:
    """Return the text of a cassette as vcrpy's interactions."""
    return {"interactions": [_interaction(entry) for entry in _load(text)["interactions"]]}


def read_origin(cassette: Path) -> dict[str, Any]:
    """Return the origin that a cassette states."""
    return dict(_load(cassette.read_text("utf-8"))["origin"])


def _load(text: str) -> dict[str, Any]:
    return dict(yaml.load(text, LOADER))  # noqa: S506 - both are safe loaders


def canonical_body(sent: Request, recorded: Request) -> None:
    """Raise AssertionError, with the difference, unless both bodies are the same JSON in any order of keys."""
    sent_body, recorded_body = canonical(sent.body), canonical(recorded.body)
    if sent_body != recorded_body:
        texts = recorded_body.splitlines(), sent_body.splitlines()
        lines = difflib.unified_diff(*texts, "recorded", "asked", n=2, lineterm="")
        raise AssertionError("the request's body is not the recorded one\n" + "\n".join(lines))


def canonical(body: bytes) -> str:
    """Return a JSON body with its keys in order, and any other body unchanged."""
    try:
        return json.dumps(json.loads(body), sort_keys=True, indent=2, ensure_ascii=False)
    except ValueError:
        return body.decode("utf-8", "replace")


def _origin(interactions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return who answered, by the responses; the stand-in signs its own."""
    servers, scenarios = set(), set()
    for interaction in interactions:
        signature = allowed_headers(interaction["response"]["headers"], (STAND_IN_HEADER,))
        scenarios |= set(signature.values())
        servers.add(STAND_IN if signature else urlsplit(interaction["request"]["uri"]).netloc)
    scenario = {"scenario": " and ".join(sorted(scenarios))} if scenarios else {}
    return {"server": " and ".join(sorted(servers)), **scenario, "recorded": datetime.now(UTC).date()}


def _request_entry(interaction: dict[str, Any]) -> dict[str, Any]:
    request = interaction["request"]
    return {
        "method": request["method"],
        "uri": at_vendor(request["uri"]),
        "headers": allowed_headers(request["headers"], REQUEST_HEADERS),
        **_body_entry(request["body"] or ""),
    }


def _response_entry(interaction: dict[str, Any]) -> dict[str, Any]:
    response = interaction["response"]
    headers = allowed_headers(response["headers"], RESPONSE_HEADERS)
    entry = {"status": response["status"]["code"], "headers": headers}
    body = response["body"]["string"]
    if isinstance(body, bytes) or headers.get("content-type", "").startswith(AUDIO):
        audio = body.encode() if isinstance(body, str) else body
        return {**entry, "base64": base64.b64encode(audio).decode()}
    if headers.get("content-type", "").startswith(EVENT_STREAM) and body.endswith(END_OF_EVENT):
        return {
            **entry,
            "events": [_event_entry(event) for event in body.removesuffix(END_OF_EVENT).split(END_OF_EVENT)],
        }
    content = body.lstrip(" \t\r\n")
    return {**entry, "padding": _padding_entry(body[: len(body) - len(content)]), **_body_entry(content)}


def _event_entry(event: str) -> dict[str, Any] | str:
    """Return an event with its JSON parsed as `body`; a comment or any other event is unchanged."""
    found = EVENT.fullmatch(event)
    entry = _body_entry(found["data"]) if found else {}
    if not found or "body" not in entry:
        return event
    return {"event": found["name"], **entry} if found["name"] else entry


def _event(entry: dict[str, Any] | str) -> str:
    """Return an event as it is sent."""
    if isinstance(entry, str):
        return entry
    name = f"event: {entry['event']}\n" if "event" in entry else ""
    return f"{name}data: {_body(entry)}"


def _padding_entry(space: str) -> int | str:
    """Return the number of units of OpenRouter's padding, or other white space unchanged."""
    units, rest = divmod(len(space), len(PADDING))
    return units if not rest and space == PADDING * units else space


def _body_entry(text: str) -> dict[str, Any]:
    """Return a JSON object or array parsed, as `body`, and any other text as `text`."""
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    return {"body": parsed} if isinstance(parsed, dict | list) else {"text": text}


def _interaction(entry: dict[str, Any]) -> dict[str, Any]:
    request, response = entry["request"], entry["response"]
    return {
        "request": {
            "method": request["method"],
            "uri": request["uri"],
            "headers": {name: [value] for name, value in request["headers"].items()},
            "body": _body(request),
        },
        "response": {
            "status": {"code": response["status"], "message": ""},
            "headers": {name: [value] for name, value in response["headers"].items()},
            "body": {"string": _response_body(response)},
        },
    }


def _response_body(entry: dict[str, Any]) -> str | bytes:
    if "base64" in entry:
        return base64.b64decode(entry["base64"])
    if "events" in entry:
        return "".join(f"{_event(event)}{END_OF_EVENT}" for event in entry["events"])
    padding = entry["padding"]
    return f"{PADDING * padding if isinstance(padding, int) else padding}{_body(entry)}"


def _body(entry: dict[str, Any]) -> str:
    if "text" in entry:
        return str(entry["text"])
    return json.dumps(entry["body"], ensure_ascii=False, separators=(",", ":"))
