#!/usr/bin/env python3
"""Ask a model one question, and show the row that the call left in `llm_requests`.

    ask.py "What is a ledger?"
    ask.py "What is a ledger?" --model openrouter/openai/gpt-4.1-mini
    ask.py "What is a ledger?" --schema      the answer as a validated object

It prints which provider it calls, and for which model. If no provider has a key, the call goes to OpenRouter. Without
OPENROUTER_API_KEY, a stand-in on this machine answers in OpenRouter's place: real HTTP, a real row, no model, no cost.
All other calls go to the provider that serves the model, which may bill them.

variables, from the environment or .env:
    OPENROUTER_API_KEY   the key for OpenRouter; without it, the stand-in answers
    OPENROUTER_BASE_URL  an address to use instead of OpenRouter's
    LLM_PROVIDER         the provider to call if there is no --model
    MAX_RETRIES          attempts beyond the first (3)
    REQUEST_TIMEOUT      seconds for one attempt (180)
    DATABASE_URL         where the row goes (sqlite:///llm_services.db, in the working directory)
and those of the other providers, for their models: backend/modules/llm_services/config.py lists them all.

exit codes:
    0  an answer
    1  the call failed; its row says why
    2  nothing was sent: the command line, a variable or the model's name is wrong, or a package is not installed
    130  interrupted; the row says so
"""

from __future__ import annotations

from command_line import parser, run, show_help, usage, visible

import asyncio
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument("question", help="the question")
    options.add_argument(
        "--model", metavar="openrouter/AUTHOR/MODEL", help="the model to ask; default: the configured one"
    )
    options.add_argument("--schema", action="store_true", help="request JSON with a fixed schema, and validate it")
    return options


if __name__ == "__main__":
    show_help(_options())

from pydantic import BaseModel, Field
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

import stand_in
from modules.infrastructure.public import infrastructure_provider
from modules.llm_services import LLMError, LLMMessage, llm_services_provider
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.types import LLMProviderType, MessageRole
from modules.llm_services.vendors import VENDORS, route

if TYPE_CHECKING:
    import argparse
    from uuid import UUID

    from modules.llm_services import LLMRequest, LLMServicesProvider
    from modules.llm_services.vendors import Vendor

STAND_IN_KEY = "sk-or-stand-in"


class Answer(BaseModel):
    """The type of the object for `--schema`."""

    answer: str = Field(description="the answer, in one or two sentences")
    key_points: list[str] = Field(description="what the answer rests on", min_length=1)
    confidence: float = Field(description="how sure the model is", ge=0, le=1)


def main() -> int:
    """Ask; return 0 for an answer, 1 for a failed call, 2 if nothing could be sent."""
    arguments = _options().parse_args()
    console = Console()
    with usage():
        infrastructure_provider().initialize()
        config = create_llm_config_from_env()
        provider = route(arguments.model, config) if arguments.model else config.provider
    with ExitStack() as cleanup:
        if provider in {None, LLMProviderType.OPENROUTER} and not config.openrouter_api_key:
            _use_stand_in(console, cleanup)
        elif provider and config.is_configured(provider):
            _announce(console, VENDORS[provider], arguments.model or config.default_model(provider))
        with usage():
            return asyncio.run(_ask(llm_services_provider(), console, arguments))


def _use_stand_in(console: Console, cleanup: ExitStack) -> None:
    console.print(
        "[yellow]OPENROUTER_API_KEY is not set:[/] a stand-in on this machine answers instead of OpenRouter.\n"
        "The HTTP and the row are real; the text, the tokens and the cost are made up.\n"
    )
    os.environ["OPENROUTER_BASE_URL"] = cleanup.enter_context(stand_in.running())
    os.environ["OPENROUTER_API_KEY"] = STAND_IN_KEY


def _announce(console: Console, vendor: Vendor, model: str) -> None:
    """Print which provider is called, its address if that is not the vendor's own, and that the call may be billed."""
    address = os.environ.get(vendor.url_variable, "").strip()
    place = f"{vendor.name} at {address}" if address else vendor.name
    console.print(f"calling {escape(visible(place))} for {escape(visible(model))}; it may bill the call\n")


async def _ask(llm: LLMServicesProvider, console: Console, arguments: argparse.Namespace) -> int:
    messages = [LLMMessage(role=MessageRole.USER, content=arguments.question)]
    request_id: UUID | None
    try:
        if arguments.schema:
            answer, request_id, _usage = await llm.generate_structured_response(messages, Answer, model=arguments.model)
            text = answer.model_dump_json(indent=2)
        else:
            response, request_id = await llm.generate_response(messages, model=arguments.model)
            text = response.content
        console.print(Panel(escape(visible(text)), title="answer", title_align="left", border_style="green"))
    except LLMError as error:
        request_id = error.request_id
        console.print(
            Panel(escape(visible(str(error))), title=type(error).__name__, title_align="left", border_style="red")
        )
    request = llm.get_request(request_id) if request_id else None
    if request is None:
        return 1
    console.print(_row(request))
    return 0 if request.status == "completed" else 1


def _row(request: LLMRequest) -> Table:
    """Return the row as a table."""
    raw = request.response_raw or {}
    cost = "unknown" if request.cost_estimate is None else f"{request.cost_estimate:.8f} USD ({raw.get('cost_source')})"
    cached = raw.get("cached_input_tokens") or 0
    cells = {
        "id": request.id,
        "status": request.status,
        "asked for": request.model,
        "served by": " at ".join(filter(None, (raw.get("served_model"), raw.get("upstream_provider")))),
        "tokens": request.tokens_used and f"{request.input_tokens} in ({cached} cached), {request.output_tokens} out",
        "cost": cost,
        "time": f"{request.execution_time_ms} ms",
        "finish reason": raw.get("finish_reason"),
        "generation": request.provider_response_id,
        "error": request.error_type,
    }
    table = Table(title="its row in llm_requests", title_justify="left", show_header=False, border_style="dim")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in cells.items():
        if value:
            table.add_row(name, escape(visible(str(value))))
    return table


if __name__ == "__main__":
    sys.exit(run(main))
