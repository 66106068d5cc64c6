import pytest
import torch

from attendo.decoding import greedy
from attendo.models.layers.choice import check_choice
from attendo.tokenization import BOS, EOS, PAD

VARIANTS = [
    {"norm": norm, "positions": positions, "tied_embeddings": tied}
    for norm in ("pre", "post")
    for positions in ("sinusoidal", "learned")
    for tied in ("none", "decoder", "all")
]
EXACT = {"rtol": 0, "atol": 1e-12}


def sentences(lengths: list[int], seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids ≥ 4, padded, and where they are padded."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, 20, (len(lengths), max(lengths)), generator=generator)
    is_padding = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    return tokens.masked_fill(is_padding, PAD), is_padding


def teacher_forced(model, source, is_padding, target):
    return model.output(model(source, is_padding, target))


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_cached_steps_equal_the_whole_target_at_once(double, variant):
    model = double(**variant)
    source, is_padding = sentences([6, 3, 1])
    target, _ = sentences([8, 8, 8], seed=2)
    state, steps = model.start(model.encode(source, is_padding)), []
    for tokens in target.unbind(1):
        log_probs, state = model.step(tokens, state)
        steps.append(log_probs)
    whole = teacher_forced(model, source, is_padding, target)
    torch.testing.assert_close(torch.stack(steps, dim=1), whole, **EXACT)


@pytest.mark.parametrize("variant", VARIANTS[::5], ids=str)
def test_a_target_token_changes_no_earlier_position(double, variant):
    model = double(**variant)
    source, is_padding = sentences([6, 3])
    target, _ = sentences([8, 8], seed=2)
    before = teacher_forced(model, source, is_padding, target)
    for place in range(8):
        changed = target.clone()
        changed[:, place] = 4 + (target[:, place] - 3) % 16
        after = teacher_forced(model, source, is_padding, changed)
        torch.testing.assert_close(after[:, :place], before[:, :place], **EXACT)
        assert (after[:, place] - before[:, place]).abs().amax() > 1e-3


@pytest.mark.parametrize("variant", VARIANTS[::5], ids=str)
def test_padding_and_neighbours_change_no_real_position(double, variant):
    model = double(**variant)
    lengths, target_lengths = [9, 5, 1, 3], [4, 7, 2, 1]
    source, is_padding = sentences(lengths)
    target, _ = sentences(target_lengths, seed=2)
    together = teacher_forced(model, source, is_padding, target)
    more = torch.nn.functional.pad(source, (0, 5), value=PAD)
    padded = teacher_forced(model, more, torch.nn.functional.pad(is_padding, (0, 5), value=True), target)
    torch.testing.assert_close(padded, together, **EXACT)
    for row, (length, target_length) in enumerate(zip(lengths, target_lengths, strict=True)):
        piece = slice(row, row + 1)
        alone = teacher_forced(
            model, source[piece, :length], is_padding[piece, :length], target[piece, :target_length]
        )
        torch.testing.assert_close(together[piece, :target_length], alone, **EXACT)


def test_without_the_padding_mask_neighbours_would_matter(double):
    model = double()
    source, is_padding = sentences([9, 5])
    target, _ = sentences([4, 4], seed=2)
    right = teacher_forced(model, source, is_padding, target)
    wrong = teacher_forced(model, source, torch.zeros_like(is_padding), target)
    torch.testing.assert_close(wrong[0], right[0], **EXACT)
    assert (wrong[1] - right[1]).abs().amax() > 1e-3


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_row_of_only_padding_gives_numbers_and_gradients_and_does_not_depend_on_its_width(double, norm):
    model = double(norm=norm)
    source, is_padding = sentences([5, 2])
    source[1], is_padding[1] = PAD, True
    target, _ = sentences([4, 4], seed=2)
    wide = teacher_forced(model, source, is_padding, target)
    narrow = teacher_forced(model, source[1:, :1], is_padding[1:, :1], target[1:])
    torch.testing.assert_close(wide[1:], narrow, **EXACT)
    wide.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("rows", [[2, 0, 1], [1, 1, 2, 2], [2], [0, 1, 2]])
def test_selected_rows_go_on_as_if_they_had_been_decoded_so_from_the_start(double, rows):
    model = double()
    source, is_padding = sentences([6, 3, 1])
    target, _ = sentences([7, 7, 7], seed=2)
    state = model.start(model.encode(source, is_padding))
    for tokens in target[:, :3].unbind(1):
        _, state = model.step(tokens, state)
    chosen = torch.tensor(rows)
    later, _ = sentences([4] * len(rows), seed=3)
    selected = state.select(chosen)
    for tokens in later.unbind(1):
        log_probs, selected = model.step(tokens, selected)
    history = torch.cat([target[chosen, :3], later], dim=1)
    whole = teacher_forced(model, source[chosen], is_padding[chosen], history)
    torch.testing.assert_close(log_probs, whole[:, -1], **EXACT)


def test_a_state_can_be_stepped_twice_with_different_tokens(double):
    model = double()
    source, is_padding = sentences([6, 3])
    target, _ = sentences([3, 3], seed=2)
    _, state = model.step(target[:, 0], model.start(model.encode(source, is_padding)))
    _, first = model.step(target[:, 1], state)
    model.step(target[:, 1] % 16 + 4, state)
    log_probs, _ = model.step(target[:, 2], first)
    whole = teacher_forced(model, source, is_padding, target)
    torch.testing.assert_close(log_probs, whole[:, -1], **EXACT)


@pytest.mark.parametrize("variant", [VARIANTS[place] for place in (2, 4, 11)], ids=str)
def test_greedy_equals_a_loop_that_computes_everything_anew(double, variant):
    model = double(**variant)
    source, is_padding = sentences([6, 3, 1, 9, 4, 7, 2, 5])
    limits = torch.tensor([12, 9, 30, 0, 12, 15, 1, 30])
    with torch.no_grad():
        model.target_embedding.weight[EOS] *= 1.2  # so that some rows end before their limit
        state = model.start(model.encode(source, is_padding))
    answers = greedy(model.step, state, bos=BOS, eos=EOS, maximum_lengths=limits, banned=(PAD, BOS))
    for row, answer in enumerate(answers):
        naive = [BOS]
        while len(naive) <= limits[row] and naive[-1] != EOS:
            piece = slice(row, row + 1)
            log_probs = teacher_forced(model, source[piece], is_padding[piece], torch.tensor([naive]))[0, -1]
            log_probs[[PAD, BOS]] = -torch.inf
            naive.append(int(log_probs.argmax()))
        assert answer == [token for token in naive[1:] if token != EOS]
    assert any(len(answer) < limit for answer, limit in zip(answers, limits.tolist(), strict=True))
    assert len({tuple(answer) for answer in answers}) > 4, "the answers should not be trivial"


@pytest.mark.parametrize(("tied", "matrices"), [("all", 1), ("decoder", 2), ("none", 3)])
def test_tied_matrices_share_storage_and_count_once(build, tied, matrices):
    model = build(tied_embeddings=tied)
    weights = [model.source_embedding.weight, model.target_embedding.weight, model.projection.weight]
    assert len({weight.data_ptr() for weight in weights}) == matrices
    body = sum(parameter.numel() for parameter in [*model.encoder.parameters(), *model.decoder.parameters()])
    assert sum(parameter.numel() for parameter in model.parameters()) == body + matrices * 20 * 16
    model.load_state_dict(build(tied_embeddings=tied, seed=1).state_dict())
    assert len({weight.data_ptr() for weight in weights}) == matrices


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_parameter_gets_a_gradient(build, variant):
    model = build(**variant, dropout=0.1).train()
    source, is_padding = sentences([6, 3])
    target, _ = sentences([5, 5], seed=2)
    teacher_forced(model, source, is_padding, target)[..., 5].sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_looking_up_padding_gives_no_gradient_to_the_tied_row_of_padding(build):
    model = build(tied_embeddings="all")
    assert not model.source_embedding.weight[PAD].any()
    source, is_padding = sentences([6, 3])
    target, _ = sentences([5, 2], seed=2)
    model(source, is_padding, target).sum().backward()
    assert not model.source_embedding.weight.grad[PAD].any()


def test_bfloat16_autocast_is_near_fp32_and_returns_fp32(build):
    model = build(width=64).eval()
    source, is_padding = sentences([6, 3])
    target, _ = sentences([5, 5], seed=2)
    exact = teacher_forced(model, source, is_padding, target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = teacher_forced(model, source, is_padding, target)
        log_probs, state = model.step(target[:, 0], model.start(model.encode(source, is_padding)))
        log_probs, _ = model.step(target[:, 1], state)
    assert rough.dtype == log_probs.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0, atol=0.1)
    torch.testing.assert_close(log_probs, exact[:, 1], rtol=0, atol=0.1)
    torch.testing.assert_close(rough.exp().sum(-1), torch.ones(2, 5))


def test_dropout_acts_in_training_only(build):
    model = build(dropout=0.3)
    source, is_padding = sentences([6, 3])
    target, _ = sentences([5, 5], seed=2)
    first, second = (teacher_forced(model.train(), source, is_padding, target) for _ in range(2))
    assert not torch.allclose(first, second)
    first, second = (teacher_forced(model.eval(), source, is_padding, target) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_embedded_tokens_and_initial_logits_have_unit_variance(build):
    for tied in ("none", "all"):
        model = build(vocabulary_sizes=(500, 500), width=64, tied_embeddings=tied)
        assert model.source_embedding(torch.arange(4, 500)[None]).std().item() == pytest.approx(1, abs=0.05)
        assert model.projection(torch.randn(100, 64)).std().item() == pytest.approx(1, abs=0.1)


def test_wrong_choices_are_explained(build):
    with pytest.raises(ValueError, match=r"width=16 .* heads=3"):
        build(heads=3)
    with pytest.raises(
        ValueError, match=r"20 tokens .* 21: use a joint vocabulary or model.tied_emb.*=decoder"
    ):
        build(vocabulary_sizes=(20, 21))
    build(vocabulary_sizes=(20, 21), tied_embeddings="decoder")
    with pytest.raises(ValueError, match=r"model.positions=learnt is none of .* Did you mean \"learned\""):
        check_choice("model.positions", "learnt", ("sinusoidal", "learned"))
    model = build(positions="learned", max_positions=5)
    source, is_padding = sentences([6, 3])
    with pytest.raises(ValueError, match=r"6 tokens exceeds max_positions=5"):
        model.encode(source, is_padding)
