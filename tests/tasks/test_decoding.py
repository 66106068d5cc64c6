"""Decoding as the tasks do it: with a real model, in float64."""

from pathlib import Path

import pytest
import torch
import yaml

from attendo.models import TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.models.ensemble import Ensemble
from attendo.tasks.decoding import RULES, BeamDecoding, GreedyDecoding, SamplingDecoding
from attendo.tokenization import BOS, EOS, PAD

CONF = Path(__file__).parents[2] / "conf" / "decoding"
DECODINGS = [
    GreedyDecoding(1.0, 3),
    BeamDecoding(1.0, 3, beam_size=4, n_best=3),
    BeamDecoding(1.0, 3, minimum_factor=0.5, no_repeat_ngram=2, beam_size=3, length_penalty="gnmt"),
    *(BeamDecoding(1.0, 3, beam_size=4, n_best=2, rules=rules) for rules in RULES),
    SamplingDecoding(1.0, 3, n_best=3, top_k=6, seed=5),
]


@pytest.fixture(scope="module")
def model() -> TransformerSeq2Seq:
    torch.manual_seed(0)
    shape = (16, 2, 2, 32, "pre", "relu", 0.0, 0.0)
    parts = TransformerEncoder(*shape), TransformerDecoder(*shape)
    built = TransformerSeq2Seq(12, 12, 16, *parts, "learned", 40, "none", 0.0).eval().double()
    torch.nn.init.normal_(built.projection.weight, std=0.6)  # surer than an untrained model, and so less tied
    return built


def padded(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    source = torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])
    return source, source == PAD


@pytest.fixture(scope="module")
def sources() -> list[list[int]]:
    generator = torch.Generator().manual_seed(3)
    lengths = torch.randint(0, 9, (64,), generator=generator).tolist()
    return [[*torch.randint(4, 12, (n,), generator=generator).tolist(), EOS] for n in lengths]


def as_plain(found):
    return [[(each.ids, round(each.log_prob, 10), round(each.score, 10)) for each in row] for row in found]


@pytest.mark.parametrize("decoding", DECODINGS, ids=lambda decoding: decoding.name)
def test_an_answer_does_not_depend_on_the_other_sentences(model, sources, decoding):
    together = as_plain(decoding(model, *padded(sources)))
    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(1)).tolist()
    found = as_plain(decoding(model, *padded([sources[row] for row in shuffled])))
    assert found == [together[row] for row in shuffled]
    for row in range(0, 64, 5):
        assert as_plain(decoding(model, *padded([sources[row]]))) == [together[row]]
    assert len({str(row) for row in together}) > 20, "the answers should not be trivial"


@pytest.mark.parametrize("decoding", DECODINGS[:2] + DECODINGS[-1:], ids=lambda decoding: decoding.name)
def test_log_probabilities_are_those_of_teacher_forcing(model, sources, decoding):
    for row, hypotheses in zip(sources, decoding(model, *padded(sources)), strict=True):
        for each in hypotheses:
            inputs = torch.tensor([[BOS, *each.ids]])
            log_probs = model.output(model(*padded([row]), inputs))[0]
            expected = log_probs[range(len(each.ids) + 1), [*each.ids, EOS]].sum().item()
            assert each.log_prob == pytest.approx(expected, abs=1e-9)


def test_an_ensemble_of_one_model_answers_like_it(model, sources):
    decoding = DECODINGS[1]
    both = as_plain(decoding(Ensemble([model, model]), *padded(sources)))
    assert both == as_plain(decoding(model, *padded(sources)))


def test_answers_are_as_long_as_their_sources_allow(model, sources):
    for factor, offset, low in ((2.0, 1, 0.0), (0.0, 4, 0.0), (1.0, 2, 1.0)):
        found = BeamDecoding(factor, offset, minimum_factor=low, beam_size=3)(model, *padded(sources))
        for row, (answer,) in zip(sources, found, strict=True):
            assert low * (len(row) - 1) <= len(answer.ids) <= factor * (len(row) - 1) + offset


def test_learned_positions_end_an_answer_where_they_end(model, sources):
    found = GreedyDecoding(9.0, 90, minimum_offset=90)(model, *padded(sources))
    assert {len(answer.ids) for (answer,) in found} == {39}  # BOS stands at the first of 40


