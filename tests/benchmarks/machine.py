"""Where and when a benchmark was measured, and for which commit."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.field import ROOT


def machine() -> dict[str, object]:
    """Return the machine, its load, the versions, the commit and the date."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("httpx", "aiohttp", "SQLAlchemy", "pydantic", "psycopg")},
        "commit": commit(),
        "load": round(os.getloadavg()[0], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def commit(revision: str = "HEAD") -> str:
    """Return the short name of a commit, with a plus sign if files differ from HEAD."""
    name = _git("rev-parse", "--short", revision)
    return f"{name}+" if revision == "HEAD" and _git("status", "--porcelain", "--untracked-files=no") else name


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
