"""What only one vendor has: refused parameters, addresses, credentials, error messages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.loaders import Loader

from modules.llm_services import LLMAuthenticationError, LLMError, LLMMessage
from modules.llm_services.config import LLMConfig
from modules.llm_services.providers.bedrock import BedrockProvider
from modules.llm_services.providers.factory import create_llm_provider, provider_class
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS
from providers.conftest import QUESTION
from providers.test_every_vendor import WEATHER, City
from stand_in.vendors.bedrock import AWS_SECRET, Bedrock
from support.doors import DOORS
from support.processes import NEEDED, bare_environment, run_python

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from providers.conftest import At


BACKEND = Path(__file__).resolve().parents[2] / "backend"


def only(*providers: LLMProviderType) -> pytest.MarkDecorator:
    """Run a test for these vendors only."""
    return pytest.mark.parametrize("at", providers, indirect=True)


async def sent(at: At, model: str, **options: Any) -> dict[str, Any]:
    """Return the request of a call."""
    await at.llm.generate_response(QUESTION, model=model, **options)
    payload: dict[str, Any] = at.rows()[-1]["request_payload"]
    return payload


@only(LLMProviderType.OPENAI)
async def test_a_reasoning_model_gets_no_sampling(at: At) -> None:
    """GPT-5 gets reasoning and verbosity but no temperature, GPT-4o the reverse; the column keeps the temperature."""
    given = {"reasoning": {"effort": "minimal"}, "verbosity": "low", "top_p": 0.5}
    five = await sent(at, "gpt-5-mini", temperature=0.2, **given)
    four = await sent(at, "gpt-4o", temperature=0.2, **given)
    assert ({"effort": "minimal"}, {"verbosity": "low"}) == (five["reasoning"], five["text"])
    assert not {"temperature", "top_p"} & five.keys()
    assert (0.2, 0.5) == (four["temperature"], four["top_p"])
    assert not {"reasoning", "text"} & four.keys()
    assert [0.2, 0.2] == [row["temperature"] for row in at.rows()]


@only(LLMProviderType.OPENAI)
@pytest.mark.parametrize(
    ("model", "form"), [("gpt-4o", "json_schema"), ("gpt-4-turbo", "json_object"), ("gpt-4", None)]
)
async def test_json_as_a_model_can(at: At, model: str, form: str | None) -> None:
    """Structured answers use a schema if the model accepts one, otherwise JSON mode, otherwise the prompt."""
    try:
        await at.llm.generate_structured_response(QUESTION, City, model=model)
    except LLMError:
        assert form != "json_schema"  # the stand-in does not find the schema in the prompt
    payload = at.rows()[0]["request_payload"]
    assert form == payload.get("text", {}).get("format", {}).get("type")
    assert (form != "json_schema") == ("JSON Schema" in str(payload["input"]))


@only(LLMProviderType.OPENAI)
async def test_what_was_thought_goes_back(at: At) -> None:
    """The reasoning of a tool call is sent back unchanged with the tool's result."""
    await at.llm.generate_response_with_tools(QUESTION, [WEATHER], model="gpt-5-mini", reasoning={"effort": "low"})
    result = LLMMessage(role="tool", name="weather", content="clear")
    await at.llm.generate_response_with_tools([*QUESTION, result], [WEATHER], model="gpt-5-mini", store=False)
    first, second = at.rows()
    assert first["response_raw"]["body"]["output"] == second["request_payload"]["input"][1:3]
    assert ["reasoning.encrypted_content"] == second["request_payload"]["include"]


@only(LLMProviderType.AZURE_OPENAI)
async def test_an_openai_model_at_azure(at: At) -> None:
    """An OpenAI model goes to Azure if OpenAI has no key, and the row says who served it."""
    await at.llm.generate_response(QUESTION, model="gpt-5-mini")
    assert ("azure_openai", "responses") == (at.row()["provider"], at.row()["api_variant"])


@only(LLMProviderType.ANTHROPIC)
async def test_claudes_cap_and_thinking(at: At) -> None:
    """The API requires a limit: the caller's or the model's; thinking is added to it, and excludes a temperature."""
    plain = await sent(at, "claude-haiku-4-5")
    capped = await sent(at, "claude-3-haiku-20240307", max_output_tokens=99)
    old = await sent(at, "claude-3-haiku-20240307", reasoning={"effort": "high"})
    thinking = await sent(at, "claude-haiku-4-5", reasoning={"effort": "high"}, max_output_tokens=100)
    assert (16_000, 99, 4096) == (plain["max_tokens"], capped["max_tokens"], old["max_tokens"])
    assert "thinking" not in old
    assert (10_100, {"type": "enabled", "budget_tokens": 10_000}) == (thinking["max_tokens"], thinking["thinking"])
    assert "temperature" not in thinking


@only(LLMProviderType.ANTHROPIC, LLMProviderType.BEDROCK)
async def test_no_thinking_where_a_thought_is_missing(at: At) -> None:
    """Claude thinks after its own tool call, but not after one that was made up from a tool's name."""
    reasoning = {"effort": "low"}
    question = [LLMMessage(role="user", content=f"Is it clear at {at.door.provider}?")]
    loop = [*question, LLMMessage(role="tool", name="weather", content="clear")]
    for messages in (loop, question, loop):
        await at.llm.generate_response_with_tools(messages, [WEATHER], model=at.door.model, reasoning=reasoning)
    made_up, _asking, own = (row["request_payload"] for row in at.rows())
    assert (False, True) == ("thinking" in made_up, "thinking" in own)


