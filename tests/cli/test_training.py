"""What a training does between its first and its last step: stopping, saving, validating, logging."""

import json
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from command_line import SMALL_CLASSIFIER, SMALL_DATA, attendo, trained

ALL = tuple(f"trainer.limit_{name}_batches=null" for name in ("train", "val", "test"))
RUN = (*SMALL_DATA, *SMALL_CLASSIFIER, *ALL, "trainer=cpu", "data.sentences_per_step=16")  # 4 steps an epoch


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def step_of(folder: Path, name: str) -> int:
    checkpoint = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    step: int = checkpoint["global_step"]
    return step


def curves(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def test_last_is_the_last_step_and_best_the_best_even_when_scores_fall() -> None:
    """A learning rate of 0 never brings anything better than the first validation."""
    folder = trained(*RUN, "trainer.max_epochs=3", "optimizer.lr=0.0").folder
    assert (step_of(folder, "best"), step_of(folder, "last")) == (4, 12)


@pytest.mark.parametrize("steps", [3, 6])
def test_training_that_ends_inside_an_epoch_is_validated_and_saved(steps: int) -> None:
    folder = trained(*RUN, "trainer.max_epochs=3", f"trainer.max_steps={steps}").folder
    assert step_of(folder, "last") == steps
    validations = curves(folder).Scalars("validation/loss")
    assert [event.step for event in validations][-1] == steps - 1  # Lightning counts from 0
    assert json.loads((folder / "metrics.json").read_text())["test"]["test/accuracy"] >= 0


def test_validation_may_come_several_times_an_epoch() -> None:
    folder = trained(*RUN, "trainer.max_epochs=1", "trainer.val_check_interval=0.5").folder
    assert [event.step for event in curves(folder).Scalars("validation/accuracy")] == [1, 3]


def test_training_stops_early_when_nothing_gets_better() -> None:
    words = ("trainer.max_epochs=9", "optimizer.lr=0.0", "callbacks.early_stopping.patience=2")
    assert step_of(trained(*RUN, *words).folder, "last") == 12  # the first validation, and two in vain


def test_tensorboard_has_the_learning_rate_the_speed_the_losses_and_samples() -> None:
    folder = trained(*RUN, "trainer.max_epochs=1", "scheduler.warmup_steps=4").folder
    events = curves(folder)
    rates = [event.value for event in events.Scalars("lr-Adam/decaying")]
    assert rates == pytest.approx([0.00025, 0.0005, 0.00075, 0.001])
    wanted = {
        "train/loss",
        "train/accuracy",
        "train/epoch_loss",
        "train/epoch_accuracy",
        "validation/macro_f1",
    }
    assert wanted | {"throughput/tokens_per_second", "throughput/padding_share"} <= set(
        events.Tags()["scalars"]
    )
    assert events.Tags()["tensors"] == ["validation/samples/text_summary"]


def test_the_parameters_are_counted() -> None:
    ended = trained(*RUN, "trainer.max_epochs=1")
    weights = torch.load(ended.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    total = sum(weight.numel() for name, weight in weights.items() if name != "model.temperature")
    assert f"SelfAttentiveClassifier: {total:,} parameters (embedding " in ended.out


@pytest.mark.parametrize(("words", "message"), [
    (["+trainer.gradient_clip_val=1.0"], "trainer.gradient_clip_val: use clipping=norm"),
    (["+trainer.accumulate_grad_batches=2"], "accumulate_grad_batches: use data.tokens_per_micro_batch"),
    (["monitor.metric=validation/loss"], "add monitor.mode=min"),
    (["monitor.mode=min"], "add monitor.mode=max"),
    (["trainer.limit_val_batches=0"], "add callbacks.early_stopping=null"),
    (["callbacks.checkpoint.save_top_k=3"], "add callbacks.checkpoint.filename='{step}'"),
    (["seed=-1"], "seed=-1: expected 0 or more"),
    (["optimizer.lr=-1"], "optimizer: Invalid learning rate"),
    (["trainer.precision=64-true"], "trainer.precision=64-true: expected 32-true"),
    (["regularization.label_smoothing=1.5"], "regularization.label_smoothing=1.5: expected"),
    (["model=transformer", "model.positions=learned", "data.max_length=1024"], "model.max_positions=1024"),
    (["model/encoder=transformer", "model.encoder.positions=learned", "data.max_length=1025"],
     "model.encoder.max_positions=1024"),
    (["model/encoder=transformer", "model.encoder.positions=learned", "data.max_length=null"],
     "data.max_length=None"),
])  # fmt: skip
def test_what_cannot_work_is_refused_before_data_is_read(words: list[str], message: str) -> None:
    ended = attendo("train", *words)
    assert ended.code == 2
    assert message in ended.err
    assert "rows" not in ended.out


def test_a_loss_that_is_no_number_ends_the_training_at_once() -> None:
    ended = attendo("train", *RUN, "optimizer=sgd", "optimizer.lr=1e30", "clipping=none", "debug=fast")
    assert ended.code == 2
    assert "the training loss is" in ended.err and "lower optimizer.lr" in ended.err


def test_a_folder_that_holds_a_run_is_not_written_over() -> None:
    words = (*RUN, "trainer.max_epochs=1", "hydra.run.dir=here")
    trained(*words)
    again = attendo("train", *words)
    assert again.code == 2
    assert "holds a run already" in again.err
