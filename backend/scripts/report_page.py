"""A report as one HTML page: it loads nothing, runs nothing, and can be printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from report_chart import charts
from report_tables import view

if TYPE_CHECKING:
    from modules.llm_services.reporting.values import Report

TEMPLATE = "report.html.jinja"


def page(report: Report, database: str) -> str:
    """Return the page; what comes from the table is text there, whatever it looks like."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(TEMPLATE).render(view=view(report, database), charts=charts(report))
