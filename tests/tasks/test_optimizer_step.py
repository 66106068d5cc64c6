"""An optimizer step is the same whatever it is cut into, and the same as one written by hand."""

import functools

import pytest
import torch
from pytorch_lightning.plugins import MixedPrecision
from torch.nn import functional

from attendo.data.preparation import PreparedData
from attendo.optim import ClipNorm, ClipValue
from attendo.tokenization import PAD
from small_runs import batch_sizes, largest_difference, module_of, optimization, small_task, trained


def test_a_step_in_one_piece_equals_the_same_step_in_unequal_pieces(data: PreparedData) -> None:
    whole, in_one = trained(data, sizes=batch_sizes(16), trainer={"max_epochs": 4})
    cut, in_many = trained(data, sizes=batch_sizes(16, 60), trainer={"max_epochs": 4})
    assert in_one.micro_batches == [1] * 24 and max(in_many.micro_batches) >= 3
    assert len(set(in_many.micro_batches)) > 1
    assert in_many.losses == pytest.approx(in_one.losses, abs=1e-12)
    assert largest_difference(whole, cut) <= 1e-12
    assert abs(in_one.losses[0] - in_one.losses[-1]) > 1e-3


def test_with_dropout_the_pieces_do_matter(data: PreparedData) -> None:
    whole, _ = trained(data, dropout=0.2)
    cut, _ = trained(data, sizes=batch_sizes(16, 60), dropout=0.2)
    assert largest_difference(whole, cut) > 1e-6


def test_the_seed_decides_everything(data: PreparedData) -> None:
    one, first = trained(data, dropout=0.2)
    other, second = trained(data, dropout=0.2)
    assert first.losses == second.losses and largest_difference(one, other) == 0.0
    _, other_order = trained(data, dropout=0.2, seed=2)
    _, other_dropout = trained(data, optimization(seed=2), dropout=0.2)
    assert other_order.losses != first.losses != other_dropout.losses


def test_dropout_differs_from_step_to_step(texts: PreparedData) -> None:
    """The same batch over and over, and a learning rate of zero: only dropout can change the loss."""
    still = optimization(functools.partial(torch.optim.SGD, lr=0.0))
    trainer = {"max_epochs": 4, "overfit_batches": 1}
    _, wet = trained(texts, still, dropout=0.3, trainer=trainer)
    _, dry = trained(texts, still, dropout=0.0, trainer=trainer)
    assert len(set(wet.losses)) == 4 and len(set(dry.losses)) == 1


def reference_loss(model: torch.nn.Module, batch, smoothing: float, penalty: float) -> torch.Tensor:
    """Mean cross-entropy per sentence or token, plus λ times the mean penalty per sentence."""
    if hasattr(batch, "labels"):
        output = model(batch.tokens, batch.is_padding)
        gram = torch.einsum("bht,bgt->bhg", output.attention, output.attention)
        redundancy = torch.linalg.matrix_norm(gram - torch.eye(gram.shape[1])) ** 2
        loss = functional.cross_entropy(output.logits, batch.labels, label_smoothing=smoothing)
        return loss + penalty * redundancy.mean()
    hidden = model(batch.source, batch.source_is_padding, batch.target_inputs)
    logits = functional.linear(hidden, model.projection.weight)
    return functional.cross_entropy(
        logits.flatten(0, 1), batch.targets.flatten(), ignore_index=PAD, label_smoothing=smoothing
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_training_equals_a_loop_written_by_hand(data: PreparedData, smoothing: float) -> None:
    adamw = functools.partial(torch.optim.AdamW, lr=1e-2, weight_decay=0.0)
    how = optimization(adamw, clip=ClipNorm(max_norm=0.1, norm_type=2.0))
    ours, diary = trained(data, how, batch_sizes(16, 60), smoothing=smoothing, trainer={"max_epochs": 1})

    theirs, module = small_task(data).model, module_of(data, batch_sizes(16))
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-2, weight_decay=0.0)
    plan = module.train_dataloader()
    norms, losses = [], []
    for step in range(plan.steps):
        (batch,) = plan.build(0, step)
        loss = reference_loss(theirs, batch, smoothing, penalty=0.5)
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.1)))
        optimizer.step()
        losses.append(loss.item())
    assert diary.losses == pytest.approx(losses, abs=1e-10)
    assert largest_difference(ours.model, theirs) < 1e-9
    assert max(norms) > 0.1, "nothing was clipped"


class CountedClip:
    """Keeps every gradient it is shown."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def __call__(self, parameters) -> None:
        self.seen.append(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]))


def test_clipping_sees_whole_gradients_once_per_step(data: PreparedData) -> None:
    in_one, in_many = CountedClip(), CountedClip()
    trained(data, optimization(clip=in_one), batch_sizes(16))
    _, diary = trained(data, optimization(clip=in_many), batch_sizes(16, 60))
    assert min(diary.micro_batches) >= 2
    assert len(in_one.seen) == len(in_many.seen) == len(diary.losses)
    for whole, cut in zip(in_one.seen, in_many.seen, strict=True):
        torch.testing.assert_close(whole, cut, rtol=0, atol=1e-12)


def test_the_step_follows_the_clipped_gradients(data: PreparedData) -> None:
    clip = optimization(functools.partial(torch.optim.SGD, lr=1.0), clip=ClipValue(limit=1e-3))
    before = small_task(data)
    after, _ = trained(data, clip, trainer={"max_steps": 1})
    assert largest_difference(before, after) == pytest.approx(1e-3, rel=1e-9)


def test_half_precision_with_a_fused_optimizer_refuses_to_clip(pairs: PreparedData) -> None:
    def run(fused: bool) -> None:
        adam = functools.partial(torch.optim.Adam, lr=1e-3, fused=fused)
        how = optimization(adam, clip=ClipNorm(max_norm=1.0, norm_type=2.0))
        scaler = torch.amp.GradScaler("cpu")
        plugins = [MixedPrecision("16-mixed", "cpu", scaler)]
        trained(pairs, how, double=False, trainer={"plugins": plugins, "max_steps": 1})

    with pytest.raises(ValueError, match=r"optimizer\.fused=false"):
        run(fused=True)
    run(fused=False)
