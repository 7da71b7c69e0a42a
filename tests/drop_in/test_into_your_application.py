"""docs/into-your-application.md, followed literally in a shop that has modules, sessions and migrations."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import create_engine, inspect, make_url, text

from stand_in.vendors import OPENROUTER, VENDORS
from support import databases
from support.processes import bare_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

ROOT: Final = Path(__file__).resolve().parents[2]
SHOP: Final = Path(__file__).parent / "shop"
PAGE: Final = (ROOT / "docs/into-your-application.md").read_text(encoding="utf-8")
BLOCK: Final = re.compile(r"(<!-- not run by the test -->\n)?^```(sh|py)\n(.*?)^```", re.DOTALL | re.MULTILINE)
VARIANT: Final = re.compile("# [^,]+, with (\\w+)\n")
EXTRAS: Final[dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
OWNERS: Final = {name: set(map(canonicalize_name, owners)) for name, owners in packages_distributions().items()}
SOURCES: Final = sorted((ROOT / "backend/modules/llm_services").rglob("*.py"))
SCRIPTS: Final = {
    script: re.findall(r"`([\w-]+>=[^`]+)`", packages)
    for script, packages in re.findall(r"^\| `(\w+\.py)`.*\|([^|]*)\|$", PAGE.partition("## Scripts")[2], re.MULTILINE)
}
ARGUMENTS: Final = {"forget.py": "--user 7", "report.py": "--html report.html", "export_cassette.py": "$REQUEST_ID"}
# Runs a program with the top-level modules in its first argument hidden.
WITHOUT: Final = """
import runpy, sys
from pathlib import Path
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
hidden = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Hidden())
sys.argv = sys.argv[2:]
sys.path[0] = str(Path(sys.argv[0]).parent)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Application:
    """The shop in a separate folder, with a database and with the stand-in instead of OpenRouter."""

    def __init__(self, folder: Path, url: URL, base_url: str, original: Path = SHOP) -> None:
        """Copy the shop, by default in its original state."""
        self.folder, self.url = folder, url
        self.printed: list[str] = []
        self.environment = {
            **bare_environment(),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "LLM_SERVICES": str(ROOT),
            "DATABASE_URL": url.render_as_string(hide_password=False),
            **VENDORS[OPENROUTER].environment(base_url),
        }
        shutil.copytree(original, folder, dirs_exist_ok=True)

    def run(self, command: str) -> str:
        """Run a command of the page in the shop's folder; return its output."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def follow(self, base: str = "DeclarativeBase") -> None:
        """Make the shop's own tables, and do what the page says for this kind of base, from top to bottom."""
        self.run("alembic upgrade head")
        for skipped, language, block in BLOCK.findall(PAGE):
            if language == "py":
                other_base = VARIANT.match(block)
                if other_base is None or other_base[1] == base:
                    self._save(block)
            elif not skipped and "pip install" not in block:
                self.printed.append(self.run(block))

    def _save(self, block: str) -> None:
        """Write a file that names itself in its first line, or add to it above the line with target_metadata."""
        title, code = block.split("\n", 1)
        file = self.folder / title.removeprefix("# ").partition(",")[0]
        if "one more line" in title:
            before, mark, after = file.read_text().partition("target_metadata =")
            code = before + code + mark + after
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)


def sqlite_shop(folder: Path, base_url: str, original: Path = SHOP) -> Application:
    """Return a shop on SQLite, in this folder."""
    return Application(folder, make_url(f"sqlite:///{folder}/shop.db"), base_url, original)


@pytest.fixture(scope="module")
def followed(base_url: str, tmp_path_factory: pytest.TempPathFactory) -> Application:
    """Return the shop on SQLite, in which the page has been followed; tests work in copies of it."""
    application = sqlite_shop(tmp_path_factory.mktemp("shop"), base_url)
    application.follow()
    return application


