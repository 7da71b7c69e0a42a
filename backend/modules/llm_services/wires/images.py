"""Images (https://platform.openai.com/docs/api-reference/images/create)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from ..types import ImageResponse, Usage
from .errors import openai_error
from .lenient import count, items, mapping, moment, text
from .wire import Answer, Options, Wire, with_extra_body

if TYPE_CHECKING:
    from .wire import Exchange, LLMCall, ParsedError

NO_URL: Final = "the image came without a URL, as those of gpt-image do: set IMAGE_MODEL to a model that has one"


class ImageOptions(Options):
    """Options of images (https://platform.openai.com/docs/api-reference/images/create)."""

    sent: ClassVar[frozenset[str]] = frozenset({"size", "quality", "style", "user"})

    size: str | None = None
    quality: str | None = None
    style: str | None = None
    user: str | None = None


class ImagesWire(Wire):
    """Images, by the URL that OpenAI keeps them at for an hour."""

    api_variant = "images"
    options = ImageOptions

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /images/generations; dall-e-2 has neither qualities nor styles."""
        options = cast("ImageOptions", call.options)
        body = options.body()
        if call.model == "dall-e-2":
            body = {name: value for name, value in body.items() if name not in {"quality", "style"}}
        fixed = {"model": call.model, "prompt": call.prompt, "n": 1, "response_format": "url"}
        return with_extra_body(fixed | body, options.extra_body)

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Read the image's URL."""
        del call
        body = mapping(exchange.body)
        image = mapping(next(iter(items(body.get("data"))), None))
        url = text(image.get("url"))
        revised = text(image.get("revised_prompt"))
        return Answer(
            content=url or "",
            usage=_usage(mapping(body.get("usage"))),
            created_at=moment(body.get("created")),
            details={"vendor_request_id": exchange.headers.get("x-request-id")},
            is_found=bool(image),
            malformed=None if url else NO_URL,
            media=ImageResponse(image_url=url, revised_prompt=revised, size=text(body.get("size"))) if url else None,
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body."""
        del call
        return openai_error(exchange)


def _usage(usage: dict[str, Any]) -> Usage:
    """Read the tokens of the newer models; dall-e is billed by the image, and says nothing."""
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        total_tokens=count(usage.get("total_tokens")),
    )
