"""Search for the best target sentence. It knows no model: only a step function and a state."""

from attendo.decoding.beam import Ranking, beam_search
from attendo.decoding.constraints import Constraints
from attendo.decoding.coverage import Attending, CoveragePenalty
from attendo.decoding.hypothesis import Hypothesis
from attendo.decoding.penalties import GnmtPenalty, LengthPenalty, PowerPenalty
from attendo.decoding.rules import CTranslate2Rules, ExactRules, FairseqRules, HuggingFaceRules, Rules
from attendo.decoding.sampling import Distribution, sample
from attendo.decoding.single import follow, greedy_search
from attendo.decoding.step import State, Step

__all__ = [
    "Attending",
    "CTranslate2Rules",
    "Constraints",
    "CoveragePenalty",
    "Distribution",
    "ExactRules",
    "FairseqRules",
    "GnmtPenalty",
    "HuggingFaceRules",
    "Hypothesis",
    "LengthPenalty",
    "PowerPenalty",
    "Ranking",
    "Rules",
    "State",
    "Step",
    "beam_search",
    "follow",
    "greedy_search",
    "sample",
]
