"""The project's sessions: `nox` runs what a change has to pass, `nox --list` lists the others."""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2026.4"
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "uv|virtualenv"
# A session whose Python is missing fails, and no Python is downloaded for it.
nox.options.error_on_missing_interpreters = True
nox.options.download_python = "never"

# More than there are cores: a third of the time, a test waits for a process that it has started.
WORKERS = f"--numprocesses={3 * (os.cpu_count() or 2) // 2}"
SITE = "build/site"
SCRIPTS_PATH = "backend/scripts:tests"  # where the scripts below tests/ find what they share
PYPROJECT = nox.project.load_toml("pyproject.toml")


@nox.session
def check(session: nox.Session) -> None:
    """Run lint, types and test in one environment: what a change has to pass."""
    install(session, "check", "-e", ".[cli,postgres]")
    install_nox(session)
    run_lint(session)
    session.run("mypy", f"--cache-dir={os.devnull}")  # a cache of 90 MB would be used only once
    # uv compiles nothing, and the tests start some hundred processes, each of which would compile all that it imports.
    compiled = Path(session.virtualenv.location, "compiled").resolve()
    session.env.update({"PYTHONPYCACHEPREFIX": str(compiled), "PYTHONDONTWRITEBYTECODE": None})
    try:
        run_tests(session)
    finally:
        shutil.rmtree(compiled, ignore_errors=True)  # 40 MB


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style, formatting, the direction of imports and spelling, and look for dead code."""
    install(session, "lint")
    run_lint(session)


@nox.session(default=False)
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "types", "-e", ".[cli,postgres]")
    install_nox(session)
    session.run("mypy", *session.posargs)


@nox.session(default=False)
def test(session: nox.Session) -> None:
    """Run all tests, or what is given after `--`."""
    install(session, "test", "-e", ".[cli,postgres]")
    run_tests(session)


def test_with_python(session: nox.Session) -> None:
    """Run the tests with this version of Python."""
    install(session, "test", "-e", ".[cli,postgres]")
    run_tests(session)


for version in nox.project.python_versions(PYPROJECT):
    nox.session(python=version, name=f"test-{version}", default=False)(test_with_python)


@nox.session(default=False)
def pyright(session: nox.Session) -> None:
    """Check the types that consumers use with a second type checker, which installs 200 MB of Node."""
    install(session, "pyright", "-e", ".[cli,postgres]")
    session.run("basedpyright", "--pythonpath", f"{session.bin}/python")  # otherwise it uses .venv


@nox.session(default=False)
def oldest(session: nox.Session) -> None:
    """Test the database code with the oldest SQLAlchemy that pyproject.toml allows."""
    install(session, "test", "-e", ".[cli,postgres]")
    (floor,) = [each for each in PYPROJECT["project"]["optional-dependencies"]["module"] if "SQLAlchemy" in each]
    session.install(floor.replace(">=", "=="))
    tests = ["tests/ledger", "tests/drop_in", "tests/service", "tests/reporting", "tests/contract"]
    session.run("pytest", WORKERS, "--dist=worksteal", *(session.posargs or tests))


@nox.session(default=False)
def conformance(session: nox.Session) -> None:
    """Check requests and the stand-in's answers with the vendors' SDKs, and the routes with schemathesis: 70 MB."""
    install(session, "conformance", "-e", ".[cli,postgres]")
    run_conformance(session, "tests/routes/conform_schema.py")


@nox.session(name="claude-types", default=False)
def claude_types(session: nox.Session) -> None:
    """Check the requests to Claude with the types of today's anthropic package; `conformance` has its last 0.x."""
    install(session, "conformance", "-e", ".[cli,postgres]")
    session.install("anthropic>=2,<3")  # replaces 0.x
    run_conformance(session)


@nox.session(default=False)
def record(session: nox.Session) -> None:
    """Record the cassettes again from every vendor whose key is set; needs the network and costs cents."""
    install(session, "test", "-e", ".[cli,postgres]")
    session.run("python", "tests/cassettes/recording/record.py", *session.posargs, env={"PYTHONPATH": SCRIPTS_PATH})


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure what a call costs, compared with other clients, and write docs/benchmarks.md; needs PyPI."""
    install(session, "test", "-e", ".[cli,postgres]")
    session.run("python", "tests/benchmarks/run.py", *session.posargs, env={"PYTHONPATH": SCRIPTS_PATH})


@nox.session(default=False)
def models(session: nox.Session) -> None:
    """List the default models and the model names that end within 60 days; fail if a default does."""
    session.install("-e", ".[cli]")
    session.run("python", "backend/scripts/model_ends.py", *session.posargs)


@nox.session(default=False)
def versions(session: nox.Session) -> None:
    """Compare the versions in docs/dependencies.md with the package index, or write them with `-- --write`."""
    session.install("-e", ".[cli]")
    session.run("python", "tests/documents/dependency_versions.py", *session.posargs, env={"PYTHONPATH": SCRIPTS_PATH})


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in what the project installs, with all extras; fails if PyPI cannot tell."""
    project = PYPROJECT["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    install(session, "audit", *project["dependencies"], *(each for each in extras if project["name"] not in each))
    session.run("pip-audit", "--local", "--strict", "--desc", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documents into build/site; fail on a broken link."""
    install(session, "docs")
    build_site(session)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Check each page of the documents, and a report, in Chromium, narrow and wide; needs Chromium on PATH."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        session.error("no Chromium on PATH: install one (Debian and Ubuntu: apt-get install chromium)")
    install(session, "browser", "-e", ".[cli,postgres,report]")
    build_site(session)
    files = ("tests/documents/browse_site.py", "tests/reporting/browse_report.py")
    session.run("pytest", *files, *session.posargs, env={"CHROMIUM": chromium})


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Ask a model the question after `--`, and show the row that the call wrote."""
    session.install("-e", ".[cli]")
    session.run("python", "backend/scripts/ask.py", *session.posargs)


def run_lint(session: nox.Session) -> None:
    """Run the checks that format_code.sh lists."""
    session.run("bash", "format_code.sh", "--no-venv", "--check", external=True)


def run_tests(session: nox.Session) -> None:
    """Run the tests on every core, and name the slowest."""
    session.run("pytest", WORKERS, "--dist=worksteal", "--durations=20", *session.posargs)


def run_conformance(session: nox.Session, *files: str) -> None:
    """Run the tests of the providers with the types of the SDKs, and the tests that need them."""
    judges = ("tests/providers", "tests/providers/conform_openrouter.py", "tests/providers/conform_vendors.py")
    session.run("pytest", WORKERS, "--dist=worksteal", *judges, *files, *session.posargs)


def build_site(session: nox.Session) -> None:
    """Build the documents from scratch, and check the result."""
    shutil.rmtree(SITE, ignore_errors=True)
    session.run("sphinx-build", "-E", "-W", "--keep-going", "-n", "-q", "docs", SITE)
    session.run("python", "tests/documents/site_check.py", SITE)


def install_nox(session: nox.Session) -> None:
    """Install nox for the type check of this file, without its dependencies, which are 13 MB."""
    session.install("--no-deps", f"nox{nox.needs_version}")


def install(session: nox.Session, group: str, *project: str) -> None:
    """Install a dependency group of pyproject.toml and, if given, the project itself or packages."""
    session.install(*nox.project.dependency_groups(PYPROJECT, group), *project)
