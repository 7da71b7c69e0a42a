"""ask.py prints which provider it calls, and calls no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.programs import run
from stand_in.vendors import VENDORS

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.pytest_plugin import LLMStandIn

INSTEAD = "OPENROUTER_API_KEY is not set: a stand-in on this machine answers instead of OpenRouter"
HINT = {"LLM_PROVIDER": "openai"}


def ask(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run ask.py; return the exit code, and the output on one line."""
    done = run("backend/scripts/ask.py", folder, "Why?", *arguments, **variables)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("vendors", "variables", "model", "announced"),
    [
        (["openai"], {}, "gpt-5-mini", "calling OpenAI at {url}/openai/v1 for gpt-5-mini; it may bill"),
        (["openai", "gemini"], HINT, None, "calling OpenAI at {url}/openai/v1 for gpt-5.6-terra; it"),
        (["openai"], {}, None, "calling OpenAI at {url}/openai/v1 for gpt-5.6-terra; it"),
        (["openrouter"], {}, "openrouter/a/b", "calling OpenRouter at {url}/api/v1 for openrouter/a/b;"),
        (["openrouter", "openai"], HINT, "openrouter/a/b", "calling OpenRouter at {url}/api/v1 for"),
        (["bedrock"], {"CLAUDE_PROVIDER": "bedrock"}, "claude-haiku-4-5", "calling Amazon Bedrock"),
    ],
    ids=["model", "hint", "only-key", "openrouter", "model-beats-hint", "bedrock"],
)
def test_the_provider_is_named_and_called(
    llm_stand_in: LLMStandIn,
    tmp_path: Path,
    vendors: list[str],
    variables: dict[str, str],
    model: str | None,
    announced: str,
) -> None:
    """The line names provider, address and model; the request goes there, even if another provider has a key."""
    environment = variables.copy()
    for vendor in vendors:
        environment |= VENDORS[vendor].environment(llm_stand_in.url)
    code, printed = ask(tmp_path, *(["--model", model] if model else []), **environment)
    assert 0 == code, printed
    assert announced.format(url=llm_stand_in.url.removesuffix("/api/v1")) in printed
    assert INSTEAD not in printed
    folder = "api" if vendors[0] == "openrouter" else vendors[0]
    assert [folder] == [request.path.split("/")[1] for request in llm_stand_in.requests]


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [({}, []), ({"LLM_PROVIDER": "openrouter"}, []), ({}, ["--model", "openrouter/a/b"])],
    ids=["no key", "hint", "model"],
)
def test_without_a_key_the_stand_in_answers_for_openrouter(
    llm_stand_in: LLMStandIn, tmp_path: Path, variables: dict[str, str], arguments: list[str]
) -> None:
    """The stand-in answers for OpenRouter without a key, and says so, even if OpenAI has a key."""
    other = VENDORS["openai"].environment(llm_stand_in.url) if variables or arguments else {}
    code, printed = ask(tmp_path, *arguments, **variables, **other)
    assert (0, True) == (code, INSTEAD in printed), printed
    assert "This is the stand-in for OpenRouter" in printed
    assert [] == llm_stand_in.requests


@pytest.mark.parametrize(("variables", "arguments"), [(HINT, []), ({}, ["--model", "gpt-5-mini"])])
def test_a_provider_without_a_key_is_not_replaced(
    tmp_path: Path, variables: dict[str, str], arguments: list[str]
) -> None:
    """Another provider without a key is an error that names its variable; the stand-in does not replace it."""
    code, printed = ask(tmp_path, *arguments, **variables)
    assert (2, True) == (code, "OPENAI_API_KEY" in printed), printed
    assert "stand-in" not in printed
    assert "calling" not in printed
