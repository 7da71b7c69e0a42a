"""The examples in the documents are run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stand_in.vendors import OPENROUTER
from stand_in.vendors import environment as stand_in_environment
from support.processes import bare_environment, run_python

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# A text block directly below an example is its expected output.
PYTHON = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
EXAMPLES = [
    pytest.param(code, printed, id=f"{path.name}-{number}")
    for path in DOCUMENTS
    if path.name != "spec.md"  # the user's specification, whose example is an excerpt
    for number, (code, printed) in enumerate(PYTHON.findall(path.read_text(encoding="utf-8")))
]

BARE = bare_environment(PYTHONPATH=str(ROOT / "backend"))


@pytest.fixture
def environment(base_url: str) -> dict[str, str]:
    """Return the environment with the stand-in, and a database in the working directory."""
    return {**BARE, **stand_in_environment(base_url), "LLM_PROVIDER": OPENROUTER}


def run(command: list[str], environment: dict[str, str], folder: Path) -> str:
    """Run Python in development mode, with warnings as errors, and return its output."""
    done = run_python(command, environment, folder)
    # Which models end soon depends on the date.
    errors = done.stderr.splitlines()
    assert [] == [line for line in errors if not re.match(r"model \S+ end(s|ed) on ", line)]
    assert 0 == done.returncode
    return done.stdout


@pytest.mark.parametrize(("code", "printed"), EXAMPLES)
def test_an_example_runs(code: str, printed: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Every Python example in the README and the documents runs as written, and prints the output below it."""
    found = run(["-c", code], environment, tmp_path)
    assert found
    assert not printed or printed == found


def test_every_page_is_on_the_first_one() -> None:
    """docs/index.md, which is the site's table of contents, links to every other page."""
    first = ROOT / "docs" / "index.md"
    pages = {path.relative_to(first.parent).as_posix() for path in DOCUMENTS if first.parent in path.parents}
    listed = re.findall(r"^- \[[^]]+\]\((.+?)\)", first.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(pages - {first.name}) == sorted(listed)


@pytest.mark.parametrize(
    "path",
    [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "cassettes/README.md"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_a_link_leads_to_a_file(path: Path) -> None:
    """Every link in a document to another file of the project has a target."""
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert [] == [link for link in links if not (path.parent / link).exists()]


def test_ask_answers_and_shows_its_row(tmp_path: Path) -> None:
    """Without a key, ask.py says so, calls the stand-in, prints the answer and the row, and warns about nothing."""
    printed = run([str(ROOT / "backend/scripts/ask.py"), "What is a ledger?"], BARE, tmp_path)
    assert "OPENROUTER_API_KEY is not set" in printed
    assert "This is the stand-in for OpenRouter" in printed
    assert re.search(r"status +│ completed", printed)
    assert re.search(r"cost +│ 0\.00019400 USD \(reported\)", printed)


def test_ask_takes_a_schema(environment: dict[str, str], tmp_path: Path) -> None:
    """`--schema` prints a validated object."""
    printed = run([str(ROOT / "backend/scripts/ask.py"), "Why?", "--schema"], environment, tmp_path)
    assert '"confidence": 0.5' in printed


@pytest.mark.parametrize(
    ("model", "status", "words"),
    [("openrouter/stand-in/no-credits", 1, "LLMProviderError"), ("gpt-99", 2, "model 'gpt-99' is not supported")],
)
def test_ask_says_why_it_failed(
    environment: dict[str, str], tmp_path: Path, model: str, status: int, words: str
) -> None:
    """A failed call exits with 1 and shows its failed row; an unknown model exits with 2."""
    command = [str(ROOT / "backend/scripts/ask.py"), "Why?", "--model", model]
    done = run_python(command, environment, tmp_path)
    assert status == done.returncode
    assert words in done.stdout + done.stderr
