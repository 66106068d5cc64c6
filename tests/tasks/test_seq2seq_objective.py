"""What the seq2seq task adds to the likelihood, and what it does in evaluation."""

import functools

import numpy as np
import pytest
import torch

from attendo.data import Seq2SeqBatch
from attendo.data.batches import collate_seq2seq
from attendo.data.preparation import PreparedData
from attendo.metrics import Bleu
from attendo.scheduled_sampling import Argmax, Linear, Sample, ScheduledSampling
from attendo.tasks import BeamDecoding, GreedyDecoding
from copying_runs import copier, copying_module, copying_pairs
from small_runs import (
    Diary,
    batch_sizes,
    largest_difference,
    module_of,
    optimization,
    prepared_pairs,
    seq2seq_task,
    small_trainer,
    transformer,
)


def whole(data: PreparedData, split: str) -> Seq2SeqBatch:
    rows = np.arange(len(data.splits[split]))
    return collate_seq2seq(data.splits[split], rows, is_filler=False, with_raw=True)


def whole_copying(data: PreparedData) -> Seq2SeqBatch:
    """The training rows as one batch, with what can be copied."""
    copying = copying_module(data).copying
    assert copying is not None
    return copying.offered(whole(data, "train"), data.splits["train"])


def sampling(start: float, **changed) -> ScheduledSampling:
    settings = {
        "decay": Linear(start, 0.0, 0.0),
        "position_decay": None,
        "unit": "steps",
        "zero_below": None,
        "draw": "token",
        "replacement": Argmax(),
        "passes": 1,
        "form": "parallel",
    }
    return ScheduledSampling(**{**settings, **changed})


def fitted(data: PreparedData, epochs: int = 1, dropout: float = 0.0, **task):
    torch.manual_seed(3)
    model = transformer(data, dropout).double()
    task = seq2seq_task(model, optimization(monitor="validation/bleu"), data, **task)
    diary = Diary()
    small_trainer(diary, max_epochs=epochs).fit(task, datamodule=module_of(data, batch_sizes(16, 200)))
    return task, diary


