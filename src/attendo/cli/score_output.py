"""How ``attendo score`` writes its scores."""

import json
from collections.abc import Callable
from math import isnan

from attendo.cli.predict_output import Fields
from attendo.predictor import Score

Line = Callable[[Fields, Score], str]  # (source and target, their score) → a line without its end
COLUMNS = ("log_probability", "tokens", "perplexity")
PER_TOKEN = "token_log_probabilities"


def header(per_token: bool) -> str:
    """Names of the columns that ``tsv`` writes."""
    return "\t".join((*COLUMNS, PER_TOKEN) if per_token else COLUMNS)


def line_format(style: str, per_token: bool) -> Line:
    """What writes a line.

    Args:
        style: tsv, plain or jsonl.
        per_token: whether each token's log-probability is written, too.
    """

    def plain(pair: Fields, score: Score) -> str:
        total, _, _, *each = cells(score)
        return "" if isnan(score.log_probability) else "\t".join([total, *each])

    def tsv(pair: Fields, score: Score) -> str:
        return "" if isnan(score.log_probability) else "\t".join(cells(score))

    def cells(score: Score) -> list[str]:
        each = [" ".join(f"{value:.6f}" for value in score.token_log_probabilities)]
        total = [f"{score.log_probability:.6f}", str(score.tokens), f"{score.perplexity:.6f}"]
        return total + each * per_token

    def jsonl(pair: Fields, score: Score) -> str:
        facts: dict[str, object] = {
            "log_probability": score.log_probability,
            "tokens": score.tokens,
            "perplexity": score.perplexity,
        }
        if per_token:
            facts |= {"pieces": score.pieces, PER_TOKEN: score.token_log_probabilities}
        if isnan(score.log_probability):  # JSON has no NaN, and who reads JSON lines wants an object, too
            facts = dict.fromkeys(facts)
        return json.dumps({**dict(zip(("source", "target"), pair, strict=True)), **facts}, ensure_ascii=False)

    return {"tsv": tsv, "plain": plain, "jsonl": jsonl}[style]
