"""What both tasks share: an optimizer step over a list of micro-batches, evaluation over a whole split."""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import ParallelStrategy
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from attendo.data import Batch
from attendo.losses import Loss
from attendo.models.layers.recurrent import IndRNN
from attendo.optim import parameter_groups, scale_rates
from attendo.suggestions import did_you_mean
from attendo.tasks.optimization import Optimization, check_unscaled_in_time
from attendo.tasks.terms import Learned, RunningSums, Term

Record = dict[str, Any]  # what an evaluation says of one row: plain values, "row" among them


class Task(pl.LightningModule, ABC):
    """A model with its objective. Subclasses give ``learn``, ``evaluate`` and ``scores``.

    The objective's counts are summed over all micro-batches and ranks before the first backward, so how a
    step is cut changes nothing but rounding (dropout excepted: it draws anew for every micro-batch).

    Args:
        model: what learns.
        optimization: how its parameters are moved; None for a task that only evaluates. What it freezes for
            good is frozen at once.

    Attributes:
        roles: what a row of its data has.
        chief_metrics: those that the line after an epoch shows, beside the monitored one.
        records: what the last evaluation said of every row, in row order.
    """

    roles: ClassVar[tuple[str, ...]]
    chief_metrics: ClassVar[tuple[str, ...]] = ("loss",)

    def __init__(self, model: nn.Module, optimization: Optimization | None) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.plan = model, optimization
        self.thaw_later = optimization.freezing.freeze(model) if optimization else frozenset()
        self.epoch_sums, self.evaluation_sums = RunningSums(), RunningSums()
        self.term_weights: dict[str, float] = {}
        self.records: list[Record] = []

    @property
    def optimization(self) -> Optimization:
        assert self.plan is not None, "this task only evaluates"
        return self.plan

    @abstractmethod
    def learn(self, batch: Any) -> Learned:
        """Terms and metrics of a micro-batch in training."""

    @abstractmethod
    def evaluate(self, batch: Any) -> tuple[list[Record], Mapping[str, Loss]]:
        """A record for every row, and sums and counts to average over the split."""

    @abstractmethod
    def scores(self, records: Sequence[Record]) -> dict[str, float]:
        """Metrics over the records of a whole split."""

    def calibrate(self, records: Sequence[Record]) -> None:
        """Whatever of the model is fitted on a validation that is part of a training."""

    def details(self) -> dict[str, Any]:
        """What there is to say of the last evaluation beside its scores, in plain containers."""
        return {}

    def signatures(self) -> dict[str, str]:
        """What has to be said beside the scores for others to be comparable."""
        return {}

    # ------------------------------------------------------------------------------------------- training
    def training_step(self, batches: list[Batch], batch_idx: int) -> dict[str, Tensor]:
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        self.seed_generators()
        counts = self.global_counts(batches)
        optimizer.zero_grad()
        sums, objectives = RunningSums(), []
        for number, batch in enumerate(batches, start=1):
            with self.gradient_sync(number == len(batches)):
                learned = self.learn(batch)
                objective = self.objective(learned.terms, counts)
                with self.full_precision():
                    self.manual_backward(objective)
            objectives.append(objective.detach())
            for name, loss in {**{n: t.loss for n, t in learned.terms.items()}, **learned.metrics}.items():
                sums.add(name, loss)
            self.term_weights = {name: term.weight for name, term in learned.terms.items()}
        with self.full_precision():
            optimizer.step()  # calls on_before_optimizer_step, where gradients are whole and unscaled
        constrain(self.model)
        for config in self.trainer.lr_scheduler_configs:
            if not isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step()
        self.epoch_sums.update(sums)
        if self.trainer.global_step % max(1, self.trainer.log_every_n_steps) == 0:  # type: ignore[attr-defined]
            self.log_training(self.training_means(sums))
        if self.trainer.global_step == self.trainer.max_steps:
            self.trainer.should_stop = True  # which validates first, also in the middle of an epoch
        return {"loss": torch.stack(objectives).sum()}

    def log_training(self, means: Mapping[str, Tensor]) -> None:
        """Logs a step's means.

        Raises:
            ValueError: the loss is no number any more, so that further steps would be lost.
        """
        if not means["loss"].isfinite():
            raise ValueError(
                f"the training loss is {means['loss'].item()} at step {self.trainer.global_step}: lower "
                "optimizer.lr, clip more (clipping.max_norm), or warm up longer (scheduler.warmup_steps)"
            )
        self.log_dict({f"train/{name}": mean for name, mean in means.items()})

    def counts(self, batch: Any) -> dict[str, Tensor | int]:
        """What the terms of a micro-batch may be averaged over: unit → how many there are."""
        return {"sentences": batch.sentence_count, "tokens": batch.target_count}

    def global_counts(self, batches: Sequence[Batch]) -> dict[str, Tensor | int]:
        """Every unit's count over the whole step and all ranks; 1 instead of 0.

        On one rank plain numbers stay so: a tensor would make the host wait for the device.
        """
        of_batches = [self.counts(batch) for batch in batches]
        totals = {unit: sum(counts[unit] for counts in of_batches) for unit in of_batches[0]}
        if self.trainer.world_size > 1:
            local = [
                torch.as_tensor(total, device=self.device, dtype=torch.float32) for total in totals.values()
            ]
            everywhere = self.trainer.strategy.reduce(torch.stack(local), reduce_op="sum")
            totals = dict(zip(totals, everywhere, strict=True))
        return {unit: total + (total == 0) for unit, total in totals.items()}

    def objective(self, terms: Mapping[str, Term], counts: Mapping[str, Tensor | int]) -> Tensor:
        """This micro-batch's share of the objective. DDP and FSDP average gradients: hence the world size."""
        ranks = self.trainer.world_size
        shares = [term.loss.sum * (term.weight * ranks) / counts[term.unit] for term in terms.values()]
        return torch.stack(shares).sum()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        if self.optimization.freezing.holds(self.trainer.global_step):
            for name, parameter in self.model.named_parameters():
                if name in self.thaw_later:
                    parameter.grad = None  # the optimizer then passes it over: no momentum, no decay
        if self.optimization.clip is not None:
            self.optimization.clip([p for group in optimizer.param_groups for p in group["params"]])

    @contextmanager
    def gradient_sync(self, enabled: bool) -> Iterator[None]:
        """Lets gradients travel between the ranks, or not: they go with the last micro-batch only."""
        strategy = self.trainer.strategy
        blocked = not enabled and isinstance(strategy, ParallelStrategy)
        with strategy.block_backward_sync() if blocked else nullcontext():  # type: ignore[attr-defined]
            yield

    def full_precision(self) -> AbstractContextManager[Any]:
        """Backward and step stand outside autocast: inside, a float32 island's gradient would be cast."""
        return torch.autocast(self.device.type, enabled=False)

    def seed_generators(self) -> None:
        """Dropout, and all that draws from a global generator, depends on (seed, step, rank) alone.

        So there is no generator state to save, on no rank.

        Not ``torch.manual_seed``, which costs 0.1 to 0.3 ms where CUDA is not initialised.
        """
        words = [self.optimization.seed, self.trainer.global_step, self.global_rank]
        key = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
        random.seed(key)
        np.random.seed(key % 2**32)
        torch.default_generator.manual_seed(key)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(key)

    def training_means(self, sums: RunningSums | None = None) -> dict[str, Tensor]:
        """Means over all ranks of some steps' sums (of the epoch so far, if none are given)."""
        means = (self.epoch_sums if sums is None else sums).means(self.trainer.strategy)
        terms = [weight * means[name] for name, weight in self.term_weights.items()]
        return {"loss": torch.stack(terms).sum(), **means} if terms and means else means

    def on_train_epoch_start(self) -> None:  # not called where a resumed run goes on inside an epoch
        self.epoch_sums = RunningSums()

    def on_train_epoch_end(self) -> None:
        self.log_dict({f"train/epoch_{name}": mean for name, mean in self.training_means().items()})

    # ----------------------------------------------------------------------------------------- evaluation
    def on_validation_epoch_start(self) -> None:
        self.begin_evaluation()

    def on_test_epoch_start(self) -> None:
        self.begin_evaluation()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.evaluation_step(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.evaluation_step(batch)

    def on_validation_epoch_end(self) -> None:
        scores = self.finish_evaluation("validation")
        monitored = self.monitored(scores)
        if not self.trainer.sanity_checking:
            for config in self.trainer.lr_scheduler_configs:
                if isinstance(config.scheduler, ReduceLROnPlateau):
                    config.scheduler.step(monitored)

    def monitored(self, scores: Mapping[str, float]) -> float:
        """The score that the run is judged by; looked for already in the validation before training."""
        name = self.optimization.monitor
        if name not in scores:
            raise ValueError(
                f"monitor.metric={name}: validation has no such metric.{did_you_mean(name, scores)} "
                f"It has: {', '.join(scores)}"
            )
        return scores[name]

    def on_test_epoch_end(self) -> None:
        self.finish_evaluation("test")

    def begin_evaluation(self) -> None:
        self.records, self.evaluation_sums = [], RunningSums()

    def evaluation_step(self, batch: Batch) -> None:
        records, sums = self.evaluate(batch)
        if batch.sentence_count > 0:  # fillers repeat a row that another micro-batch has
            self.records.extend(records)
        for name, loss in sums.items():
            self.evaluation_sums.add(name, loss)

    def finish_evaluation(self, split: str) -> dict[str, float]:
        """Scores over all ranks' rows, each counted once, logged as "split/name"."""
        self.records = sorted(self.gathered(self.records), key=lambda record: int(record["row"]))
        if split == "validation" and not self.trainer.sanity_checking:
            self.calibrate(self.records)
        means = {n: mean.item() for n, mean in self.evaluation_sums.means(self.trainer.strategy).items()}
        scores = {f"{split}/{name}": value for name, value in {**means, **self.scores(self.records)}.items()}
        self.log_dict(scores)
        return scores

    def gathered(self, records: list[Record]) -> list[Record]:
        if self.trainer.world_size == 1:
            return records
        of_ranks: list[list[Record]] = [[] for _ in range(self.trainer.world_size)]
        torch.distributed.all_gather_object(of_ranks, records)
        return [record for part in of_ranks for record in part]

    # --------------------------------------------------------------------------- optimizer and checkpoint
    def configure_optimizers(self) -> Any:
        how, steps = self.optimization, self.trainer.estimated_stepping_batches
        how.freezing.check_end(steps)
        optimizer = how.optimizer(parameter_groups(self.model, how.learning_rates))
        scale_rates(optimizer)
        if how.clip is not None and self.trainer.precision == "16-mixed":
            check_unscaled_in_time(optimizer)
        schedule = how.schedule(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        totals = self.epoch_sums.totals(self.trainer.strategy)
        checkpoint["epoch_sums"] = {name: pair.cpu() for name, pair in totals.items()}
        checkpoint["term_weights"] = dict(self.term_weights)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        of_this_rank = 1 if self.global_rank == 0 else 0  # what was saved is the sum over all of them
        sums = checkpoint["epoch_sums"].items()
        self.epoch_sums = RunningSums({name: pair * of_this_rank for name, pair in sums})
        self.term_weights = dict(checkpoint["term_weights"])


def constrain(model: nn.Module) -> None:
    """Brings recurrent weights that have bounds back within them, after a step (Li et al. 2018)."""
    for module in model.modules():
        if isinstance(module, IndRNN):
            module.constrain_()


def check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"regularization.label_smoothing={label_smoothing}: expected 0 ≤ probability < 1")
