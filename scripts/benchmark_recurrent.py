"""Speed and long memory of JANET and IndRNN against torch's layers, in raw training loops.

    python scripts/benchmark_recurrent.py speed
    python scripts/benchmark_recurrent.py adding --layer indrnn --length 100 --layers 2 --steps 3000
    python scripts/benchmark_recurrent.py adding --layer janet --length 200 --learning-rate 1e-3 --steps 4000
    python scripts/benchmark_recurrent.py copy --layer janet --length 50 --learning-rate 4e-3 --steps 8000
    python scripts/benchmark_recurrent.py mnist --folder "$ATTENDO_DATA_DIR/mnist" --layer indrnn --layers 6 \
        --batch-norm --batch 256 --steps 235           # one epoch; on a GPU: --steps 60000 --device cuda
    python scripts/benchmark_recurrent.py mnist --folder "$ATTENDO_DATA_DIR/mnist" --permuted --layer janet \
        --learning-rate 1e-3 --batch 200 --steps 30000 --device cuda                         # 100 epochs
"""

import argparse
import gzip
import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attendo.models.layers.recurrent import JANET, IndRNN


class Batch(NamedTuple):
    inputs: Tensor  # time batch feature
    targets: Tensor  # batch, or time batch where every step is read


class Task(NamedTuple):
    """A stream of training batches, and how its predictions are judged."""

    features: int
    outputs: int
    batches: Iterator[Batch]
    loss: Callable[[Tensor, Tensor], Tensor]  # of predictions (time, batch, output) and targets
    measures: Callable[[Tensor, Tensor], dict[str, Tensor]]
    baseline: str
    held_out: list[Batch]


