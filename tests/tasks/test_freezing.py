"""Training with frozen parameters and with learning rates of their own."""

import functools
import logging
import os
import socket
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import nn
from torch.nn import functional

from attendo.checkpoint import DurableCheckpointIO
from attendo.data.preparation import PreparedData
from attendo.optim import ClipNorm, Freezing, noam
from small_runs import (
    Diary,
    batch_sizes,
    largest_difference,
    module_of,
    optimization,
    prepared_texts,
    small_task,
    small_trainer,
    trained,
)

OPTIMIZERS = {
    "adamw": functools.partial(torch.optim.AdamW, lr=1e-2, weight_decay=0.3),
    "adam": functools.partial(torch.optim.Adam, lr=1e-2, weight_decay=0.3),
    "sgd": functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.3),
}
CLIP = ClipNorm(max_norm=0.1, norm_type=2.0)
FROZEN = "encoder.*"


def is_frozen(name: str) -> bool:
    return name.startswith("encoder.")


def plain_loop(data: PreparedData, optimizer: torch.optim.Optimizer, model: nn.Module, unfreeze: int) -> None:
    """Two epochs of cross-entropy by hand; what is frozen cannot have a gradient until it thaws."""
    plan = module_of(data, batch_sizes(16)).train_dataloader()
    for epoch in range(2):
        for step in range(plan.steps):
            for name, parameter in model.named_parameters():
                parameter.requires_grad_(not is_frozen(name) or epoch * plan.steps + step >= unfreeze)
            (batch,) = plan.build(epoch, step)
            optimizer.zero_grad()
            functional.cross_entropy(model(batch.tokens, batch.is_padding).logits, batch.labels).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()