@only(LLMProviderType.ANTHROPIC)
async def test_a_prompt_to_cache(at: At) -> None:
    """`cache_control` marks the last block of the prompt that Anthropic caches."""
    payload = await sent(at, "claude-haiku-4-5", cache_control={"type": "ephemeral"})
    assert {"type": "ephemeral"} == payload["messages"][-1]["content"][-1]["cache_control"]


@only(LLMProviderType.GEMINI)
async def test_geminis_thinking(at: At) -> None:
    """Effort becomes a token budget; the largest model always thinks, others not for `minimal`, image models never."""
    budgets = [
        (await sent(at, model, reasoning={"effort": "minimal"}))["generationConfig"].get("thinkingConfig")
        for model in ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.5-flash-image")
    ]
    assert [{"thinkingBudget": 0}, {"thinkingBudget": 128}, None] == budgets


@only(LLMProviderType.GEMINI)
async def test_googles_key_stays_out_of_the_url(at: At) -> None:
    """The key is in a header; the stand-in refuses it in a URL, and the row's payload does not have it."""
    assert "stand" not in str(await sent(at, "gemini-2.5-flash"))


@only(LLMProviderType.BEDROCK)
async def test_amazons_profile(at: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials may come from a profile in the AWS files; a missing profile is named."""
    file = tmp_path / "credentials"
    file.write_text(f"[stand-in]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {AWS_SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    await at.scene("", AWS_PROFILE="stand-in", **without).llm.generate_response(QUESTION, model=at.door.model)
    with pytest.raises(LLMAuthenticationError, match="nobody"):
        await at.scene("", AWS_PROFILE="nobody", **without).llm.generate_response(QUESTION, model=at.door.model)
    assert ["completed", "failed"] == [row["status"] for row in at.rows()]


@only(LLMProviderType.BEDROCK)
async def test_what_amazon_signs(at: At) -> None:
    """A request whose path, body or signature has changed on the way is refused."""
    await at.llm.generate_response(QUESTION, model=at.door.model)
    with pytest.raises(LLMError, match="refused the API key"):
        await at.scene("", AWS_SECRET_ACCESS_KEY="another").llm.generate_response(QUESTION, model=at.door.model)


def test_amazons_errors() -> None:
    """The stand-in's Bedrock errors have the names and statuses in Amazon's description of InvokeModel."""
    model = Loader().load_service_model("bedrock-runtime", "service-2")
    shapes = [error["shape"] for error in model["operations"]["InvokeModel"]["errors"]]
    described = {shape: model["shapes"][shape]["error"]["httpStatusCode"] for shape in shapes}
    sent = {error.kind: error.status for error in Bedrock.errors.values()}
    # Amazon refuses a key before the service is asked, so that its description does not name that error.
    assert {"UnrecognizedClientException"} == sent.keys() - described.keys()
    assert all(sent[name] == described[name] for name in sent.keys() & described.keys())


@pytest.mark.parametrize("provider", list(LLMProviderType))
def test_a_provider_without_a_key(provider: LLMProviderType, session: Session) -> None:
    """The factory raises a RuntimeError that names the variables; the class itself an LLMAuthenticationError."""
    config = LLMConfig(provider=provider)
    with pytest.raises(RuntimeError, match=r"is not configured: set [A-Z]"):
        create_llm_provider(config, session)
    with pytest.raises(LLMAuthenticationError, match="https://"):
        provider_class(provider)(config, session)


def test_a_role_is_configuration_enough(session: Session) -> None:
    """With `CLAUDE_PROVIDER=bedrock` alone, the machine's role supplies the credentials."""
    config = LLMConfig(provider=LLMProviderType.BEDROCK, claude_provider="bedrock")
    assert isinstance(create_llm_provider(config, session), BedrockProvider)


LATE = "genai_prices httpx2 botocore aiohttp openai anthropic google.genai fastapi"


@pytest.mark.parametrize("provider", list(LLMProviderType))
def test_nobody_pays_for_what_is_not_used(provider: LLMProviderType, tmp_path: Path) -> None:
    """Importing `public` loads no provider and no price table; making a provider loads only its own files."""
    others = sorted({file_of(other) for other in VENDORS} - {file_of(provider)})
    program = (
        "import sys, modules.llm_services.public\n"
        f"late = {LATE.split()}\n"
        "files = 'modules.llm_services.providers.'\n"
        f"assert not [n for n in sys.modules if n in late or n.startswith(files) and n != files + 'factory']\n"
        "from modules.llm_services.providers.factory import provider_class\n"
        f"provider_class({provider.value!r})\n"
        f"assert not [n for n in sys.modules if n in late or n.removeprefix(files) in {others}]\n"
    )
    done = run_python(["-c", program], bare_environment(PYTHONPATH=str(BACKEND)), tmp_path, imported=NEEDED)
    assert (0, "") == (done.returncode, done.stderr)
    assert DOORS.keys() | {LLMProviderType.OPENROUTER} == VENDORS.keys()


def file_of(provider: LLMProviderType) -> str:
    """Return the module of a provider's class, below `providers`."""
    return VENDORS[provider].provider_class.partition(".")[0]
