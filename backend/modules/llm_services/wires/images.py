"""Images (https://platform.openai.com/docs/api-reference/images/create).

Requests and the stand-in's answers are checked against the types of OpenAI's own package; there are no recordings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from ..types import ImageResponse
from .errors import openai_error
from .lenient import items, mapping, moment, openai_usage, text
from .wire import Answer, Options, Wire, with_extra_body

if TYPE_CHECKING:
    from .wire import Exchange, LLMCall, ParsedError

# The models retired on 2026-05-12; every other name is treated as a GPT image model.
OLD_MODELS: Final = ("dall-e-2", "dall-e-3")
NOT_OF_DALL_E_2: Final = frozenset({"quality", "style"})
# The GPT image models' values for the old models' qualities and sizes.
QUALITIES: Final = {"standard": "medium", "hd": "high"}
SMALL_SIZES: Final = {"256x256": "1024x1024", "512x512": "1024x1024"}
# From gpt-image-2 on, any size in multiples of 16 is accepted.
FIXED_SIZES: Final = {"1792x1024": "1536x1024", "1024x1792": "1024x1536"}
MODELS_OF_FIXED_SIZES: Final = ("gpt-image-1", "chatgpt-image")
DEFAULT_FORMAT: Final = "png"
MEDIA_TYPES: Final = {"svg": "svg+xml", "jpg": "jpeg"}  # formats with a different name in the media type


class ImageOptions(Options):
    """Options for images (https://platform.openai.com/docs/api-reference/images/create)."""

    sent: ClassVar[frozenset[str]] = frozenset(
        {"size", "quality", "style", "user", "background", "moderation", "output_format", "output_compression"}
    )

    size: str | None = None
    quality: str | None = None
    style: str | None = None
    user: str | None = None
    background: str | None = None
    moderation: str | None = None
    output_format: str | None = None
    output_compression: int | None = None


class ImagesWire(Wire):
    """Images: today's models send base64, and old models a URL that is valid for an hour."""

    api_variant = "images"
    options = ImageOptions

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /images/generations, with the parameters of the model's generation."""
        options = cast("ImageOptions", call.options)
        form = _of_dall_e if call.model.startswith(OLD_MODELS) else _of_gpt_image
        payload = {"model": call.model, "prompt": call.prompt, "n": 1, **form(call.model, options.body())}
        return with_extra_body(payload, options.extra_body, frozenset({"n"}))

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse the images; the first one is the result."""
        body = mapping(exchange.body)
        images = [mapping(image) for image in items(body.get("data"))]
        kind = text(body.get("output_format")) or text(call.params.get("output_format")) or DEFAULT_FORMAT
        urls = tuple(filter(None, (_url(image, kind) for image in images))) or _urls_of_bytes(exchange)
        revised = text(images[0].get("revised_prompt")) if images else None
        media = ImageResponse(image_url=urls[0], revised_prompt=revised, size=text(body.get("size"))) if urls else None
        is_address = bool(urls) and not urls[0].startswith("data:")
        return Answer(
            content=urls[0] if is_address else "",
            usage=openai_usage(body, "input", "output"),  # dall-e is billed by the image, and reports none
            created_at=moment(body.get("created")),
            details={"vendor_request_id": exchange.headers.get("x-request-id")},
            is_found=bool(urls),
            malformed="the image came without its data, and is not requested again" if images and not urls else None,
            images=urls,
            media=media,
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body."""
        del call
        return openai_error(exchange)


def _of_dall_e(model: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options for an old model, with a URL as the result; dall-e-2 has neither qualities nor styles."""
    left_out = NOT_OF_DALL_E_2 if model.startswith("dall-e-2") else frozenset[str]()
    return {"response_format": "url", **{name: value for name, value in options.items() if name not in left_out}}


def _of_gpt_image(model: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options for a GPT image model, which has its own qualities, no styles, and one response format."""
    fixed = FIXED_SIZES if model.startswith(MODELS_OF_FIXED_SIZES) else {}
    sizes = {**SMALL_SIZES, **fixed}
    names = {"quality": QUALITIES, "size": sizes}
    return {name: names.get(name, {}).get(value, value) for name, value in options.items() if name != "style"}


def _urls_of_bytes(exchange: Exchange) -> tuple[str, ...]:
    """Return a `data:` URL for a body that is the image itself, as some gateways send it: it was paid for."""
    kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_image = exchange.is_success and kind.startswith("image/") and bool(exchange.body)
    return (f"data:{kind};base64,{exchange.body}",) if is_image else ()


def _url(image: dict[str, Any], kind: str) -> str | None:
    """Return an image's URL; a `data:` URL for base64."""
    data = text(image.get("b64_json"))
    return text(image.get("url")) or (f"data:image/{MEDIA_TYPES.get(kind, kind)};base64,{data}" if data else None)