def halves(model: nn.Module) -> list[dict]:
    """Matrices but for the embedding, and the rest, which does not decay."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and name != "embedding.weight"]
    rest = [p for name, p in model.named_parameters() if p.ndim == 1 or name == "embedding.weight"]
    return [{"params": matrices}, {"params": rest, "weight_decay": 0.0}]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_frozen_for_good_stays_bit_for_bit(data: PreparedData, name: str) -> None:
    how = optimization(OPTIMIZERS[name], clip=CLIP, freezing=Freezing([FROZEN], None))
    before = dict(small_task(data, how).model.named_parameters())
    after, _ = trained(data, how, batch_sizes(16, 60), dropout=0.1)
    for key, value in after.model.named_parameters():
        assert torch.equal(value, before[key]) == is_frozen(key), key
    moved = {id(p) for group in after.optimizers().param_groups for p in group["params"]}
    assert all((id(p) in moved) != is_frozen(key) for key, p in after.model.named_parameters())
    assert all(p.grad is None for key, p in after.model.named_parameters() if is_frozen(key))


@pytest.mark.parametrize("unfreeze", [5, 6, 10**6])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_unfreezing_equals_a_loop_written_by_hand(texts: PreparedData, name: str, unfreeze: int) -> None:
    """Under decay, momentum and clipping, which all must see nothing of what is still frozen."""
    how = optimization(OPTIMIZERS[name], clip=CLIP, freezing=Freezing([FROZEN], unfreeze))
    settings = {"smoothing": 0.0, "penalty": 0.0}
    ours, _ = trained(texts, how, batch_sizes(16, 60), **settings)
    theirs = small_task(texts, **settings).model
    start = {key: value.detach().clone() for key, value in theirs.named_parameters()}
    plain_loop(texts, OPTIMIZERS[name](halves(theirs)), theirs, unfreeze)
    assert largest_difference(ours.model, theirs) < 1e-9
    stayed = [
        torch.equal(value, start[key]) for key, value in ours.model.named_parameters() if is_frozen(key)
    ]
    assert all(stayed) if unfreeze > 12 else not any(stayed)


def test_the_schedule_does_not_wait_for_what_is_frozen(texts: PreparedData) -> None:
    warm = functools.partial(noam, warmup_steps=5, width=64, factor=1.0)
    _, frozen = trained(texts, optimization(schedule=warm, freezing=Freezing([FROZEN], 4)))
    _, free = trained(texts, optimization(schedule=warm))
    assert frozen.rates == free.rates and frozen.losses != free.losses


def test_an_end_before_the_thaw_is_told(texts: PreparedData, caplog: pytest.LogCaptureFixture) -> None:
    for step, is_told in ((11, False), (12, True)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            trained(texts, optimization(freezing=Freezing([FROZEN], step)), trainer={"max_steps": 12})
        assert ("what is frozen stays frozen" in caplog.text) == is_told


def interrupted(
    data: PreparedData, folder: Path, resume: Path | None = None
) -> tuple[pl.LightningModule, Diary]:
    """Twelve steps with a checkpoint every three; what is frozen thaws after the fifth."""
    slowly = {"mlp.*" if data.labels else "decoder.*": 0.3}
    freezing = Freezing([FROZEN], 5)
    how = optimization(OPTIMIZERS["adamw"], clip=CLIP, freezing=freezing, learning_rates=slowly)
    task, diary = small_task(data, how, dropout=0.2), Diary()
    saver = ModelCheckpoint(folder, filename="{step}", save_top_k=-1)
    trainer = small_trainer(
        diary, saver, enable_checkpointing=True, plugins=[DurableCheckpointIO()], val_check_interval=0.5
    )
    trainer.fit(task, datamodule=module_of(data, batch_sizes(16, 60)), ckpt_path=resume, weights_only=True)
    return task, diary


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
def test_a_resumed_run_thaws_where_it_would_have(data: PreparedData, folder: Path) -> None:
    """From before and from after the thaw, bit for bit; there is nothing to save for it."""
    whole, in_one = interrupted(data, folder / "whole")
    for done in (3, 6, 9):
        again, resumed = interrupted(data, folder / str(done), folder / "whole" / f"step={done}.ckpt")
        assert resumed.losses == in_one.losses[done:] and resumed.rates == in_one.rates[done:]
        assert largest_difference(whole, again) == 0.0
        assert str(whole.optimizers().state_dict()) == str(again.optimizers().state_dict())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learning_rates_equal_groups_made_by_hand(texts: PreparedData, name: str) -> None:
    how = optimization(OPTIMIZERS[name], clip=CLIP, learning_rates={FROZEN: 0.1, "*hh*": 3, "mlp.*": 0.0})
    settings = {"smoothing": 0.0, "penalty": 0.0}
    ours, _ = trained(texts, how, batch_sizes(16, 60), **settings)
    theirs = small_task(texts, **settings).model
    groups = []
    for key, parameter in theirs.named_parameters():
        factor = 3.0 if "hh" in key else 0.1 if is_frozen(key) else 0.0 if key.startswith("mlp") else 1.0
        decays = parameter.ndim == 2 and key != "embedding.weight"
        spared = {} if decays else {"weight_decay": 0.0}
        groups.append({"params": [parameter], "lr": OPTIMIZERS[name].keywords["lr"] * factor, **spared})
    start = {key: value.detach().clone() for key, value in theirs.named_parameters()}
    plain_loop(texts, OPTIMIZERS[name](groups), theirs, unfreeze=0)
    assert largest_difference(ours.model, theirs) < 1e-9
    for key, value in ours.model.named_parameters():
        assert torch.equal(value, start[key]) == key.startswith("mlp"), key


def test_every_learning_rate_is_logged_under_a_name_of_its_own(texts: PreparedData, folder: Path) -> None:
    how = optimization(learning_rates={FROZEN: 0.1, "mlp.3.bias": 2})
    logger = CSVLogger(folder, name="", version="")
    trained(texts, how, None, LearningRateMonitor("step"), trainer={"logger": logger, "max_steps": 2})
    names, line, *_ = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()
    rates = {
        n: float(v) for n, v in zip(names.split(","), line.split(","), strict=True) if n.startswith("lr-")
    }
    assert rates == pytest.approx(
        {
            "lr-SGD/decaying": 0.1,
            "lr-SGD/spared": 0.1,
            "lr-SGD/decaying_x0.1": 0.01,
            "lr-SGD/spared_x0.1": 0.01,
            "lr-SGD/spared_x2.0": 0.2,
        }
    )


def frozen_run(cache: Path, unfreeze: int | None, **trainer: object) -> pl.LightningModule:
    how = optimization(OPTIMIZERS["adamw"], clip=CLIP, freezing=Freezing([FROZEN], unfreeze))
    task = small_task(prepared_texts(cache, (45, 13, 11)), how)
    small_trainer(**trainer).fit(
        task, datamodule=module_of(prepared_texts(cache, (45, 13, 11)), batch_sizes(9, 45))
    )
    return task


def work(rank: int, port: int, folder: str) -> None:
    """One of two processes."""
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_RANK=str(rank), NODE_RANK="0", WORLD_SIZE="2"
    )
    for unfreeze in (None, 4):
        task = frozen_run(Path(folder) / f"cache{rank}", unfreeze, strategy="ddp", devices=2)
        torch.save(task.state_dict(), Path(folder) / f"{unfreeze}-{rank}.pt")


@pytest.mark.slow
def test_two_processes_freeze_and_thaw_as_one_does(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (port, str(folder)), nprocs=2)
    for unfreeze in (None, 4):
        alone = frozen_run(folder / "cache", unfreeze).state_dict()
        for rank in range(2):
            together = torch.load(folder / f"{unfreeze}-{rank}.pt", weights_only=True)
            for name, weight in alone.items():
                torch.testing.assert_close(together[name], weight, rtol=0, atol=1e-10)
