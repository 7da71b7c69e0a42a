"""The model id and the region that Bedrock is called with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.llm_services.config import LLMConfig
from modules.llm_services.exceptions import LLMError
from modules.llm_services.model_names import CLAUDE_MODELS
from modules.llm_services.providers import bedrock
from modules.llm_services.providers.bedrock import model_id, region_of
from modules.llm_services.providers.factory import create_llm_provider
from modules.llm_services.types import LLMProviderType
from providers.conftest import QUESTION
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from providers.conftest import At

only_bedrock = pytest.mark.parametrize("at", [LLMProviderType.BEDROCK], indirect=True)
ARN = "arn:aws:bedrock:us-west-2:444455556666:application-inference-profile/abc123def456"


@pytest.fixture(autouse=True)
def _no_profile_is_remembered() -> Iterator[None]:
    bedrock._profile_region.cache_clear()
    yield
    bedrock._profile_region.cache_clear()


@pytest.mark.parametrize(
    ("region", "geography"),
    [
        ("us-east-1", "us"),
        ("us-west-2", "us"),
        ("us-gov-west-1", "us-gov"),
        ("eu-west-1", "eu"),
        ("eu-central-2", "eu"),
        ("ap-southeast-2", "au"),
        ("ap-southeast-4", "au"),
        ("ap-northeast-1", "jp"),
        ("ap-northeast-3", "jp"),
        ("ap-northeast-2", "global"),
        ("ap-south-1", "global"),
        ("ap-southeast-1", "global"),
        ("sa-east-1", "global"),
        ("me-central-1", "global"),
        ("ca-central-1", "global"),
    ],
)
@pytest.mark.parametrize(
    ("model", "sold_as"),
    [
        ("claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("claude-haiku-4-5-20251001", "anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("claude-opus-4-6-20260205", "anthropic.claude-opus-4-6-v1"),
        ("claude-opus-4-7-20260416", "anthropic.claude-opus-4-7"),
        ("claude-sonnet-4-6", "anthropic.claude-sonnet-4-6"),
        ("claude-haiku-5-5", "anthropic.claude-haiku-5-5"),
        ("claude-of-next-year", "anthropic.claude-of-next-year"),
    ],
)
def test_a_model_answers_through_the_profile_of_its_geography(
    region: str, geography: str, model: str, sold_as: str
) -> None:
    """Claude models since 4.5 are called through the profile of the region's geography, or the global one."""
    assert f"{geography}.{sold_as}" == model_id(model, region)


@pytest.mark.parametrize(
    "given",
    [ARN, "anthropic.claude-x-v1:0", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.nova-lite-v1:0"],
)
def test_an_id_stays_as_it_is(given: str) -> None:
    """Bedrock's own ids and ARNs are not changed, whatever the region."""
    assert given == model_id(given, "ap-southeast-2")


@pytest.mark.parametrize(
    ("model", "region", "offered"),
    [
        ("claude-opus-4-1", "eu-west-1", "us.anthropic.claude-opus-4-1-20250805-v1:0"),
        ("claude-opus-4-1-20250805", "sa-east-1", "us.anthropic.claude-opus-4-1-20250805-v1:0"),
        ("claude-opus-5", "ap-northeast-1", "LLM_MODELS=global.anthropic.claude-opus-5=bedrock"),
    ],
)
def test_a_model_that_a_geography_does_not_sell(model: str, region: str, offered: str) -> None:
    """A model that the geography does not offer raises an error with the existing ids; prompts stay in it."""
    with pytest.raises(ValueError, match=region) as caught:
        model_id(model, region)
    assert offered in str(caught.value)


@pytest.mark.parametrize("model", CLAUDE_MODELS)
def test_every_claude_has_an_id(model: str) -> None:
    """Each routed Claude model has an id at Bedrock."""
    assert "anthropic.claude-" in model_id(model, "us-west-2")


@pytest.mark.parametrize(
    ("given", "environment", "region"),
    [
        ({"aws_region": "us-east-1", "aws_profile": "work"}, {}, "us-east-1"),
        ({"aws_profile": "work"}, {}, "eu-central-1"),
        ({"aws_profile": "silent"}, {}, "us-west-2"),
        ({"aws_profile": "nobody"}, {}, "us-west-2"),
        ({}, {}, "ap-southeast-2"),
        ({}, {"AWS_CONFIG_FILE": "/nowhere"}, "us-west-2"),
    ],
)
def test_the_region(
    given: dict[str, str],
    environment: dict[str, str],
    region: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The region is the environment's, otherwise the named or default profile's, otherwise us-west-2."""
    file = tmp_path / "config"
    file.write_text("[default]\nregion = ap-southeast-2\n[profile work]\nregion = eu-central-1\n[profile silent]\n")
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"AWS_CONFIG_FILE": str(file), **environment}.items():
        monkeypatch.setenv(name, value)
    assert region == region_of(LLMConfig.model_validate(given))


def test_a_profile_with_an_impossible_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid region of a profile does not become part of an address."""
    file = tmp_path / "config"
    file.write_text("[profile work]\nregion = evil.example/\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    with pytest.raises(ValueError, match="set AWS_REGION"):
        region_of(LLMConfig(aws_profile="work"))


@only_bedrock
@pytest.mark.parametrize("given", [ARN, "global.anthropic.claude-haiku-4-5-20251001-v1:0"])
async def test_an_id_is_called_as_configured(at: At, given: str) -> None:
    """BEDROCK_MODEL_ID is the default model and can be named; an ARN is one segment of the signed path."""
    at.scene("", BEDROCK_MODEL_ID=given, LLM_PROVIDER="bedrock")
    await at.llm.generate_response(QUESTION)
    await at.llm.generate_response(QUESTION, model=given)
    assert [(given, "completed")] * 2 == [(row["model"], row["status"]) for row in at.rows()]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("keys", [{}, {"aws_access_key_id": "AKIDSTANDIN", "aws_secret_access_key": "x" * 40}])
async def test_an_api_key_is_sent_in_place_of_a_signature(
    session: Session, keys: dict[str, str], *, is_streamed: bool
) -> None:
    """AWS_BEARER_TOKEN_BEDROCK configures Bedrock, and takes precedence over credentials that sign."""
    async with serving(lambda visit: visit.answer({"message": "no"}, 400)) as server:
        settings = {"aws_bearer_token": "bedrock-api-key-x", "bedrock_base_url": server.base_url, **keys}
        config = LLMConfig.model_validate({"provider": LLMProviderType.BEDROCK, **settings})
        assert LLMProviderType.BEDROCK == config.validate_config()
        with pytest.raises(LLMError):
            await create_llm_provider(config, session).generate_response(QUESTION, stream=is_streamed)
    (visit,) = server.visits
    assert "authorization: bearer bedrock-api-key-x" in visit.head.lower()
    assert "AWS4-HMAC-SHA256" not in visit.head
