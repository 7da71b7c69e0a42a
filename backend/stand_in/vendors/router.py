"""Which vendor's wire a request is on, and in which scene: both stand in its path."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..kinds import Answer, Fault
from ..schema import BadSchemaError
from . import anthropic, gemini, openai, scenes, sigv4
from .scenes import Ask, RefusedError, Said, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Received

    Header = Callable[[str], str]
    Error = tuple[int, dict[str, Any], dict[str, str]]

GET, POST = "GET", "POST"
OK = 200
FAULTS = {"cut-body": Fault.HALF_A_CHUNK, "hang": Fault.SILENCE}
PAGE = b"<!doctype html><title>Please wait</title><p>The stand-in plays a proxy that answers for somebody else.</p>\n"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A wire: where its key is, how a request reads, how an answer and an error look."""

    key: Callable[[Header], str]
    read: Callable[[str, dict[str, Any]], Ask]
    answer: Callable[[str, Ask, Said], dict[str, Any] | bytes]
    error: Callable[[str, str], Error]


VENDORS = {
    "openai": Vendor(openai.key, openai.read, openai.answer, openai.error),
    "azure": Vendor(openai.azure_key, openai.read, openai.answer, openai.error),
    "anthropic": Vendor(anthropic.key, anthropic.read, anthropic.answer, anthropic.error),
    "bedrock": Vendor(
        lambda header: header("authorization"), anthropic.read_bedrock, anthropic.answer, anthropic.bedrock_error
    ),
    "gemini": Vendor(gemini.key, gemini.read, gemini.answer, gemini.error),
}


def is_vendors(received: Received) -> bool:
    """Say whether a request is on one of these wires."""
    return received.target.strip("/").partition("/")[0] in VENDORS


def answered(received: Received, seen: set[tuple[str, str]]) -> Answer:
    """Answer a request; `seen` holds those that have failed once."""
    path, _, query = received.target.partition("?")
    if (received.method, path) == (GET, openai.IMAGE_PATH):
        return Answer(OK, _headers("image/png", "", {}), openai.IMAGE)
    name, *steps = path.strip("/").split("/")
    vendor, scene = VENDORS[name], steps[0] if steps and steps[0] in scenes.DOES else ""
    visit = (path, received.body.decode("utf-8", "replace"))
    if scene.endswith(scenes.ONCE):
        scene = "" if visit in seen else scene.removesuffix(scenes.ONCE)
        seen.add(visit)
    try:
        _check_door(name, vendor, received, path, query)
        ask = replace(vendor.read(path, _json(received.body)), host=received.header("host"))
        body = vendor.answer(path, ask, _said(ask, scene))
    except RefusedError as refused:
        status, told, headers = vendor.error(refused.name, refused.words)
        return Answer(status, _headers("application/json", scene, headers), json.dumps(told).encode())
    if scene == "html-200":
        return Answer(OK, _headers("text/html; charset=utf-8", scene, {}), PAGE)
    kind, data = ("audio/mpeg", body) if isinstance(body, bytes) else ("application/json", json.dumps(body).encode())
    return Answer(OK, _headers(kind, scene, {}), data, fault=FAULTS.get(scene))


def _check_door(name: str, vendor: Vendor, received: Received, path: str, query: str) -> None:
    key = vendor.key(received.header)
    if received.method != POST:
        raise RefusedError("unknown-model", f"{received.method} {path}")
    if not key or "invalid" in key or "key=" in query:
        raise RefusedError("unauthorized")
    if name == "bedrock" and not sigv4.is_signed(path, received.header, received.body):
        raise RefusedError("unauthorized", "The request signature we calculated does not match the one you provided.")


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise RefusedError("bad-request", "We could not parse the JSON body of your request.") from error
    if not isinstance(found, dict):
        raise RefusedError("bad-request", "The body is no JSON object.")
    return found


def _said(ask: Ask, scene: str) -> Said:
    if scene in scenes.ERRORS:
        raise RefusedError(scene)
    try:
        return said(ask, scene)
    except (BadSchemaError, RecursionError) as error:
        raise RefusedError("bad-request", "Invalid schema.") from error


def _headers(kind: str, scene: str, more: dict[str, str]) -> list[tuple[str, str]]:
    named = {"Content-Type": kind, "Connection": "keep-alive", "x-stand-in": scene or "answer", **more}
    return list(named.items())
