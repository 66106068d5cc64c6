"""A model starts from the weights of another one, as far as they fit."""

import pytest
import torch
from torch import nn

from attendo.checkpoint.named_rows import named_rows
from attendo.checkpoint.transfer import check_fits
from transfers import Side, pairs, texts, words


def assert_rows(new: Side, old: Side, name: str, old_name: str, roles: tuple[str, str]) -> None:
    """Rows of words that the old vocabulary has are the old rows; all others are as fresh as before."""
    vocabulary, before = new.tokenizers[roles[0]].vocabulary, old.tokenizers[roles[1]].vocabulary
    shared = 0
    for number, token in enumerate(vocabulary.tokens):
        is_shared = token in before
        expected = old.fresh[old_name][before.id(token)] if is_shared else new.fresh[name][number]
        assert torch.equal(new.now(name)[number], expected), (name, token)
        shared += is_shared
    assert 4 < shared < len(vocabulary), "the test must have words of both kinds"


# ----------------------------------------------------------------------------------------------------- tokens
@pytest.mark.parametrize("new_words", ["sun moon rain snow ice fog", "moon sun x y", "rain z"])
def test_rows_of_shared_words_are_kept_and_others_stay_fresh(new_words: str) -> None:
    """Also where the vocabularies are of one size ("x y" for "rain wind"), which looks as if it fitted."""
    old, new = texts("sun moon rain wind", seed=1), texts(new_words)
    report = new.take(old)
    assert_rows(new, old, "embedding.weight", "embedding.weight", ("text", "text"))
    for name, value in new.model.state_dict().items():
        assert name == "embedding.weight" or torch.equal(value, old.fresh[name]), name
    assert list(report.resized) == ["embedding.weight"] and report.left_alone == {} and report.unused == []


def test_the_same_vocabulary_is_loaded_whole() -> None:
    old, new = texts("sun moon", seed=1), texts("sun moon")
    report = new.take(old)
    assert all(torch.equal(new.now(name), value) for name, value in old.fresh.items())
    assert set(report.loaded) == set(old.fresh) - {"temperature"}
    assert report.resized == {} and report.share == 1.0


def test_the_temperature_is_that_of_other_data_and_stays_there() -> None:
    old, new = texts("sun moon", seed=1), texts("sun moon")
    old.fresh["temperature"] = torch.tensor(2.5)
    assert "temperature" not in new.take(old).loaded
    assert new.now("temperature") == 1


def test_sizes_that_are_those_of_a_vocabulary_by_chance_confuse_nothing() -> None:
    """Six features, and six tokens; three labels, and three hidden features."""
    old, new = texts("sun moon", "a b c", seed=1), texts("sun rain", "a b d")
    report = new.take(old)
    assert len(new.tokenizers["text"]) == 6
    assert set(report.resized) == {"embedding.weight", "mlp.3.weight", "mlp.3.bias"}
    assert torch.equal(
        new.now("encoder.stack.forwards.0.weight_hh_l0"), old.fresh["encoder.stack.forwards.0.weight_hh_l0"]
    )


TIES = ("none", "decoder", "all")
OF_ROLE = {
    "source_embedding.weight": "source",
    "target_embedding.weight": "target",
    "projection.weight": "target",
}


@pytest.mark.parametrize("old_tied", TIES)
@pytest.mark.parametrize("new_tied", TIES)
def test_joint_vocabularies_whatever_is_tied(old_tied: str, new_tied: str) -> None:
    old, new = pairs("a b c d e", tied=old_tied, seed=1), pairs("b c d x y z w", tied=new_tied)
    new.take(old)
    for name, role in OF_ROLE.items():
        old_name = "target_embedding.weight" if new_tied == "all" else name
        old_name = (
            "target_embedding.weight" if (new_tied, name) == ("decoder", "projection.weight") else old_name
        )
        assert_rows(new, old, name, old_name, (role, role))


@pytest.mark.parametrize("new_tied", ["none", "decoder"])
@pytest.mark.parametrize("sizes", [("a b c d", "1 2 3 c"), ("a b c d e f", "1 2 3 c")])
def test_separate_vocabularies_go_to_their_own_sides(new_tied: str, sizes: tuple[str, str]) -> None:
    """The word "c" is on both sides and has another row on each."""
    old, new = pairs(*sizes, seed=1), pairs("c b x y", "3 c 7 8 9", new_tied)
    new.take(old)
    assert_rows(new, old, "source_embedding.weight", "source_embedding.weight", ("source", "source"))
    assert_rows(new, old, "target_embedding.weight", "target_embedding.weight", ("target", "target"))


def test_a_joint_vocabulary_becomes_two() -> None:
    old, new = pairs("a b c 1 2 3", tied="all", seed=1), pairs("a c x", "1 3 7", "decoder")
    new.take(old)
    assert_rows(new, old, "source_embedding.weight", "source_embedding.weight", ("source", "source"))
    assert_rows(new, old, "projection.weight", "projection.weight", ("target", "target"))


@pytest.mark.parametrize("target", ["1 2 3", "1 2 3 4 5"])
@pytest.mark.parametrize("new_tied", TIES)
def test_two_vocabularies_become_a_joint_one(target: str, new_tied: str) -> None:
    """Also where both have the same number of words, so that the size does not tell them apart."""
    old, new = pairs("a b c", target, seed=1), pairs("a c 1 3 x", tied=new_tied)
    new.take(old)
    assert_rows(new, old, "target_embedding.weight", "target_embedding.weight", ("target", "target"))
    if new_tied != "all":
        assert_rows(new, old, "source_embedding.weight", "source_embedding.weight", ("source", "source"))


