"""``attendo train init_from=…``, ``freeze=`` and ``learning_rates=`` from the command line."""

from pathlib import Path

import pytest
import torch

from command_line import FAST, SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, attendo, trained

SMALL = (*SMALL_CLASSIFIER, *SMALL_DATA, "logger=none")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(*SMALL, f"hydra.run.dir={tmp_path_factory.mktemp('pretrained') / 'run'}").folder


def weights(folder: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


@pytest.mark.parametrize("form", ["run folder", "checkpoint file"])
def test_frozen_weights_are_those_of_the_earlier_run(run: Path, tmp_path: Path, form: str) -> None:
    place = run if form == "run folder" else run / "checkpoints" / "best.ckpt"
    ended = trained(*SMALL, f"init_from={place}", "freeze=[encoder.*]", "seed=5")
    assert "starting from" in ended.out
    assert "loaded 1" in ended.out
    before, after = weights(run, "best"), weights(ended.folder)
    frozen = [name for name in before if name.startswith("model.encoder.")]
    assert frozen
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    free = [name for name in before if name.startswith("model.mlp.")]
    assert free
    assert not any(torch.equal(before[name], after[name]) for name in free)


def test_another_vocabulary_is_resized_and_said_so(run: Path) -> None:
    ended = trained(*SMALL, f"init_from={run}", "tokenizer.maximum_size=40")
    line = next(line for line in ended.out.splitlines() if line.startswith("resized embedding"))
    assert "40 of 40 tokens" in line


def test_a_resumed_run_does_not_look_for_what_it_started_from(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "best.ckpt"
    copy.write_bytes((run / "checkpoints" / "best.ckpt").read_bytes())
    folder = trained(*SMALL, f"init_from={copy}", f"hydra.run.dir={tmp_path / 'second'}").folder
    copy.unlink()
    ended = attendo("train", f"resume={folder}", "trainer.max_epochs=2")
    assert ended.code == 0, ended.err
    assert "starting from" not in ended.out


def test_a_factor_of_nothing_keeps_weights_where_they_are(run: Path) -> None:
    ended = trained(*SMALL, f"init_from={run}", "learning_rates={encoder.*: 0}")
    before, after = weights(run, "best"), weights(ended.folder)
    name = next(name for name in before if name.startswith("model.encoder."))
    assert torch.equal(before[name], after[name])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("init_from=nowhere",), "init_from=nowhere: there is no such file or folder"),
        (("freeze=[encodr.*]",), "freeze"),
        (("freeze=['*']",), "freeze"),
        (("learning_rates={encodr.*: 0.1}",), "learning_rates"),
        (("learning_rates={encoder.*: -1}",), "learning_rates"),
        (("unfreeze_at_step=3",), "unfreeze_at_step"),
    ],
)
def test_mistakes_are_found_before_data_is_read(words: tuple[str, ...], message: str) -> None:
    ended = attendo("train", *SMALL, *words)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert "rows" not in ended.out


def test_nothing_that_fits_is_refused_before_data_is_read(run: Path) -> None:
    ended = attendo("train", *SMALL_TRANSFORMER, f"init_from={run}")
    assert ended.code == 2
    assert "init_from" in ended.err or "fits" in ended.err
    assert "rows" not in ended.out


BINARY = (*SMALL, "model.head=binary")


@pytest.fixture(scope="module")
def binary_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(*BINARY, f"hydra.run.dir={tmp_path_factory.mktemp('binary') / 'run'}").folder


def test_a_binary_head_goes_on_with_the_same_classes_but_with_a_temperature_of_its_own(
    binary_run: Path,
) -> None:
    before = weights(binary_run, "best")
    assert before["model.temperature"] != 1
    ended = trained(*BINARY, f"init_from={binary_run}", "freeze=[mlp.*]", "task.fit_temperature=false")
    after = weights(ended.folder)
    assert torch.equal(before["model.mlp.3.weight"], after["model.mlp.3.weight"])
    assert after["model.temperature"] == 1


def test_a_binary_head_is_not_put_upon_other_classes(binary_run: Path) -> None:
    ended = attendo("train", *FAST, *BINARY, f"init_from={binary_run}", "data.labels=[positive,negative]")
    assert ended.code == 2
    assert "give data.labels in the checkpoint's order" in ended.err


def test_a_head_of_many_classes_does_not_take_a_binary_one(binary_run: Path) -> None:
    ended = trained(*SMALL, f"init_from={binary_run}")
    assert "mlp.3.weight" in ended.out