class StepDiary(Diary):
    """Also the probability of reading the reference, and the unknown words of every micro-batch."""

    def __init__(self) -> None:
        super().__init__()
        self.gold: list[float] = []
        self.unknown_words: list[list[tuple[str, ...]]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if "train/gold_probability" in trainer.callback_metrics:
            self.gold.append(float(trainer.callback_metrics["train/gold_probability"]))
        self.unknown_words.append([part.unknown_words for part in batch])


# ---------------------------------------------------------------------------------------- scheduled sampling
@pytest.mark.parametrize("form", ["parallel", "sequential"])
def test_at_p_1_a_training_is_teacher_forcing_bit_for_bit(pairs: PreparedData, form: str) -> None:
    forced, forced_losses = fitted(pairs, 2, dropout=0.2)
    sampled, losses = fitted(pairs, 2, dropout=0.2, scheduled_sampling=sampling(1.0, form=form))
    assert losses.losses == forced_losses.losses
    assert largest_difference(forced.model, sampled.model) == 0.0


@pytest.mark.parametrize("form", ["parallel", "sequential"])
def test_below_it_another_training_comes_about_and_evaluation_reads_the_reference(
    pairs: PreparedData, form: str
) -> None:
    _, forced_losses = fitted(pairs)
    sampled, losses = fitted(pairs, scheduled_sampling=sampling(0.3, form=form, replacement=Sample(None)))
    assert losses.losses[0] != forced_losses.losses[0]
    again = seq2seq_task(sampled.model, None, pairs)  # evaluates the same model without
    for task in (again, sampled):
        small_trainer().test(task, datamodule=module_of(pairs), verbose=False)
    assert again.trainer.callback_metrics == sampled.trainer.callback_metrics
    assert losses.epochs[0]["train/epoch_gold_probability"] == pytest.approx(0.3)


def test_as_many_passes_as_tokens_are_what_goes_token_by_token(pairs: PreparedData) -> None:
    """With the argmax; both draw the same tokens to replace."""
    trainings = [
        fitted(pairs, scheduled_sampling=sampling(0.4, **form))
        for form in ({"passes": 9}, {"form": "sequential", "passes": 1})
    ]
    (one, _), (other, _) = trainings
    assert largest_difference(one.model, other.model) < 1e-10


@pytest.mark.parametrize("unit", ["steps", "epochs"])
def test_it_follows_the_progress_of_the_training(pairs: PreparedData, unit: str) -> None:
    how = sampling(1.0, decay=Linear(1.0, 0.1, 0.0), unit=unit)
    task, diary = seq2seq_task(transformer(pairs), optimization(), pairs, scheduled_sampling=how), StepDiary()
    trainer = small_trainer(diary, limit_val_batches=0)
    trainer.fit(task, datamodule=module_of(pairs, batch_sizes(16, 100)))
    assert min(diary.micro_batches) > 1 and len(diary.gold) == 12
    done = range(12) if unit == "steps" else [0] * 6 + [1] * 6
    assert diary.gold == pytest.approx([max(0.0, 1.0 - 0.1 * each) for each in done], abs=1e-6)


# ------------------------------------------------------------------------------------------- further terms
def test_r_drop_compares_two_passes(pairs: PreparedData) -> None:
    torch.manual_seed(3)
    task = seq2seq_task(transformer(pairs, 0.3).double(), None, pairs, r_drop=5.0).train()
    batch = whole(pairs, "train")
    torch.manual_seed(7)
    terms = task.learn(batch).terms
    torch.manual_seed(7)
    passes = [task.predicted(batch).log_probs.detach().numpy() for _ in range(2)]
    (p, q), targets = (np.exp(each) for each in passes), batch.targets[~batch.target_is_padding].numpy()
    divergence = ((p * np.log(p / q)).sum() + (q * np.log(q / p)).sum()) / 2
    assert terms["r_drop"].loss.sum.item() == pytest.approx(divergence, rel=1e-9)
    assert terms["r_drop"].weight == 2.5 and divergence > 1
    nll = -np.mean([each[np.arange(len(targets)), targets].sum() for each in passes])
    assert terms["nll"].loss.sum.item() == pytest.approx(nll, rel=1e-12)
    assert terms["nll"].loss.count == terms["r_drop"].loss.count == len(targets)


def test_the_coverage_loss_is_of_the_copy_attention(folder) -> None:
    data = copying_pairs(folder)
    task = seq2seq_task(copier(data).double(), None, data, coverage=0.5).train()
    batch = whole_copying(data)
    term = task.learn(batch).terms["coverage"]
    attention = task.predicted(batch).copied.attention.detach().numpy()
    expected = 0.0
    for row, length in enumerate((~batch.target_is_padding).sum(1).tolist()):
        covered = np.zeros(attention.shape[2])
        for weights in attention[row, :length]:
            expected += np.minimum(weights, covered).sum()
            covered += weights
    assert term.loss.sum.item() == pytest.approx(expected, rel=1e-9)
    assert term.loss.count == batch.target_count and term.weight == 0.5


def test_label_smoothing_is_over_the_vocabulary_alone(folder) -> None:
    data = copying_pairs(folder, (60, 8, 8))
    task = seq2seq_task(copier(data, 16).double(), None, data, label_smoothing=0.1).train()
    batch = whole_copying(data)
    term = task.learn(batch).terms["nll"]
    log_probs = task.predicted(batch).log_probs.detach().numpy()
    targets, size = batch.targets[~batch.target_is_padding].numpy(), len(data.tokenizers["target"])
    assert log_probs.shape[1] > size and (targets >= size).any()
    own = log_probs[np.arange(len(targets)), targets]
    expected = -(0.9 * own + 0.1 * log_probs[:, :size].mean(axis=1)).sum()
    assert term.loss.sum.item() == pytest.approx(expected, rel=1e-12)
    assert term.loss.count == len(targets) and term.weight == 1.0


@pytest.mark.parametrize(
    "settings", [{}, {"coverage": 1.0}, {"r_drop": 1.0}, {"label_smoothing": 0.1}], ids=str
)
def test_one_micro_batch_is_as_many_where_words_are_copied(folder, settings: dict[str, float]) -> None:
    """Of many, each has its own unknown words."""
    data, fits = copying_pairs(folder, (128, 8, 8)), []
    for micro_batch in (100_000, 100):
        task, diary = seq2seq_task(copier(data, 16).double(), optimization(), data, **settings), StepDiary()
        trainer = small_trainer(diary, max_epochs=1, limit_val_batches=0)
        trainer.fit(task, datamodule=copying_module(data, batch_sizes(43, micro_batch)))
        fits.append((task, diary))
    (one, whole_steps), (many, parts) = fits
    assert max(whole_steps.micro_batches) == 1 and min(parts.micro_batches) > 2
    assert all(len({len(words) for words in step}) > 1 for step in parts.unknown_words)
    assert parts.losses == pytest.approx(whole_steps.losses, rel=0, abs=1e-12)
    assert largest_difference(one.model, many.model) < 1e-12


def test_coverage_without_copying_is_refused(pairs: PreparedData) -> None:
    with pytest.raises(ValueError, match=r"regularization.coverage=1.0 needs a copy mechanism"):
        seq2seq_task(transformer(pairs), optimization(), pairs, coverage=1.0)


@pytest.mark.parametrize(
    "decoding",
    [GreedyDecoding(1.0, 3), pytest.param(BeamDecoding(1.0, 3, beam_size=3), marks=pytest.mark.slow)],
)
def test_words_that_no_vocabulary_has_are_copied_into_the_answers(folder, decoding) -> None:
    data = copying_pairs(folder)
    how = optimization(functools.partial(torch.optim.Adam, lr=3e-3), monitor="validation/exact_match")
    task = seq2seq_task(copier(data), how, data, decoding=decoding)
    module = copying_module(data, batch_sizes(32, 2000))
    trainer = small_trainer(max_epochs=25, limit_val_batches=0)
    trainer.fit(task, datamodule=module)
    trainer.test(task, datamodule=module, verbose=False)
    assert trainer.callback_metrics["test/exact_match"] > 0.8
    assert any("z" in record["predicted"].split() for record in task.records)
    assert "z" not in data.tokenizers["target"].vocabulary


# ------------------------------------------------------------------------------------------------ evaluation
def test_a_share_of_the_validation_rows_is_answered_and_the_loss_is_of_all(folder) -> None:
    data = prepared_pairs(folder, (32, 40, 17))
    scores = []
    for share in (1.0, 0.25):
        task, _ = fitted(data, validation_share=share)
        scores.append(task.trainer.callback_metrics)
        assert [record["row"] for record in task.records] == [
            row for row in range(40) if share == 1 or row % 4 == 3
        ]
        assert task.signatures()["decoding"] == ("greedy" if share == 1 else "greedy, 25% of the rows")
        task.trainer.test(task, datamodule=module_of(data), verbose=False)
        assert len(task.records) == 17
    assert scores[0]["validation/loss"] == scores[1]["validation/loss"]


def test_validation_and_test_decode_each_in_their_way(pairs: PreparedData) -> None:
    beam = BeamDecoding(1.0, 3, beam_size=2)
    task, _ = fitted(pairs, decoding=beam, metrics={"exact_match": None, "bleu": Bleu("none", False)})
    assert task.signatures()["decoding"] == "greedy"
    task.trainer.test(task, datamodule=module_of(pairs), verbose=False)
    assert task.signatures()["decoding"] == "beam 2, power 1"
    assert "test/exact_match" not in task.trainer.callback_metrics