def adding(length: int, batch: int, random: torch.Generator) -> Iterator[Batch]:
    """Numbers in [0, 1) and two marks, one in each half: the target is the sum of the marked numbers."""
    row = torch.arange(batch)
    while True:
        numbers = torch.rand(length, batch, generator=random)
        marks = torch.zeros(length, batch)
        first = torch.randint(length // 2, (batch,), generator=random)
        second = torch.randint(length // 2, length, (batch,), generator=random)
        marks[first, row] = marks[second, row] = 1
        yield Batch(torch.stack([numbers, marks], dim=-1), numbers[first, row] + numbers[second, row])


def copying(length: int, batch: int, random: torch.Generator) -> Iterator[Batch]:
    """Ten of eight symbols, `length` blanks of which the last is the signal, ten blanks to answer in."""
    while True:
        symbols = torch.randint(1, 9, (10, batch), generator=random)
        inputs, targets = torch.zeros(2, length + 20, batch, dtype=torch.long)
        inputs[:10], targets[-10:] = symbols, symbols
        inputs[length + 9] = 9
        yield Batch(F.one_hot(inputs, 10).float(), targets)


def read_idx(path: Path, header: int) -> Tensor:
    return torch.from_numpy(np.frombuffer(gzip.decompress(path.read_bytes())[header:], np.uint8).copy())


def mnist_part(folder: Path, part: str, order: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels (image, time) in the order they are read, and digits."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz", header=16).view(-1, 784)
    digits = read_idx(folder / f"{part}-labels-idx1-ubyte.gz", header=8).long()
    return images[:, order], digits


def mnist_batch(images: Tensor, digits: Tensor) -> Batch:
    return Batch(images.T[:, :, None].float() / 255, digits)


def mnist_batches(images: Tensor, digits: Tensor, batch: int, random: torch.Generator) -> Iterator[Batch]:
    while True:
        for rows in torch.randperm(len(images), generator=random).split(batch):
            yield mnist_batch(images[rows], digits[rows])


def squared_error(predictions: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(predictions[-1, :, 0], targets)


def last_step_entropy(predictions: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(predictions[-1], targets)


def every_step_entropy(predictions: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(predictions.flatten(0, 1), targets.flatten())


def build_task(arguments: argparse.Namespace, random: torch.Generator) -> Task:
    length, batch = arguments.length, arguments.batch
    if arguments.task == "adding":
        batches = adding(length, batch, random)
        held_out = [next(adding(length, 1000, random))]
        baseline = "0.167 mean squared error for always answering 1"
        return Task(2, 1, batches, squared_error, lambda p, t: {}, baseline, held_out)
    if arguments.task == "copy":
        batches = copying(length, batch, random)
        baseline = f"{10 * math.log(8) / (length + 20):.4f} nats a step for guessing"

        def recalled(predictions: Tensor, targets: Tensor) -> dict[str, Tensor]:
            return {"recalled": (predictions[-10:].argmax(-1) == targets[-10:]).float().mean()}

        held_out = [next(copying(length, 1000, random))]
        return Task(10, 9, batches, every_step_entropy, recalled, baseline, held_out)
    order = torch.randperm(784, generator=random) if arguments.permuted else torch.arange(784)
    batches = mnist_batches(*mnist_part(arguments.folder, "train", order), batch, random)
    images, digits = mnist_part(arguments.folder, "t10k", order)
    held_out = [mnist_batch(*rows) for rows in zip(images.split(250), digits.split(250), strict=True)]

    def accuracy(predictions: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"accuracy": (predictions[-1].argmax(-1) == targets).float().mean()}

    return Task(1, 10, batches, last_step_entropy, accuracy, "10 % for guessing", held_out)


def build_layers(arguments: argparse.Namespace, features: int, length: int) -> nn.Module:
    shape = (features, arguments.hidden, arguments.layers)
    if arguments.layer == "janet":
        return JANET(*shape, chrono_max_length=length if arguments.chrono else None)
    if arguments.layer == "indrnn":
        return IndRNN(*shape, recurrent_max_length=length, batch_norm=arguments.batch_norm)
    return {"lstm": nn.LSTM, "gru": nn.GRU}[arguments.layer](*shape)


def evaluate(layers: nn.Module, read_out: nn.Module, task: Task, device: str) -> dict[str, float]:
    """Means over the held-out batches, which are of one size."""
    layers.eval()
    measured: dict[str, list[float]] = {}
    with torch.no_grad():
        for batch in task.held_out:
            inputs, targets = batch.inputs.to(device), batch.targets.to(device)
            predictions = read_out(layers(inputs)[0])
            values = {"loss": task.loss(predictions, targets), **task.measures(predictions, targets)}
            for name, value in values.items():
                measured.setdefault(name, []).append(value.item())
    layers.train()
    return {name: statistics.mean(values) for name, values in measured.items()}


def learn(arguments: argparse.Namespace) -> None:
    """Train on one task and print the held-out measures as it goes."""
    torch.manual_seed(arguments.seed)
    task = build_task(arguments, torch.Generator().manual_seed(arguments.seed))
    device, length = arguments.device, len(task.held_out[0].inputs)
    layers = build_layers(arguments, task.features, length).to(device)
    read_out = nn.Linear(arguments.hidden, task.outputs).to(device)
    weights = [*layers.parameters(), *read_out.parameters()]
    optimizer = torch.optim.Adam(weights, lr=arguments.learning_rate)
    print(f"{layers}\n{task.baseline}", flush=True)
    start = time.perf_counter()
    for step in range(1, arguments.steps + 1):
        batch = next(task.batches)
        predictions = read_out(layers(batch.inputs.to(device))[0])
        optimizer.zero_grad()
        task.loss(predictions, batch.targets.to(device)).backward()
        nn.utils.clip_grad_norm_(weights, arguments.clip)
        optimizer.step()
        if isinstance(layers, IndRNN):
            layers.constrain_()
        if step % arguments.every == 0 or step == arguments.steps:
            measures = evaluate(layers, read_out, task, device)
            text = "  ".join(f"{name} {value:.5f}" for name, value in measures.items())
            elapsed = time.perf_counter() - start
            print(f"{arguments.layer} step {step}  {text}  {elapsed:.0f} s", flush=True)


def speed(arguments: argparse.Namespace) -> None:
    """Forward and backward on one batch, the layers in turn, as medians and ratios to `nn.LSTM`."""
    size, device = arguments.hidden, arguments.device
    inputs = torch.randn(arguments.length, arguments.batch, size, device=device, requires_grad=True)
    layers = {"LSTM": nn.LSTM, "GRU": nn.GRU, "JANET": JANET, "IndRNN": IndRNN}
    built = {name: layer(size, size).to(device) for name, layer in layers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in built}
    for turn in range(arguments.turns + 1):
        for name, layer in built.items():
            synchronize(device)
            start = time.perf_counter() if device == "cuda" else time.process_time()
            layer(inputs)[0].sum().backward()
            synchronize(device)
            end = time.perf_counter() if device == "cuda" else time.process_time()
            if turn > 0:  # the first warms up
                seconds[name].append(end - start)
    for name, values in seconds.items():
        ratio = statistics.median(value / lstm for value, lstm in zip(values, seconds["LSTM"], strict=True))
        print(f"{name:7} {statistics.median(values) * 1e3:7.1f} ms   {ratio:.2f} of nn.LSTM")


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=["speed", "adding", "copy", "mnist"])
    parser.add_argument("--layer", choices=["janet", "indrnn", "lstm", "gru"], default="indrnn")
    parser.add_argument("--length", type=int, help="steps of a sequence (speed 200, adding 100, copy 50)")
    parser.add_argument("--hidden", type=int, help="features per state (speed 256, else 128)")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--batch", type=int, help="sequences (speed 64, mnist 200, else 50)")
    parser.add_argument("--steps", type=int, default=3000, help="optimizer steps")
    parser.add_argument("--every", type=int, default=250, help="optimizer steps between held-out measures")
    parser.add_argument("--learning-rate", type=float, default=2e-4, help="of Adam")
    parser.add_argument("--clip", type=float, default=5.0, help="norm of the whole gradient")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=15, help="timed runs of each layer (speed)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--chrono", action=argparse.BooleanOptionalAction, default=True, help="JANET's biases"
    )
    parser.add_argument("--batch-norm", action="store_true", help="IndRNN's")
    parser.add_argument("--permuted", action="store_true", help="read pixels in one random order")
    parser.add_argument("--folder", type=Path, help="the four gzipped IDX files of MNIST")
    arguments = parser.parse_args()
    if arguments.task == "mnist" and arguments.folder is None:
        parser.error("mnist needs --folder with its gzipped IDX files")
    arguments.length = arguments.length or {"speed": 200, "copy": 50}.get(arguments.task, 100)
    arguments.batch = arguments.batch or {"speed": 64, "mnist": 200}.get(arguments.task, 50)
    arguments.hidden = arguments.hidden or (256 if arguments.task == "speed" else 128)
    return arguments


if __name__ == "__main__":
    given = read_arguments()
    torch.set_num_threads(given.threads)
    speed(given) if given.task == "speed" else learn(given)