@pytest.fixture
def application(followed: Application, base_url: str, tmp_path: Path) -> Application:
    """Return a copy of the shop on SQLite, in which the page has been followed."""
    return sqlite_shop(tmp_path, base_url, followed.folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def led(request: pytest.FixtureRequest, base_url: str, tmp_path: Path) -> Iterator[Application]:
    """Return the shop on each database, in which the page has been followed."""
    if request.param == "sqlite":
        yield request.getfixturevalue("followed")
    else:
        url = request.getfixturevalue("postgres_server")
        databases.empty(url)
        application = Application(tmp_path, url, base_url)
        application.follow()
        yield application
        databases.empty(url)


def test_the_page_leads_to_a_row(led: Application) -> None:
    """At the end of the page, a call's row is in the shop's database, and Alembic finds no difference."""
    assert 'This is the stand-in for OpenRouter, not a model. It was asked: "What is a ledger?"' in led.printed[-2]
    assert "completed 0.000194" in led.printed[-2]
    assert "No new upgrade operations detected." in led.run("alembic check")
    engine = create_engine(led.url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT status, model FROM llm_requests")).all()
    tables = set(inspect(engine).get_table_names())
    databases.close(engine)
    assert [("completed", "openrouter/openai/gpt-4.1-mini")] == [tuple(row) for row in rows]
    assert {"alembic_version", "orders", "llm_requests"} == tables


def test_the_base_may_be_of_dataclasses(base_url: str, tmp_path: Path) -> None:
    """With a base that is MappedAsDataclass, the page leads to a row too, and Alembic has nothing left to do."""
    application = sqlite_shop(tmp_path, base_url)
    file = application.folder / "modules/db.py"
    code = file.read_text().replace("(DeclarativeBase)", "(MappedAsDataclass, DeclarativeBase)")
    file.write_text(code.replace("sessionmaker\n", "MappedAsDataclass, sessionmaker\n", 1))
    application.follow("MappedAsDataclass")
    assert "completed 0.000194" in application.printed[-2]
    assert "No new upgrade operations detected." in application.run("alembic check")


def test_a_call_needs_no_other_package(application: Application) -> None:
    """A call succeeds with only the packages on the page, and their requirements."""
    assert "completed 0.000194" in application.run(command_without_others("first_call.py", []))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_needs_no_other_package(application: Application, script: str) -> None:
    """Each script works with only the module's packages and those in its line of the table."""
    shutil.copytree(ROOT / "backend/cassette", application.folder / "cassette")
    shutil.copy(ROOT / "backend/scripts/export_cassette.py", application.folder / "scripts")
    with sqlite3.connect(application.folder / "shop.db") as connection:
        (application.environment["REQUEST_ID"],) = connection.execute("SELECT id FROM llm_requests").fetchone()
    connection.close()
    command = command_without_others(f"scripts/{script}", SCRIPTS[script])
    application.run(f"{command} {ARGUMENTS.get(script, '')}")


def test_an_exported_cassette_is_in_the_application(application: Application) -> None:
    """A cassette is written below the working directory, where forget.py finds it."""
    test_a_script_needs_no_other_package(application, "export_cassette.py")
    (file,) = (application.folder / "cassettes/exported").glob("*.yaml")
    printed = application.run("python scripts/forget.py --request $REQUEST_ID --dry-run")
    assert f"review and delete: cassettes/exported/{file.name}" in printed


def test_the_copied_scripts_find_the_module(application: Application) -> None:
    """Each script that the page copies runs in the application, and is in the page's table."""
    copied = sorted(path.name for path in (application.folder / "scripts").glob("*.py") if path.stem != "command_line")
    assert [] == [script for script in copied if f"| `{script}` |" not in PAGE]
    printed = [application.run(f"python scripts/{script} --help") for script in copied]
    assert [f"usage: {script}" for script in copied] == [text.split(" [")[0] for text in printed]


def command_without_others(program: str, packages: list[str]) -> str:
    """Return a command that runs a program with only the module's packages and these."""
    needed = closure([*EXTRAS["module"], *packages])
    others = [name for name, owners in OWNERS.items() if not needed & owners]
    assert "fastapi" in others
    return f"python -c {shlex.quote(WITHOUT)} {','.join(others)} {program}"


def closure(requirements: list[str]) -> set[str]:
    """Return the names of packages and of all their requirements, without extras."""
    names: set[str] = set()
    left = [Requirement(each) for each in requirements]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name not in names and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            names.add(name)
            left += [Requirement(each) for each in requires(name) or ()]
    return names


def test_the_page_lists_the_packages_of_the_module() -> None:
    """The pip command has exactly the packages and versions of pyproject.toml."""
    (command,) = re.findall(r'^python -m pip install ("aiohttp.*)$', PAGE, re.MULTILINE)
    assert EXTRAS["module"] == re.findall(r'"([^"]+)"', command)


@pytest.mark.parametrize("extra", ["bedrock", "redis", "socks", "routes", "telemetry", "report", "export"])
def test_the_page_lists_the_packages_of_a_feature(extra: str) -> None:
    """Each optional package that the sources import is on the page, with the versions of pyproject.toml."""
    packages = [each for each in EXTRAS[extra] if not each.startswith("llm-stand-in")]
    assert packages
    assert [] == [each for each in packages if f"`{each}`" not in PAGE]


def test_every_import_is_of_a_listed_package() -> None:
    """The module imports only packages that pyproject.toml lists for it or for one of its features."""
    named = closure([each for extra in EXTRAS.values() for each in extra if not each.startswith("llm-stand-in")])
    imported = {(path.name, top) for path in SOURCES for top in imports(path)}
    assert ("models.py", "sqlalchemy") in imported
    assert set() == {(file, top) for file, top in imported if not named & OWNERS[top]}


def imports(path: Path) -> set[str]:
    """Return the top-level modules outside the standard library that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"modules", "pytest"}
