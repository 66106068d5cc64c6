"""One of the measures of faithfulness."""

from attendo.analysis.faithfulness import Faithfulness, Measure


def measure(found: Faithfulness, name: str, of: str) -> Measure:
    (wanted,) = [each for each in found.measures if (each.name, each.of) == (name, of)]
    return wanted
