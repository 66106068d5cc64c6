"""Means of checkpoints, against numpy in float64."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from attendo.checkpoint import Contents, DurableCheckpointIO, StoreContents, place_of, read_checkpoint
from attendo.checkpoint.averaging import average_files, averaged
from attendo.data.preparation import PreparedData
from small_runs import module_of, small_task, small_trainer

CONFIG: dict[str, Any] = {"model": {}, "data": {}, "task": {}, "trainer": {}}


def contents_of(data: PreparedData) -> Contents:
    return Contents(CONFIG, data.tokenizers, data.labels)


@pytest.fixture(scope="module")
def run(pairs: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Checkpoints of a translator with tied embeddings, after each of three epochs."""
    folder = tmp_path_factory.mktemp("run")
    saver = ModelCheckpoint(folder, filename="{step:02d}", save_top_k=-1)
    trainer = small_trainer(
        *[saver, StoreContents(contents_of(pairs))],
        **{"enable_checkpointing": True, "plugins": [DurableCheckpointIO()], "max_epochs": 3},
    )
    trainer.fit(small_task(pairs, double=False), datamodule=module_of(pairs))
    return sorted(folder.glob("*.ckpt"))


def written(
    path: Path, data: PreparedData, step: int, labels: list[str] | None = None, **weights: Tensor
) -> Path:
    """A checkpoint made by hand."""
    stored = {**contents_of(data).to_dict(), "labels": labels or data.labels}
    state = {f"model.{name}": value for name, value in weights.items()}
    DurableCheckpointIO().save_checkpoint({"attendo": stored, "state_dict": state, "global_step": step}, path)
    return path


def test_every_weight_is_the_mean_in_float64(run: list[Path]) -> None:
    assert len(run) == 3
    states = [read_checkpoint(path)[1] for path in run]
    values = averaged(run).values
    assert list(values) == list(states[0])
    for name, value in values.items():
        mean = np.mean([state[name].numpy().astype(np.float64) for state in states], axis=0)
        np.testing.assert_array_equal(value.numpy(), mean.astype(np.float32))
        assert value.dtype == torch.float32
    assert any(not torch.equal(values[name], states[2][name]) for name in values)


def test_the_sum_does_not_lose_what_float32_would(texts: PreparedData, folder: Path) -> None:
    numbers = [1e8, 1.0, -1e8]
    paths = [
        written(folder / f"{step}.ckpt", texts, step, weight=torch.tensor([number]))
        for step, number in enumerate(numbers)
    ]
    assert averaged(paths).values["weight"].item() == pytest.approx(1 / 3)


def test_whole_numbers_are_those_after_the_most_steps(texts: PreparedData, folder: Path) -> None:
    def file(step: int) -> Path:
        values = {"count": torch.tensor(step), "seen": torch.tensor([step > 1]), "mean": torch.ones(1) * step}
        return written(folder / f"{step}.ckpt", texts, step, **values)

    mean = averaged([file(1), file(6), file(2)])
    assert mean.step == 6
    assert mean.values["count"].item() == 6 and mean.values["count"].dtype == torch.int64
    assert mean.values["seen"].tolist() == [True]
    assert mean.values["mean"].tolist() == [3.0]


def test_tied_weights_stay_one_tensor_in_the_file_and_in_the_model(
    run: list[Path], pairs: PreparedData, folder: Path
) -> None:
    average_files(run, folder / "average.ckpt")
    _, weights = read_checkpoint(folder / "average.ckpt")
    tied = ("source_embedding.weight", "target_embedding.weight", "projection.weight")
    assert len({weights[name].data_ptr() for name in tied}) == 1
    assert len({weights[name].data_ptr() for name in weights}) == len(weights) - 2
    model = small_task(pairs, double=False).model
    model.load_state_dict(weights)
    assert len({id(parameter) for parameter in model.parameters()}) == len(weights) - 2


def test_the_mean_of_a_file_with_itself_is_the_file(run: list[Path], folder: Path) -> None:
    average_files([run[0]] * 3, folder / "average.ckpt")
    average_files([folder / "average.ckpt", run[0]], folder / "again.ckpt")  # averages can be averaged
    (contents, weights), (before, expected) = (read_checkpoint(p) for p in (folder / "again.ckpt", run[0]))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert contents == before


def test_lightning_tests_an_average_like_any_checkpoint(
    run: list[Path], pairs: PreparedData, folder: Path
) -> None:
    average_files(run, folder / "average.ckpt")
    task = small_task(pairs, double=False)
    trainer = small_trainer(StoreContents(contents_of(pairs)))
    trainer.test(task, module_of(pairs), ckpt_path=folder / "average.ckpt", weights_only=True, verbose=False)
    state = averaged(run).values
    assert all(torch.equal(value, state[name]) for name, value in task.model.state_dict().items())


def test_no_run_goes_on_from_an_average(run: list[Path], folder: Path) -> None:
    average_files(run, folder / "average.ckpt")
    with pytest.raises(ValueError, match=r"average\.ckpt holds weights alone.*init_from="):
        place_of(folder / "average.ckpt")
    assert place_of(run[0])[1] == 6


def test_files_of_different_models_are_refused(
    texts: PreparedData, pairs: PreparedData, folder: Path
) -> None:
    first = written(folder / "a.ckpt", texts, 1, weight=torch.ones(2))
    wide = written(folder / "b.ckpt", texts, 2, weight=torch.ones(3))
    more = written(folder / "c.ckpt", texts, 2, weight=torch.ones(2), bias=torch.ones(1))
    other_text = written(folder / "d.ckpt", pairs, 2, texts.labels, weight=torch.ones(2))
    other_labels = written(folder / "e.ckpt", texts, 2, ["x", "y"], weight=torch.ones(2))
    for path, reason in (
        (wide, r"its weight is \[3\], theirs \[2\]"),
        (more, r"its bias is \[1\], theirs missing"),
        (other_text, "it has other tokenizers"),
        (other_labels, "it has other labels"),
    ):
        with pytest.raises(ValueError, match=rf"{path.name} cannot be averaged .*{reason}"):
            averaged([first, path])
    with pytest.raises(ValueError, match="no checkpoints to average"):
        averaged([])
    (folder / "torn.ckpt").write_bytes(first.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"torn\.ckpt is no readable checkpoint"):
        averaged([first, folder / "torn.ckpt"])
