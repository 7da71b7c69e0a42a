"""Content parts of messages: the parts of other APIs in the form of Chat Completions, and data from `data:` URLs."""

from __future__ import annotations

import base64
import mimetypes
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from .lenient import mapping, present, text

Part = dict[str, Any]

DATA_URL: Final = re.compile(r"data:(?P<type>[^;,]*)(?P<parameters>[^,]*),(?P<data>.*)", re.DOTALL | re.IGNORECASE)
# How the base64 of an image begins.
IMAGE_BEGINNINGS: Final = {"iVBORw0KGgo": "png", "/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp"}


def translated(part: Part) -> Part:
    """Return a part as Chat Completions has it, with the keys that have no translation; unknown parts unchanged.

    An image that is stored at the vendor stays an `input_image` with its `file_id`. Raises ValueError, which names the
    type, for a part without its content.
    """
    kind = text(part.get("type"))
    match kind:
        case None:
            raise ValueError("messages contain a content part without a type")
        case "text" | "input_text" | "output_text":
            return {**part, "type": "text", "text": _text_of(part, "text")}
        case "refusal":
            return _moved(part, "text", _text_of(part, "refusal"), ("refusal",))
        case "input_image" | "image_url":
            return _image(part)
        case "input_file" | "file":
            return _file(part)
        case "input_audio":
            return _sound(part)
        case "input_video" | "video_url":
            return _moved(part, "video_url", _addressed(part, "video_url"), ())
        case _:
            return part


def inline(address: str) -> tuple[str, str] | None:
    """Return the media type and the base64 of a `data:` URL; None for another address."""
    found = DATA_URL.fullmatch(address)
    if found is None:
        return None
    data = found["data"]
    if not found["parameters"].lower().endswith(";base64"):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return found["type"].lower() or "text/plain", data


def _text_of(part: Part, name: str) -> str:
    given = part.get(name)
    if given is not None and not isinstance(given, str):
        raise ValueError(f"messages contain a part of type {part['type']} whose text is no string: {given!r:.100}")
    return given or ""


def _image(part: Part) -> Part:
    if part.get("file_id") and not part.get("image_url"):
        return present({**part, "type": "input_image"})
    image = _addressed(part, "image_url", "file_id")
    address = str(image["url"])
    kind = next((kind for beginning, kind in IMAGE_BEGINNINGS.items() if address.startswith(beginning)), None)
    image = image | ({"url": f"data:image/{kind};base64,{address}"} if kind else {})
    return _moved(part, "image_url", image | present({"detail": part.get("detail")}), ("detail", "file_id"))


def _addressed(part: Part, name: str, *others: str) -> Part:
    """Return the object with the URL, which may also be the URL itself."""
    given = part.get(name)
    addressed = {"url": given} if isinstance(given, str) else mapping(given)
    if not text(addressed.get("url")):
        raise ValueError(f"messages contain a part of type {part['type']} without {' or '.join((name, *others))}")
    return addressed


def _file(part: Part) -> Part:
    inner = mapping(part.get("file")) if part["type"] == "file" else part
    data = inner.get("file_data") or inner.get("file_url")
    if not (data or inner.get("file_id")):
        raise ValueError(f"messages contain a part of type {part['type']} without file_data or file_url or file_id")
    if part["type"] == "file":
        rest = {name: value for name, value in inner.items() if name != "file_url"}
        return {**part, "file": _with_data_url(rest | ({"file_data": data} if data else {}))}
    named = {"filename": part.get("filename") or ("file" if data else None), "file_data": data}
    file = {name: value for name, value in {"file_id": part.get("file_id"), **named}.items() if value}
    return _moved(part, "file", _with_data_url(file), ("filename", "file_data", "file_url", "file_id"))


def _with_data_url(file: Part) -> Part:
    """Return a file with its data as an address; the type of bare base64 is that of the file's name."""
    data = text(file.get("file_data"))
    if not data or data.startswith("data:") or "://" in data:
        return file
    kind = mimetypes.guess_type(str(file.get("filename")))[0] or "application/pdf"
    return {**file, "file_data": f"data:{kind};base64,{data}"}


def _sound(part: Part) -> Part:
    """Return sound as base64 with its format, which a `data:` URL may have."""
    sound = mapping(part.get("input_audio")) or {name: part.get(name) for name in ("data", "format")}
    given = text(sound.get("data"))
    if given is None:
        raise ValueError(f"messages contain a part of type {part['type']} without data")
    if inlined := inline(given):
        kind, data = inlined
        sound = {**sound, "data": data, "format": sound.get("format") or kind.partition("/")[2].removeprefix("x-")}
    return _moved(part, "input_audio", sound, ("data", "format"))


def _moved(part: Part, kind: str, inner: Any, used: tuple[str, ...]) -> Part:  # noqa: ANN401 - JSON
    """Return a part as Chat Completions has it; keys without a translation are kept."""
    kept = {name: value for name, value in part.items() if name not in used and value is not None}
    return {**kept, "type": kind, kind: inner}
