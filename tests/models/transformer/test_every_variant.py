"""What holds for every combination of options: tested on models among which every pair of options meets."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import pytest
import torch
from torch.nn import functional

from attendo.decoding import Constraints, greedy_search
from attendo.tokenization import BOS, EOS, PAD

Options = Mapping[str, Sequence[object]]
TRANSFORMER: Options = {
    "norm": ("pre", "post"),
    "normalization": ("layer", "rms"),
    "activation": ("relu", "gelu", "silu", "swiglu"),
    "positions": ("sinusoidal", "learned", "rotary", "none"),
    "tied_embeddings": ("none", "decoder", "all"),
    "decoder_layers": (1, 2, 3),
}
RECURRENT: Options = {
    "decoder": ("lstm", "gru", "janet", "indrnn"),
    "decoder_layers": (1, 3),
    "positions": ("sinusoidal", "none"),
    "tied_embeddings": ("none", "all"),
}


def pairs(variant: Mapping[str, object]) -> set[tuple[object, ...]]:
    return set(combinations(variant.items(), 2))


def with_every_pair(options: Options) -> list[dict[str, object]]:
    """Few of all combinations; any two values of two options are together in one of them."""
    every = [dict(zip(options, values, strict=True)) for values in product(*options.values())]
    missing, chosen = set().union(*map(pairs, every)), []
    while missing:
        chosen.append(max(every, key=lambda variant: len(pairs(variant) & missing)))
        missing -= pairs(chosen[-1])
    return chosen


VARIANTS = with_every_pair(TRANSFORMER) + with_every_pair(RECURRENT)
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda it: "-".join(map(str, it.values())))
EXACT = {"rtol": 0, "atol": 1e-12}
NEAR = {"rtol": 0, "atol": 1e-10}


def sentences(lengths: list[int], seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids ≥ 4, padded, and where they are padded."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, 20, (len(lengths), max(lengths)), generator=generator)
    is_padding = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    return tokens.masked_fill(is_padding, PAD), is_padding


def teacher_forced(model, source, is_padding, target):
    return model.output(model(source, is_padding, target))


def stepped(model, state, target):
    """Log-probabilities after each token, read one by one, and the state after the last."""
    steps = []
    for tokens in target.unbind(1):
        log_probs, state = model.step(tokens, state)
        steps.append(log_probs)
    return torch.stack(steps, dim=1), state


@every_variant
def test_cached_steps_equal_the_whole_target_at_once(double, variant):
    model = double(**variant)
    source, is_padding = sentences([6, 3, 1])
    target, _ = sentences([8, 8, 8], seed=2)
    steps, state = stepped(model, model.start(model.encode(source, is_padding)), target)
    torch.testing.assert_close(steps, teacher_forced(model, source, is_padding, target), **NEAR)
    assert state.decoder.length == 8


@every_variant
def test_a_target_token_changes_no_earlier_position(double, variant):
    model = double(**variant)
    source, is_padding = sentences([6, 3])
    target, _ = sentences([6, 6], seed=2)
    before = teacher_forced(model, source, is_padding, target)
    for place in range(6):
        changed = target.clone()
        changed[:, place] = 4 + (target[:, place] - 3) % 16
        after = teacher_forced(model, source, is_padding, changed)
        torch.testing.assert_close(after[:, :place], before[:, :place], **EXACT)
        assert (after[:, place:] - before[:, place:]).abs().amax() > 1e-6


@every_variant
def test_padding_and_neighbours_change_no_real_position(double, variant):
    model = double(**variant)
    lengths, target_lengths = [9, 5, 1, 3], [4, 7, 2, 1]
    source, is_padding = sentences(lengths)
    target, _ = sentences(target_lengths, seed=2)
    together = teacher_forced(model, source, is_padding, target)
    more = functional.pad(source, (0, 5), value=PAD)
    padded = teacher_forced(model, more, functional.pad(is_padding, (0, 5), value=True), target)
    torch.testing.assert_close(padded, together, **EXACT)
    for row, (length, target_length) in enumerate(zip(lengths, target_lengths, strict=True)):
        piece = slice(row, row + 1)
        alone = teacher_forced(
            model, source[piece, :length], is_padding[piece, :length], target[piece, :target_length]
        )
        torch.testing.assert_close(together[piece, :target_length], alone, **EXACT)


@every_variant
def test_without_the_padding_mask_the_row_beside_a_longer_one_would_change(double, variant):
    model = double(**variant)
    source, is_padding = sentences([9, 5])
    target, _ = sentences([4, 4], seed=2)
    right = teacher_forced(model, source, is_padding, target)
    wrong = teacher_forced(model, source, torch.zeros_like(is_padding), target)
    torch.testing.assert_close(wrong[0], right[0], **EXACT)
    assert (wrong[1] - right[1]).abs().amax() > 1e-3


@every_variant
def test_a_row_of_only_padding_gives_numbers_and_gradients_and_does_not_depend_on_its_width(double, variant):
    model = double(**variant)
    source, is_padding = sentences([5, 2])
    source[1], is_padding[1] = PAD, True
    target, _ = sentences([4, 4], seed=2)
    wide = teacher_forced(model, source, is_padding, target)
    narrow = teacher_forced(model, source[1:, :1], is_padding[1:, :1], target[1:])
    torch.testing.assert_close(wide[1:], narrow, **EXACT)
    wide.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("rows", [[2, 0, 1], [1, 1, 2, 2], [2], [0, 1, 2]], ids=str)
@every_variant
def test_selected_rows_go_on_as_if_they_had_been_decoded_so_from_the_start(double, variant, rows):
    model = double(**variant)
    source, is_padding = sentences([6, 3, 1])
    target, _ = sentences([3, 3, 3], seed=2)
    _, state = stepped(model, model.start(model.encode(source, is_padding)), target)
    chosen = torch.tensor(rows)
    later, _ = sentences([4] * len(rows), seed=3)
    steps, _ = stepped(model, state.select(chosen), later)
    history = torch.cat([target[chosen], later], dim=1)
    whole = teacher_forced(model, source[chosen], is_padding[chosen], history)
    torch.testing.assert_close(steps, whole[:, 3:], **NEAR)


@every_variant
def test_a_state_is_untouched_by_what_is_done_with_it(double, variant):
    model = double(**variant)
    source, is_padding = sentences([6, 3])
    target, _ = sentences([4, 4], seed=2)
    _, state = stepped(model, model.start(model.encode(source, is_padding)), target[:, :2])
    state.select(torch.tensor([1, 1, 0]))
    stepped(model, state, target[:, 2:] % 16 + 4)
    steps, _ = stepped(model, state, target[:, 2:])
    whole = teacher_forced(model, source, is_padding, target)
    torch.testing.assert_close(steps, whole[:, 2:], **NEAR)


@every_variant
def test_every_parameter_gets_a_gradient(build, variant):
    model = build(**variant, dropout=0.1).train()
    source, is_padding = sentences([6, 3])
    target, _ = sentences([5, 5], seed=2)
    teacher_forced(model, source, is_padding, target)[..., 5].sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@every_variant
def test_bfloat16_autocast_is_near_fp32_and_returns_fp32(build, variant):
    model = build(**variant, width=64).eval()
    source, is_padding = sentences([6, 3])
    target, _ = sentences([5, 5], seed=2)
    exact = teacher_forced(model, source, is_padding, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = teacher_forced(model, source, is_padding, target)
        steps, state = stepped(model, model.start(model.encode(source, is_padding)), target)
        stepped(model, state.select(torch.tensor([1, 0])), target)
        rough.square().sum().backward()
    assert rough.dtype == steps.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0, atol=0.15)
    torch.testing.assert_close(steps, exact, rtol=0, atol=0.15)
    torch.testing.assert_close(rough.exp().sum(-1), torch.ones(2, 5))


@every_variant
def test_dropout_acts_in_training_only(build, variant):
    model = build(**variant, dropout=0.3)
    source, is_padding = sentences([6, 3])
    target, _ = sentences([5, 5], seed=2)
    first, second = (teacher_forced(model.train(), source, is_padding, target) for _ in range(2))
    assert not torch.allclose(first, second)
    first, second = (teacher_forced(model.eval(), source, is_padding, target) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("variant", VARIANTS[2::6], ids=str)
def test_greedy_search_equals_a_loop_that_computes_everything_anew(double, variant):
    model = double(**variant)
    source, is_padding = sentences([6, 3, 1, 9, 4, 7, 2, 5])
    limits = torch.tensor([12, 9, 30, 0, 12, 15, 1, 30])
    rules = Constraints.of(EOS, limits, banned=(PAD, BOS))
    with torch.no_grad():
        model.projection.weight[EOS] *= 1.2  # so that some rows end before their limit
        state = model.start(model.encode(source, is_padding))
    found = greedy_search(model.step, state, rules, bos=BOS)
    for row, (answer,) in enumerate(found):
        naive = [BOS]
        while len(naive) <= limits[row] and naive[-1] != EOS:
            piece = slice(row, row + 1)
            log_probs = teacher_forced(model, source[piece], is_padding[piece], torch.tensor([naive]))[0, -1]
            log_probs[[PAD, BOS]] = -torch.inf
            naive.append(int(log_probs.argmax()))
        assert answer.ids == [token for token in naive[1:] if token != EOS]
    assert len({tuple(answer.ids) for (answer,) in found}) > 3, "the answers should not be trivial"