# ----------------------------------------------------------------------------------------------------- labels
def test_shared_labels_keep_their_rows() -> None:
    old, new = texts("sun", "bad good meh", seed=1), texts("sun", "good awful bad great")
    report = new.take(old)
    for name in ("mlp.3.weight", "mlp.3.bias"):
        for number, place in enumerate((1, None, 0, None)):
            expected = new.fresh[name][number] if place is None else old.fresh[name][place]
            assert torch.equal(new.now(name)[number], expected)
        assert report.resized[name] == "2 of 4 labels are in the checkpoint"


def test_labels_of_which_none_is_shared_stay_fresh() -> None:
    """Although the sizes are the same."""
    old, new = texts("sun", "bad good", seed=1), texts("sun", "0 1")
    report = new.take(old)
    assert torch.equal(new.now("mlp.3.weight"), new.fresh["mlp.3.weight"])
    assert report.left_alone == dict.fromkeys(
        ("mlp.3.weight", "mlp.3.bias"), "none of its 2 labels is in the checkpoint"
    )


class CountedWords(nn.Module):
    """A model of somebody else: a number for every word and label, and statistics, which do not learn."""

    def __init__(self, vocabulary_size: int, label_count: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(vocabulary_size, label_count))
        self.pairs = nn.Parameter(torch.randn(vocabulary_size * 2))
        self.norm = nn.BatchNorm1d(3)
        nn.init.normal_(self.norm.running_mean)


def test_models_of_others_with_rows_of_two_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn, "CountedWords", CountedWords, raising=False)
    config = {"_target_": "torch.nn.CountedWords"}
    old = Side(config, {"text": words("a b c")}, ["x", "y"], seed=1)
    new = Side(config, {"text": words("b c d")}, ["y", "z", "x"], seed=2)
    report = new.take(old)
    for token, label in ((0, 0), (1, 2), (2, 0), (3, 2), (4, 0), (4, 2), (5, 0), (5, 2)):
        place = {4: 5, 5: 6}.get(token, token), {0: 1, 2: 0}[label]
        assert new.now("table")[token, label] == old.fresh["table"][place]
    assert torch.equal(new.now("table")[6], new.fresh["table"][6])
    assert torch.equal(new.now("table")[:, 1], new.fresh["table"][:, 1])
    assert torch.equal(new.now("norm.running_mean"), old.fresh["norm.running_mean"])
    assert report.resized["table"] == "6 of 7 tokens, 2 of 3 labels are in the checkpoint"
    assert "which vocabulary its 14 rows" in report.left_alone["pairs"]


# ----------------------------------------------------------------------------------------------- other models
def test_another_encoder_takes_what_is_left() -> None:
    old, new = texts("sun moon", seed=1), texts("sun moon", encoder="GRUEncoder")
    report = new.take(old)
    left = {name for name in new.fresh if name.startswith("encoder.")}
    assert set(report.left_alone) == left
    assert report.left_alone["encoder.stack.forwards.0.bias_ih_l0"] == "12 → 9"
    assert all(torch.equal(new.now(name), new.fresh[name]) for name in left)
    assert all(torch.equal(new.now(name), old.fresh[name]) for name in set(new.fresh) - left)


NOTHING = r"nothing in the checkpoint fits this model .* The model has .* The checkpoint has"


def test_a_model_that_fits_nowhere_is_refused() -> None:
    for old, new in ((pairs("a b"), texts("a b")), (texts("a b"), pairs("a b"))):
        with pytest.raises(ValueError, match=NOTHING):
            new.take(old)


def test_special_tokens_alone_are_no_fit() -> None:
    """All vocabularies share them, and nothing else fits here."""
    old, new = texts("a b", seed=1), texts("c d")
    old.fresh = {"embedding.weight": old.fresh["embedding.weight"]}
    with pytest.raises(ValueError, match=NOTHING):
        new.take(old)


def test_what_cannot_fit_is_refused_without_the_data() -> None:
    """With stand-ins for its vocabularies and labels."""
    old, new = texts("sun moon", seed=1), texts("a b c", "1 2 3")
    rows = named_rows(new.model, new.config, new.tokenizers, new.labels)
    check_fits(new.model, rows, old.fresh)
    check_fits(new.model, rows, {"embedding.weight": torch.zeros(1000, 6)})
    for other in (pairs("a b").fresh, {"embedding.weight": torch.zeros(1000, 7)}, {}):
        with pytest.raises(ValueError, match=r"The model has embedding\.weight tokens×6"):
            check_fits(new.model, rows, other)


def test_looking_for_rows_draws_nothing() -> None:
    new = texts("sun moon rain")
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    named_rows(new.model, new.config, new.tokenizers, new.labels)
    assert torch.equal(torch.rand(3), expected)


def test_the_report_says_what_was_done() -> None:
    old, new = texts("sun moon", "bad good", seed=1), texts("sun rain snow", "good", encoder="GRUEncoder")
    old.fresh["extra.weight"] = torch.zeros(2)
    report = new.take(old)
    first, *more = report.lines()
    copied = 5 * 6 + 6 * 4 + 4 * 2 + 12 * 5 + 5 + 5 + 1
    total = sum(value.numel() for name, value in new.fresh.items() if name != "temperature")
    assert first == (
        f"loaded 7 of 15 parameters, {copied / total:.1%} of the numbers (attention 2, mlp 4, embedding 1)"
    )
    assert "resized embedding.weight: 5 of 7 tokens are in the checkpoint" in more
    assert more[-2].startswith("left alone: encoder.stack.forwards.0.weight_ih_l0 (12×6 → 9×6)")
    assert more[-2].endswith("and 2 more")
    assert more[-1] == "only in the checkpoint: extra.weight"
