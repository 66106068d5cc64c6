"""Sources of raw text: table files, parallel files, Hugging Face datasets and two generators."""

from attendo.data.sources.files import TableFiles
from attendo.data.sources.hub import HubDataset
from attendo.data.sources.parallel import ParallelFiles
from attendo.data.sources.rows import SPLITS, BadRow, Row, Source
from attendo.data.sources.synthetic_dates import SyntheticDates
from attendo.data.sources.synthetic_sentiment import Review, SyntheticSentiment

__all__ = [
    "SPLITS",
    "BadRow",
    "HubDataset",
    "ParallelFiles",
    "Review",
    "Row",
    "Source",
    "SyntheticDates",
    "SyntheticSentiment",
    "TableFiles",
]
