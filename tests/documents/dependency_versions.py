"""Compare the last column of docs/dependencies.md with the package index, or update it.

    nox -s versions                      compare every package
    nox -s versions -- httpx h11         compare these
    nox -s versions -- --write           write the column, and the month in which it was checked

variables:
    none, apart from the usual ones for a proxy and certificates

exit codes:
    0  the column agrees with the index, or has been written
    1  the column differs: each difference is a line
    2  the command line is wrong, or the index cannot be read
"""

from __future__ import annotations

from command_line import parser, run

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import httpx

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/dependencies.md"
INDEX: Final = "https://pypi.org"
ROW: Final = re.compile(r"^\| (?P<packages>.*\(https://pypi\.org/project/.*) \| (?P<latest>[^|]*) \|$", re.MULTILINE)
NAME: Final = re.compile(r"\(https://pypi\.org/project/([^/)]+)/\)")
CHECKED: Final = re.compile(r"(?<=the latest release in )\w+ \d{4}")


def latest(name: str, client: httpx.Client) -> str:
    """Return the latest version of a package without pre-releases, and the month of its release.

    Raises OSError if the index does not say (https://docs.pypi.org/api/json/).
    """
    try:
        found = client.get(f"/pypi/{name}/json").raise_for_status().json()
        version, uploaded = found["info"]["version"], min(file["upload_time_iso_8601"] for file in found["urls"])
        return f"{version}, {datetime.fromisoformat(uploaded):%B %Y}"
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise OSError(f"{client.base_url} does not say which version of {name} is the latest: {error}") from error


def updated(page: str, wanted: set[str], client: httpx.Client) -> str:
    """Return a page with its last column updated from the index, for the packages `wanted`, or all if it is empty."""

    def row(found: re.Match[str]) -> str:
        names = NAME.findall(found["packages"])
        if wanted and not wanted.intersection(names):
            return found[0]
        versions = "; ".join(latest(name, client) for name in names)
        return f"| {found['packages']} | {versions} |"

    return ROW.sub(row, page)


def with_date(page: str, day: date) -> str:
    """Return a page with the month in which it was checked."""
    return CHECKED.sub(f"{day:%B %Y}", page)


def main() -> int:
    """Compare, or write; return the exit code."""
    options = parser(__doc__)
    options.add_argument("package", nargs="*", help="what to look up (all of the page)")
    options.add_argument("--write", action="store_true", help="write the page")
    options.add_argument("--index", default=INDEX, help="another index with PyPI's JSON API (%(default)s)")
    options.add_argument("--page", type=Path, default=PAGE, help="another page (docs/dependencies.md)")
    arguments = options.parse_args()
    before = arguments.page.read_text(encoding="utf-8")
    wanted = set(arguments.package)
    if unknown := wanted - set(NAME.findall(before)):
        options.error(f"not on the page: {', '.join(sorted(unknown))}")
    with httpx.Client(base_url=arguments.index, follow_redirects=True, timeout=30) as client:
        after = updated(before, wanted, client)
    if arguments.write:
        arguments.page.write_text(after if wanted else with_date(after, datetime.now(UTC).date()), encoding="utf-8")
        return 0
    rows = zip(ROW.finditer(before), ROW.finditer(after), strict=True)
    different = [(old, new) for old, new in rows if old[0] != new[0]]
    for old, new in different:
        names = ", ".join(NAME.findall(old["packages"]))
        sys.stdout.write(f"{names}: the page says {old['latest']}, the index {new['latest']}\n")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(run(main))