def test_prefixes_and_banned_tokens_are_kept(model, sources):
    prefixes = [[7, 5][: number % 3] for number in range(64)]
    found = BeamDecoding(1.0, 3, banned=[5], beam_size=3)(model, *padded(sources), prefixes=prefixes)
    for prefix, (answer,) in zip(prefixes, found, strict=True):
        assert answer.ids[: len(prefix)] == prefix
        assert not {5, PAD, BOS} & set(answer.ids[len(prefix) :])


def test_another_seed_draws_other_samples(model, sources):
    drawn = [SamplingDecoding(1.0, 3, seed=seed)(model, *padded(sources)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    several = SamplingDecoding(1.0, 3, n_best=8)(model, *padded(sources))
    assert max(len({tuple(each.ids) for each in row}) for row in several) > 3


@pytest.mark.parametrize(
    ("decoding", "name"),
    [
        (GreedyDecoding(1.0, 3), "greedy"),
        (BeamDecoding(1.0, 3, beam_size=5), "beam 5, power 1"),
        (BeamDecoding(1.0, 3, beam_size=4, length_penalty="none"), "beam 4, none"),
        (
            BeamDecoding(
                1.0, 3, beam_size=4, length_penalty="gnmt", alpha=0.6, coverage=0.2, rules="fairseq"
            ),
            "beam 4, gnmt 0.6, coverage 0.2, rules fairseq",
        ),
        (SamplingDecoding(1.0, 3, top_k=10, top_p=0.9), "sampling, temperature 1, top-k 10, top-p 0.9"),
    ],
)
def test_every_way_says_its_name(decoding, name):
    assert decoding.name == name and decoding.n_best == 1


def node_of(file):
    """With what its defaults say."""
    node = yaml.safe_load(file.read_text(encoding="utf-8"))
    for parent in node.pop("defaults", ["_self_"]):
        node = (node_of(file.with_name(f"{parent}.yaml")) if parent != "_self_" else {}) | node
    return node


@pytest.mark.parametrize("file", sorted(CONF.glob("[!_]*.yaml")), ids=lambda file: file.stem)
def test_every_option_lists_all_keywords_of_its_class(file):
    kinds = {kind.__name__: kind for kind in (GreedyDecoding, BeamDecoding, SamplingDecoding)}
    node = node_of(file)
    kind = kinds[node.pop("_target_").removeprefix("attendo.tasks.")]
    assert set(node) == set(kind.__dataclass_fields__)
    kind(**node)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (GreedyDecoding, {"length_factor": -1.0}, r"decoding\.length_factor"),
        (GreedyDecoding, {"length_factor": 0.0, "length_offset": 0}, r"decoding\.length_factor"),
        (GreedyDecoding, {"no_repeat_ngram": -1}, r"decoding\.no_repeat_ngram=-1: expected a number ≥ 0"),
        (BeamDecoding, {"beam_size": 0}, r"decoding\.beam_size=0: expected a number ≥ 1"),
        (BeamDecoding, {"beam_size": 3, "n_best": 4}, r"decoding\.n_best=4: expected 1 … 3"),
        (BeamDecoding, {"beam_size": 3, "length_penalty": "powr"}, r'Did you mean "power"'),
        (BeamDecoding, {"beam_size": 3, "rules": "fairsek"}, r'Did you mean "fairseq"'),
        (BeamDecoding, {"beam_size": 3, "coverage": -0.1}, r"decoding\.coverage=-0\.1"),
        (SamplingDecoding, {"temperature": 0.0}, r"decoding\.temperature=0\.0: expected a number > 0"),
        (SamplingDecoding, {"top_p": 1.5}, r"decoding\.top_p=1\.5: expected a number > 0, ≤ 1"),
        (SamplingDecoding, {"n_best": 0}, r"decoding\.n_best=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind(**{"length_factor": 1.0, "length_offset": 2} | values)


def test_coverage_needs_a_model_that_tells_where_it_looks(model, sources):
    with pytest.raises(ValueError, match=r"decoding\.coverage needs a model that tells"):
        BeamDecoding(1.0, 3, beam_size=2, coverage=0.2)(model, *padded(sources))
