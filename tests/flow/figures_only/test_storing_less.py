"""Storing less for a single call, the features that then do not work, and the wires of the other vendors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from cassette.response_from_row import NotExportableError, exchange_from_row
from flow.figures_only.conftest import completion, files, stored
from modules.llm_services import LLMMessage
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.public import llm_services_provider
from modules.llm_services.types import LLMRequest
from stand_in.vendors import environment
from support.calls import ask, only_row, rows

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from flow.figures_only.conftest import OpenRouter, Texts
    from support.server import Visit

MODEL = "openrouter/author/model"


async def test_a_call_may_store_less(
    sqlite_engine: Engine, openrouter: OpenRouter, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With LLM_STORE=all, `store_content=False` applies to that call only."""
    monkeypatch.setenv("LLM_STORE", "all")
    openrouter.replies[:] = [completion(texts("answer"))]
    with Session(sqlite_engine) as session:
        await ask(session, question=texts("question"), store_content=False)
        assert [] == texts.found_in(stored(sqlite_engine))
        await ask(session, question=texts("other question"), store_content=True)
    assert ["answer", "other question"] == texts.found_in(stored(sqlite_engine))


async def test_the_vendor_does_not_see_the_option(sqlite_engine: Engine, openrouter: OpenRouter) -> None:
    """`store_content` is not part of the request."""
    sent: list[Visit] = []
    answer = completion("Paris")

    def reply(visit: Visit) -> None:
        sent.append(visit)
        answer(visit)

    openrouter.replies[:] = [reply]
    with Session(sqlite_engine) as session:
        await ask(session, store_content=False)
    assert "store_content" not in sent[0].payload


@pytest.mark.usefixtures("openrouter")
async def test_a_call_may_not_store_more(sqlite_engine: Engine) -> None:
    """With LLM_STORE=figures, `store_content=True` raises an error before anything is sent."""
    with Session(sqlite_engine) as session, pytest.raises(ValueError, match="option store_content=True: LLM_STORE="):
        await ask(session, store_content=True)
    assert [] == rows(sqlite_engine)


@pytest.mark.usefixtures("openrouter")
async def test_the_response_cache_keeps_no_answer(
    sqlite_engine: Engine, texts: Texts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`use_cache=True` raises an error; a cache that is on for all calls skips a call that stores no content."""
    monkeypatch.setenv("LLM_STORE", "all")
    monkeypatch.setenv("LLM_CACHE_ENABLED", "true")
    monkeypatch.setenv("LLM_CACHE_DIR", str(tmp_path / "answers"))
    with Session(sqlite_engine) as session:
        with pytest.raises(ValueError, match="option use_cache=True: the response cache would keep an answer"):
            await ask(session, store_content=False, use_cache=True)
        for _ in range(2):
            await ask(session, store_content=False)
    assert [False, False] == [row.cached for row in rows(sqlite_engine)]
    assert [] == texts.found_in(files(tmp_path))


@pytest.mark.usefixtures("openrouter")
def test_the_cache_and_figures_contradict_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both settings together are a configuration error that names both."""
    monkeypatch.setenv("LLM_CACHE_ENABLED", "true")
    with pytest.raises(ValueError, match="LLM_CACHE_ENABLED: must be off with LLM_STORE=figures"):
        create_llm_config_from_env()


@pytest.mark.usefixtures("openrouter")
@pytest.mark.parametrize(("variable", "value"), [("LLM_STORE", "some"), ("LLM_STORE_HASH_KEY", "short")])
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """An invalid value raises an error that names the variable and never shows a key."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"^{variable}: ") as wrong:
        create_llm_config_from_env()
    assert value not in str(wrong.value) or variable == "LLM_STORE"


@pytest.mark.usefixtures("openrouter")
async def test_a_row_without_content_is_not_exported(sqlite_engine: Engine) -> None:
    """export_cassette.py refuses the row, and says that its content was not stored."""
    with Session(sqlite_engine) as session:
        await ask(session)
    row = LLMRequest.model_validate(only_row(sqlite_engine)).model_dump(mode="json")
    with pytest.raises(NotExportableError, match=r"its content was not stored \(LLM_STORE=figures, or store_content"):
        exchange_from_row(row)


MODELS = {"openai": "gpt-5", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
MEDIA: dict[str, Any] = {"voice": "alloy", "model": "tts-1"}


@pytest.mark.parametrize("model", MODELS.values())
@pytest.mark.usefixtures("openrouter")
async def test_every_wire_stores_figures_only(
    engine: Engine, base_url: str, texts: Texts, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """Requests to other vendors, and their answers, are not stored either, but their tokens are."""
    for name, value in environment(base_url).items():
        monkeypatch.setenv(name, value)
    with Session(engine) as session:
        said = [LLMMessage(role="user", content=texts("question"))]
        answer, _request_id = await llm_services_provider(session).generate_response(said, model=model)
    found = stored(engine)
    assert ([], False) == (texts.found_in(found), answer.content in found)
    assert (answer.input_tokens, answer.output_tokens) == (
        only_row(engine).input_tokens, only_row(engine).output_tokens
    )  # fmt: skip


@pytest.mark.usefixtures("openrouter")
async def test_images_and_speech_store_figures_only(
    engine: Engine, base_url: str, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prompts of images and speech are not stored, and neither are the image and the sound."""
    for name, value in environment(base_url).items():
        monkeypatch.setenv(name, value)
    with Session(engine) as session:
        llm = llm_services_provider(session)
        image, _request_id = await llm.generate_image(texts("picture"))
        audio, _request_id = await llm.generate_audio(texts("speech"), **MEDIA)
    found = stored(engine)
    assert [] == texts.found_in(found)
    assert (False, False) == (image.image_url in found, audio.audio_base64[:200] in found)
