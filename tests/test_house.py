"""The project's rules that no tool of the lint session checks."""

import ast
import os
import re
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules import llm_services
from modules.llm_services import public
from support.processes import started

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    [ROOT / "noxfile.py", *(path for folder in ("backend", "docs", "tests") for path in (ROOT / folder).rglob("*.py"))]
)
LLM_SERVICES = "modules.llm_services"
MODULE = sorted((ROOT / "backend/modules/llm_services").rglob("*.py"))
CONSUMERS = sorted((ROOT / "tests/drop_in/consumers").rglob("*.py"))

# The names that may be imported, by module. import-linter checks that no other module is imported, but not the names,
# and not imports for type checking.
OF_THE_APPLICATION = {
    "modules.shared_models": {"Base", "PostgresUUID"},
    "modules.infrastructure.public": {"infrastructure_provider"},
}
OF_LLM_SERVICES = {
    LLM_SERVICES: set(llm_services.__all__),
    f"{LLM_SERVICES}.public": set(public.__all__),
    f"{LLM_SERVICES}.exceptions": {name for name in llm_services.__all__ if name.endswith("Error")},
    f"{LLM_SERVICES}.models": {"LLMRequestModel"},
    f"{LLM_SERVICES}.service": {"LLMMessage", "LLMRequest"},
    f"{LLM_SERVICES}.types": {"MessageRole"},
}
MERGE_MARKER = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |$)", re.MULTILINE)
SECRETS = re.compile(
    r"""
      sk-or-v1-[0-9a-f]{32,}     # OpenRouter: a key
    | user_2[0-9A-Za-z]{20,}     # OpenRouter: an account
    | __cf_bm=[^;\s"]{21,}       # OpenRouter: a cookie
    | sk-ant-[0-9A-Za-z_-]{20,}  # Anthropic: a key
    | AIza[0-9A-Za-z_-]{30,}     # Google: a key
    """,
    re.VERBOSE,
)


def name(path: Path) -> str:
    """Return a file's path inside the project, as the id of its test."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_file_has_at_most_400_lines(path: Path) -> None:
    """Every Python file has at most 400 lines."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert 400 >= lines


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_function_has_fewer_than_40_lines(path: Path) -> None:
    """Every function has fewer than 40 lines, not counting decorators."""
    long = {
        node.name: lines
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) >= 40
    }
    assert {} == long


@pytest.mark.parametrize("path", MODULE, ids=name)
def test_llm_services_takes_three_names_from_the_application(path: Path) -> None:
    """llm_services uses only the application's base, its UUID type and its database."""
    taken = {(module, taken) for module, taken in imports(path) if not f"{module}.".startswith(f"{LLM_SERVICES}.")}
    assert set() == names_beyond(OF_THE_APPLICATION, taken)


@pytest.mark.parametrize("path", CONSUMERS, ids=name)
def test_a_consumer_takes_the_names_of_the_interface(path: Path) -> None:
    """The consumers in the tests use only the names of llm_services that the interface lists."""
    taken = {(module, taken) for module, taken in imports(path) if f"{module}.".startswith(f"{LLM_SERVICES}.")}
    assert set() == names_beyond(OF_LLM_SERVICES, taken)


def names_beyond(allowed: dict[str, set[str]], taken: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the names that are imported from this project's modules but not allowed."""
    ours = ((module, name) for module, name in taken if module.split(".")[0] == "modules")
    return {(module, name) for module, name in ours if name not in allowed.get(module, ())}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the absolute name of each module that a file imports, with the imported name ("" for the whole module)."""
    package = path.relative_to(ROOT).parent.parts[1:]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield from ((module, alias.name) for alias in node.names)


def test_whoever_installs_the_wheel_has_its_types() -> None:
    """Each top-level package of the wheel is marked as typed (PEP 561); a marker in a subpackage would cover less."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert [] == [package for package in packages if not (ROOT / package / "py.typed").exists()]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Return the text of each file that git tracks or would track, by path."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [path for entry in listed.split("\0") if (path := ROOT / entry).is_file()]
    return {name(path): path.read_text(errors="ignore") for path in files}


def test_no_file_holds_a_secret(texts: dict[str, str]) -> None:
    """No file that git tracks, or would track, contains an API key, a session cookie or an account id."""
    assert [] == [path for path, text in texts.items() if SECRETS.search(text)]


def test_no_file_holds_a_merge_marker(texts: dict[str, str]) -> None:
    """No file that git tracks, or would track, contains a merge conflict marker."""
    assert [] == [path for path, text in texts.items() if MERGE_MARKER.search(text)]


@pytest.mark.parametrize("marker", ["<" * 7 + " HEAD", ">" * 7 + " branch", "|" * 7 + " base", "<" * 7])
def test_a_merge_marker_is_recognised(marker: str) -> None:
    """A merge marker is recognised at the beginning of a line, and not inside one."""
    assert MERGE_MARKER.search(f"before\n{marker}\nafter")
    assert not MERGE_MARKER.search(f"a row of {marker}")


@pytest.mark.parametrize(
    "secret",
    [
        "sk-or-v1-" + "0f" * 32,
        "user_2" + "aB3" * 9,
        "__cf_bm=" + "x.1-" * 9,
        "sk-ant-" + "api03-" * 9,
        "AIza" + "Sy_" * 13,
    ],
)
def test_a_secret_is_recognised(secret: str) -> None:
    """The patterns match keys, cookies and account ids of the lengths that are really issued."""
    assert SECRETS.search(f'"{secret}"')


def test_a_run_that_is_killed_leaves_no_database_behind() -> None:
    """PostgreSQL is a daemon: it ends, and its folder is removed, also when the tests are killed."""
    code = (
        "import sys; from support import databases\n"
        "with databases.postgres_server() as url: print(url.query['host'], flush=True); sys.stdin.read()"
    )
    path = os.pathsep.join([f"{ROOT}/backend", f"{ROOT}/tests"])
    with started([sys.executable, "-c", code], os.environ | {"PYTHONPATH": path}) as tests:
        assert tests.stdout
        folder = Path(tests.stdout.readline().strip())
        assert folder.is_relative_to(tempfile.gettempdir())
        assert folder.exists()
        tests.kill()
        assert "" == tests.stdout.read()  # until whatever has inherited it has ended
    assert not folder.exists()


def test_the_network_is_blocked() -> None:
    """A connection to another machine is refused in tests."""
    with socket.socket() as connection, pytest.raises(RuntimeError, match="Network is disabled"):
        connection.connect(("192.0.2.1", 443))
