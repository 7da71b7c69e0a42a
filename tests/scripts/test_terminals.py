"""A model's answer cannot control the terminal."""

from __future__ import annotations

from command_line import visible

import re
import sys
from typing import TYPE_CHECKING, Final

import ask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.scripted_server import Reply, scripted_server
from flow.paid import completion

if TYPE_CHECKING:
    from pathlib import Path

TITLE: Final = "\x1b]0;owned\x07"
RED: Final = "\x1b[31mred\x9b0m \u202egnp.exe\u202c\r\b"
CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give ask.py a database of its own, one attempt per call, and a dumb terminal."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'ask.db'}")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-terminal")
    monkeypatch.setenv("MAX_RETRIES", "0")
    monkeypatch.setenv("TERM", "dumb")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({**completion(f"Hello {TITLE}{RED}"), "model": TITLE, "provider": RED, "id": f"gen-{TITLE}"}, 0),
        (Reply({"error": {"message": f"No {TITLE}{RED}", "code": 400}}, 400), 1),
    ],
    ids=["an answer", "an error"],
)
def test_no_escape_sequence_reaches_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reply: object, code: int
) -> None:
    """Control characters in answers and errors are shown in a visible form."""
    with scripted_server() as server:
        server.script(reply)
        monkeypatch.setenv("OPENROUTER_BASE_URL", f"{server.url}/api/v1")
        monkeypatch.setattr(sys, "argv", ["ask.py", "Why?", "--model", "openrouter/author/model"])
        assert code == ask.main()
    printed = capsys.readouterr().out
    assert r"\x1b]0;owned\x07" in printed
    assert [] == CONTROL.findall(printed)


@given(st.text())
def test_everything_else_is_as_it_was(text: str) -> None:
    """Newlines, tabs and all other characters are unchanged."""
    assert [] == CONTROL.findall(visible(text))
    assert CONTROL.sub("", text) == "".join(character for character in text if visible(character) == character)
