"""Two processes train as one does."""

import os
import socket
from pathlib import Path

import pytest
import torch

from attendo.callbacks import Progress, Throughput
from attendo.data.preparation import PreparedData
from attendo.optim import ClipNorm
from attendo.tasks import Task
from copying_runs import copier, copying_module, copying_pairs
from small_runs import (
    Diary,
    batch_sizes,
    module_of,
    optimization,
    prepared_pairs,
    prepared_texts,
    seq2seq_task,
    small_task,
    small_trainer,
)

PREPARE = {"texts": prepared_texts, "pairs": prepared_pairs, "copied": copying_pairs}
SIZES = (45, 13, 11)  # odd, in steps of 9 sentences: one rank has a sentence more than the other


def train_and_test(
    data: PreparedData, copies: bool, **trainer: object
) -> tuple[Task, Diary, dict[str, float]]:
    """Steps in small pieces, so that the ranks differ in their number and fillers have to even them out."""
    how, diary = optimization(clip=ClipNorm(max_norm=0.5, norm_type=2.0)), Diary()
    if copies:  # every micro-batch has its own unknown words
        model = copier(data, 16).double()
        task: Task = seq2seq_task(model, how, data, label_smoothing=0.1, coverage=1.0, r_drop=1.0)
    else:
        task = small_task(data, how)
    module = (copying_module if copies else module_of)(data, batch_sizes(9, 45))
    runner = small_trainer(diary, Throughput(), Progress(0.0, 0.0), **trainer)
    runner.fit(task, datamodule=module)
    scores = diary.epochs[0]
    runner.test(task, datamodule=module, verbose=False)
    return task, diary, {**scores, **{k: float(v) for k, v in runner.callback_metrics.items()}}


def work(rank: int, port: int, folder: str) -> None:
    """One of two processes: trains all tasks and writes down what came out."""
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_RANK=str(rank), NODE_RANK="0", WORLD_SIZE="2"
    )
    for kind, prepare in PREPARE.items():
        data = prepare(Path(folder) / f"cache{rank}", SIZES)
        task, diary, scores = train_and_test(data, kind == "copied", strategy="ddp", devices=2)
        result = {
            "weights": task.state_dict(),
            "micro_batches": diary.micro_batches,
            "fillers": diary.fillers,
            "scores": scores,
            "records": task.records,
        }
        torch.save(result, Path(folder) / f"{kind}{rank}.pt")


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (port, str(folder)), nprocs=2)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", PREPARE)
def test_two_processes_train_as_one_does(kind: str, two_processes: Path, tmp_path: Path) -> None:
    alone, _, scores = train_and_test(PREPARE[kind](tmp_path, SIZES), kind == "copied")
    of_rank = [torch.load(two_processes / f"{kind}{rank}.pt", weights_only=True) for rank in range(2)]
    assert of_rank[0]["micro_batches"] == of_rank[1]["micro_batches"]
    assert any(together["fillers"] for together in of_rank)
    for together in of_rank:
        for name, weight in alone.state_dict().items():
            torch.testing.assert_close(together["weights"][name], weight, rtol=0, atol=1e-12)
        exact = {
            name: value for name, value in scores.items() if not name.startswith(("throughput", "train/"))
        }
        assert {name: together["scores"][name] for name in exact} == pytest.approx(exact, abs=1e-12)
        epoch_means = [name for name in scores if name.startswith("train/")]
        for name in epoch_means:
            assert together["scores"][name] == pytest.approx(scores[name], abs=1e-12), name
        assert [record["row"] for record in together["records"]] == list(range(SIZES[2]))
        assert [record["predicted"] for record in together["records"]] == [
            record["predicted"] for record in alone.records
        ]
