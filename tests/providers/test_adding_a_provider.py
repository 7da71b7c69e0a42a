"""docs/adding-a-provider.md, followed literally: its changes are made to a copy of the code, which is then called."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services.config import VARIABLE_NAMES
from support.processes import NEEDED, run_python
from support.server import serving

if TYPE_CHECKING:
    from support.server import Visit

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/adding-a-provider.md"
BLOCK = re.compile(r"```(?P<kind>diff|py)\n(?P<text>.*?)```", re.DOTALL)
PROGRAM = """
import asyncio, json, sys
from modules.llm_services import LLMError, LLMMessage, llm_services_provider

llm = llm_services_provider()

async def main():
    messages = [LLMMessage(role="user", content="hello")]
    try:
        response, request_id = await llm.generate_response(messages, **json.loads(sys.argv[1]))
    except (LLMError, ValueError) as error:
        code = getattr(error, "error_code", None)
        return print(json.dumps({"error": type(error).__name__, "code": code, "message": str(error)}))
    row = llm.get_request(request_id)
    print(json.dumps({"content": response.content, "model": row.model, "api_variant": row.api_variant,
                      "provider": row.provider, "cost": row.cost_estimate, "tokens": row.input_tokens}))

asyncio.run(main())
"""


def copy_with(section: str, folder: Path) -> Path:
    """Copy the backend into `folder`, make the changes of one section of the page, and return the copy's path."""
    shutil.copytree(ROOT / "backend/modules", folder / "backend/modules", ignore=shutil.ignore_patterns("__pycache__"))
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    for block in BLOCK.finditer(text):
        apply(folder, block["kind"], block["text"])
    return folder / "backend"


def apply(folder: Path, kind: str, block: str) -> None:
    """Make one change: write the file that a code block names, or apply a diff where its context matches."""
    if kind == "py":
        path, _, text = block.partition("\n")
        (folder / path.removeprefix("# ")).write_text(text, encoding="utf-8")
        return
    header, _, hunk = block.partition("@@\n")
    file = folder / header.splitlines()[1].removeprefix("+++ b/")
    before = "\n".join(line[1:] for line in hunk.splitlines() if not line.startswith("+"))
    after = "\n".join(line[1:] for line in hunk.splitlines())
    source = file.read_text(encoding="utf-8")
    assert 1 == source.count(before), f"{file.name} does not have these lines once:\n{before}"
    file.write_text(source.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Add the vendor with the Chat Completions API."""
    return copy_with("A provider with a known API", tmp_path_factory.mktemp("acme"))


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Add the vendor with its own wire."""
    return copy_with("A provider with its own API", tmp_path_factory.mktemp("parrot"))


async def call(backend: Path, base_url: str, **params: Any) -> dict[str, Any]:
    """Call the copy in a separate process, with only LLM_PROVIDER, key and address configured."""
    vendor = backend.parent.name.rstrip("0123456789")
    variables = {
        "LLM_PROVIDER": vendor,
        f"{vendor.upper()}_API_KEY": "made-up",
        f"{vendor.upper()}_BASE_URL": base_url,
    }
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLE_NAMES}
    database = {"DATABASE_URL": f"sqlite:///{backend.parent / 'llm.db'}", "MAX_RETRIES": "1"}
    environment = {**inherited, **database, **variables, "PYTHONPATH": str(backend)}
    program = ["-c", PROGRAM, json.dumps(params)]
    done = await asyncio.to_thread(run_python, program, environment, backend.parent, imported=NEEDED)
    assert "" == done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


COMPLETION = {
    "id": "1",
    "model": "acme-large-2026",
    "choices": [{"message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


async def test_a_vendor_that_speaks_a_known_wire_is_called_by_its_own_default_model(acme: Path) -> None:
    """With LLM_PROVIDER alone, Acme's default model is called through Chat Completions, and recorded as Acme's."""
    async with serving(lambda visit: visit.answer(COMPLETION)) as server:
        answer = await call(acme, server.base_url)
    assert "acme-large" == server.visits[0].payload["model"]
    assert {
        "content": "Hello!",
        "model": "acme-large",
        "provider": "acme",
        "api_variant": "chat_completions",
        "tokens": 3,
        "cost": 0.0,
    } == answer


async def test_its_models_are_routed_by_name(acme: Path) -> None:
    """A model in the row's list is routed to Acme."""
    async with serving(lambda visit: visit.answer(COMPLETION)) as server:
        answer = await call(acme, server.base_url, model="acme-small")
    assert ("acme-small", "acme") == (server.visits[0].payload["model"], answer["provider"])


async def test_a_vendor_with_a_wire_of_its_own_is_recorded_whole(parrot: Path) -> None:
    """Parrot's answer, tokens and cost are on a row, and Parrot's own option is sent."""
    reply = {"reply": "hello!", "used": {"in": 3, "out": 2}, "usd": 0.1}
    async with serving(lambda visit: visit.answer(reply)) as server:
        answer = await call(parrot, server.base_url, volume=11)
    assert {"bird": "grey-parrot", "lines": ["user: hello"], "volume": 11} == server.visits[0].payload
    assert {
        "content": "hello!",
        "model": "grey-parrot",
        "provider": "parrot",
        "api_variant": "talk",
        "tokens": 3,
        "cost": 0.1,
    } == answer


async def test_a_failure_that_may_pass_is_retried_for_every_vendor(parrot: Path) -> None:
    """A transient failure is retried, and the second attempt answers."""

    def reply(visit: Visit) -> None:
        visits.append(visit)
        if len(visits) == 1:
            visit.answer({"squawk": {"text": "Tired.", "code": "tired"}}, 429, retry_after="0")
        else:
            visit.answer({"reply": "hello!"})

    visits: list[Visit] = []
    async with serving(reply) as server:
        answer = await call(parrot, server.base_url)
    assert ("hello!", 2) == (answer["content"], len(visits))


@pytest.mark.parametrize(
    ("status", "error"), [(400, "LLMValidationError"), (401, "LLMAuthenticationError"), (403, "LLMProviderError")]
)
async def test_an_error_is_the_one_that_the_interface_names(parrot: Path, status: int, error: str) -> None:
    """An error of Parrot is raised as the class for its status, with Parrot's code and message."""
    async with serving(lambda visit: visit.answer({"squawk": {"text": "No!", "code": "no"}}, status)) as server:
        answer = await call(parrot, server.base_url)
    assert (error, "no") == (answer["error"], answer["code"])
    assert "Parrot" in answer["message"]
    assert "No!" in answer["message"]


async def test_a_wrong_option_is_refused_before_anything_is_sent(parrot: Path) -> None:
    """A known option of the wrong type raises a ValueError that names it."""
    async with serving(lambda visit: visit.answer({"reply": "hello!"})) as server:
        answer = await call(parrot, server.base_url, volume="loud")
    assert (("ValueError", True), []) == ((answer["error"], "volume" in answer["message"]), server.visits)
