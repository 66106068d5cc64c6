"""What is reported of an epoch, a validation and a test equals what can be computed from outside."""

import math

import pytest
import sacrebleu
import torch
from sklearn.metrics import accuracy_score, f1_score

from attendo.data.batches import collate_classification, collate_seq2seq
from attendo.data.preparation import PreparedData
from attendo.tasks import Task
from attendo.tokenization import PAD
from small_runs import batch_sizes, module_of, optimization, small_task, small_trainer, trained


def still() -> object:
    """A learning rate of zero, so that every step of an epoch sees the same weights."""
    return optimization(lambda groups: torch.optim.SGD(groups, lr=0.0))


def whole_split(data: PreparedData, name: str) -> object:
    """All rows of a split as one batch."""
    split = data.splits[name]
    collate = collate_classification if data.labels else collate_seq2seq
    return collate(split, torch.arange(len(split)).numpy(), is_filler=False, with_raw=True)


@torch.no_grad()
def nll_and_accuracy(task: Task, batch, smoothing: float = 0.0) -> tuple[float, float]:
    """Mean over the sentences or target tokens of a batch."""
    task.eval()
    if hasattr(batch, "labels"):
        logits, targets = task.model(batch.tokens, batch.is_padding).logits, batch.labels
    else:
        hidden = task.model(batch.source, batch.source_is_padding, batch.target_inputs)
        is_real = batch.targets != PAD
        logits, targets = (hidden @ task.model.projection.weight.T)[is_real], batch.targets[is_real]
    loss = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing)
    return float(loss), float((logits.argmax(-1) == targets).double().mean())


def test_the_means_of_an_epoch_are_means_over_its_rows(data: PreparedData) -> None:
    task, diary = trained(data, still(), batch_sizes(13, 60))
    reported = diary.epochs[0]
    nll, accuracy = nll_and_accuracy(task, whole_split(data, "train"), smoothing=0.1)
    assert reported["train/epoch_nll"] == pytest.approx(nll, abs=1e-10)
    name = "accuracy" if data.labels else "token_accuracy"
    assert reported[f"train/epoch_{name}"] == pytest.approx(accuracy, abs=1e-10)
    penalty = 0.5 * reported["train/epoch_penalty"] if data.labels else 0.0
    assert reported["train/epoch_loss"] == pytest.approx(nll + penalty, abs=1e-10)


def test_the_means_of_an_epoch_leave_out_the_epochs_before(texts: PreparedData) -> None:
    _, diary = trained(texts, sizes=batch_sizes(16))
    assert len(diary.losses) == 12
    assert diary.epochs[0]["train/epoch_loss"] == pytest.approx(sum(diary.losses[6:]) / 6, abs=1e-12)


def test_a_step_logs_the_mean_over_its_own_rows(data: PreparedData) -> None:
    _, diary = trained(data, still(), batch_sizes(1000, 60), trainer={"max_epochs": 1})
    reported = diary.epochs[0]
    assert len(diary.losses) == 1
    assert reported["train/loss"] == pytest.approx(diary.losses[0], abs=1e-10)
    assert reported["train/loss"] == pytest.approx(reported["train/epoch_loss"], abs=1e-12)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_scores_cover_every_row_once(data: PreparedData, split: str) -> None:
    task, module, trainer = small_task(data), module_of(data, batch_sizes(16, 50)), small_trainer()
    evaluate = trainer.validate if split == "validation" else trainer.test
    evaluate(task, datamodule=module, verbose=False)
    reported = {name.removeprefix(f"{split}/"): float(v) for name, v in trainer.callback_metrics.items()}
    assert [record["row"] for record in task.records] == list(range(len(data.splits[split])))
    nll, accuracy = nll_and_accuracy(task, whole_split(data, split))
    assert reported["loss"] == pytest.approx(nll, rel=1e-6)  # Lightning keeps numbers as fp32

    predicted = [record["predicted"] for record in task.records]
    if data.labels:
        right = [record["label"] for record in task.records]
        assert (
            reported["accuracy"] == pytest.approx(accuracy_score(right, predicted)) == pytest.approx(accuracy)
        )
        assert reported["macro_f1"] == pytest.approx(f1_score(right, predicted, average="macro"))
        for record in task.records:
            assert math.fsum(record["probabilities"].values()) == pytest.approx(1.0)
            assert max(record["probabilities"], key=record["probabilities"].get) == record["predicted"]
    else:
        right = [record["target"] for record in task.records]
        bleu = sacrebleu.corpus_bleu(predicted, [right], tokenize="none")
        assert reported["bleu"] == pytest.approx(bleu.score)
        assert reported["exact_match"] == pytest.approx(accuracy_score(right, predicted))
        assert reported["token_accuracy"] == pytest.approx(accuracy, rel=1e-6)


def test_records_name_the_rows_of_the_split(data: PreparedData) -> None:
    task = small_task(data)
    small_trainer().test(task, datamodule=module_of(data), verbose=False)
    role = "text" if data.labels else "source"
    rows = torch.arange(len(data.splits["test"])).numpy()
    assert [record[role] for record in task.records] == data.splits["test"].raw(role, rows)


def test_a_filler_counts_nothing(data: PreparedData) -> None:
    """In training and in evaluation: appended to every step, it changes neither a sum nor a gradient."""
    task, module = small_task(data), module_of(data, batch_sizes(16, 60))
    task.trainer = small_trainer()
    split = data.splits["validation"]
    collate = collate_classification if data.labels else collate_seq2seq
    filler = collate(split, torch.arange(3).numpy(), is_filler=True, with_raw=True)

    def sums(batches) -> dict[str, torch.Tensor]:
        task.begin_evaluation()
        for batch in batches:
            task.evaluation_step(batch)
        return dict(task.evaluation_sums.pairs)

    module.trainer = None
    batches = list(module.val_dataloader())
    without = sums(batches)
    rows = sorted(record["row"] for record in task.records)
    with_filler = sums([*batches, filler])
    assert sorted(record["row"] for record in task.records) == rows == list(range(len(split)))
    for name, pair in without.items():
        torch.testing.assert_close(with_filler[name], pair, rtol=0, atol=0)

    counts = task.global_counts([batches[0], filler])
    assert counts == task.global_counts([batches[0]])
    objective = task.objective(task.learn(filler).terms, counts)
    gradients = torch.autograd.grad(objective, list(task.model.parameters()), allow_unused=True)
    assert objective.item() == 0.0
    assert all(gradient is None or not gradient.any() for gradient in gradients)
