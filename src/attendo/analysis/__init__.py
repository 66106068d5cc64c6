"""Looking at data and models: what they are made of, and what is odd about them."""

from attendo.analysis.cost import own_parameters
from attendo.analysis.data_page import data_page
from attendo.analysis.findings import summary
from attendo.analysis.report import Report, as_plain, report
from attendo.analysis.tables import Table, model_table, tables

__all__ = [
    "Report",
    "Table",
    "as_plain",
    "data_page",
    "model_table",
    "own_parameters",
    "report",
    "summary",
    "tables",
]
