"""What IndRNN adds to the calling convention of LSTM: bounds, batch normalization, residual stacks."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attendo.models.layers.recurrent import IndRNN

LENGTHS = torch.tensor([4, 7, 1, 6])
IS_PADDING = torch.arange(7) >= LENGTHS[:, None]
RECURRENT = ["weight_hh_l0", "weight_hh_l0_reverse", "weight_hh_l1", "weight_hh_l1_reverse"]


@pytest.mark.parametrize(
    "options, bound", [({"recurrent_max_abs": 0.5}, 0.5), ({"recurrent_max_length": 100}, 2 ** (1 / 100))]
)
def test_constrain_bounds_every_recurrent_weight_and_nothing_else(options, bound):
    layers = IndRNN(3, 4, 2, bidirectional=True, **options)
    with torch.no_grad():
        for weight in layers.parameters():
            weight.flatten().copy_(torch.tensor([-7.0, 7.0, 0.25, -0.25]).repeat(weight.numel() // 4))
    layers.constrain_()
    expected = torch.tensor([-bound, bound, 0.25, -0.25])
    for name, weight in layers.named_parameters():
        if name in RECURRENT:
            torch.testing.assert_close(weight.data, expected, rtol=0, atol=1e-7)
        else:
            assert weight.abs().max() == 7


def test_without_a_bound_constrain_changes_nothing():
    layers = IndRNN(3, 4)
    nn.init.constant_(layers.weight_hh_l0, 7.0)
    layers.constrain_()
    assert (layers.weight_hh_l0 == 7).all()


@pytest.mark.parametrize("training", [True, False])
def test_forward_changes_no_parameter(training):
    layers = IndRNN(3, 4, 2, bidirectional=True, recurrent_max_abs=0.5).train(training)
    nn.init.constant_(layers.weight_hh_l0, 7.0)
    before = {name: (weight.clone(), weight._version) for name, weight in layers.named_parameters()}
    layers(torch.randn(5, 2, 3))
    for name, weight in layers.named_parameters():
        assert torch.equal(weight, before[name][0]) and weight._version == before[name][1]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_recurrent_weights_start_within_the_bound_and_at_one_in_the_last_layer(bidirectional):
    torch.manual_seed(0)
    layers = IndRNN(3, 2000, 3, bidirectional=bidirectional, recurrent_max_length=10)
    bound = 2 ** (1 / 10)
    for name, weight in layers.named_parameters():
        if name.startswith("weight_hh_l2"):
            assert (weight == 1).all()
        elif name.startswith("weight_hh"):
            shares = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
            torch.testing.assert_close(weight.quantile(shares), bound * shares, rtol=0, atol=0.05)
        elif name.startswith("weight_ih"):
            assert weight.std().item() == pytest.approx(0.01, rel=0.05)
        else:
            assert (weight == 0).all()
    assert (IndRNN(3, 4, recurrent_max_abs=0.5).weight_hh_l0 == 0.5).all()


def test_a_bounded_unit_no_more_than_doubles_by_its_own_weight_over_the_length():
    layers = IndRNN(1, 1, recurrent_max_length=500)
    nn.init.constant_(layers.weight_hh_l0, 5.0)
    layers.constrain_()
    state = layers(torch.zeros(500, 1, 1), torch.ones(1, 1, 1))[1][0]
    assert state.item() == pytest.approx(2.0, rel=1e-3)


def test_units_do_not_see_each_other():
    layers = IndRNN(3, 4).double()
    hidden = torch.rand(1, 1, 4).double()
    nn.init.uniform_(layers.weight_hh_l0, 0.5, 1.0)
    nn.init.constant_(layers.bias_ih_l0, 1.0)
    inputs = torch.zeros(6, 1, 3).double()
    jacobian = torch.autograd.functional.jacobian(lambda first: layers(inputs, first)[0][-1], hidden)
    expected = torch.diag(layers.weight_hh_l0.detach() ** 6)
    torch.testing.assert_close(jacobian.view(4, 4), expected)


def test_batch_norm_is_that_of_torch_over_all_steps_together():
    torch.manual_seed(0)
    plain, normalized = IndRNN(3, 4, 1).double(), IndRNN(3, 4, 1, batch_norm=True).double()
    nn.init.normal_(plain.weight_ih_l0)
    normalized.load_state_dict(plain.state_dict(), strict=False)
    inputs = torch.randn(7, 5, 3).double()
    states, (h_plain, _) = plain(inputs)
    expected = (states - states.mean(dim=(0, 1))) / (states.var(dim=(0, 1), correction=0) + 1e-5).sqrt()
    output, (h_n, _) = normalized(inputs)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(h_n, h_plain)  # of the recurrence itself, so that it can be carried on


@pytest.mark.parametrize("residual", [False, True])
def test_batch_norm_counts_no_padding_packed_or_masked(residual):
    torch.manual_seed(0)
    options = {"batch_first": True, "bidirectional": True, "batch_norm": True, "residual": residual}
    layers = IndRNN(3, 4, 2, **options).double()
    for name, weight in layers.named_parameters():
        if "norms" not in name:
            nn.init.normal_(weight, std=0.5)
    inputs = torch.randn(4, 7, 3).double()
    packed = pack_padded_sequence(inputs, LENGTHS, batch_first=True, enforce_sorted=False)
    output = pad_packed_sequence(layers(packed)[0], batch_first=True)[0]
    statistics = layers.norms[1].running_mean.clone(), layers.norms[1].running_var.clone()
    real = output[~IS_PADDING]
    assert (output[IS_PADDING] == 0).all()
    if not residual:
        torch.testing.assert_close(real.mean(dim=0), torch.zeros(8).double(), rtol=0, atol=1e-10)

    for norm in layers.norms:
        norm.reset_running_stats()
    longer = torch.cat([inputs, torch.full((4, 3, 3), 1e6).double()], dim=1)
    is_padding = torch.arange(10) >= LENGTHS[:, None]
    masked = layers(longer, is_padding=is_padding)[0]
    torch.testing.assert_close(masked[:, :7], output, rtol=0, atol=1e-10)
    torch.testing.assert_close(layers.norms[1].running_mean, statistics[0])
    torch.testing.assert_close(layers.norms[1].running_var, statistics[1])

    layers.eval()
    together = layers(inputs, is_padding=IS_PADDING)[0]
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(together[row, :length], layers(inputs[row, :length])[0])


def test_a_residual_stack_adds_each_layers_input_from_the_second_on():
    torch.manual_seed(0)
    options = {"bidirectional": True}
    layers = IndRNN(3, 4, 3, residual=True, **options).double()
    inputs = torch.randn(7, 5, 3).double()
    expected = inputs
    for depth in range(3):
        one = IndRNN(expected.shape[-1], 4, 1, **options).double()
        for name, weight in one.named_parameters():
            weight.data.copy_(getattr(layers, name.replace("_l0", f"_l{depth}")))
        expected = one(expected)[0] + (expected if depth > 0 else 0)
    torch.testing.assert_close(layers(inputs)[0], expected)


def test_every_parameter_of_the_fullest_stack_gets_a_gradient():
    layers = IndRNN(3, 4, 3, bidirectional=True, batch_norm=True, residual=True)
    for name, weight in layers.named_parameters():
        if "norms" not in name:
            nn.init.normal_(weight, std=0.5)
    output, _ = layers(torch.randn(7, 5, 3))
    (output * torch.randn_like(output)).sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in layers.parameters())


def test_wrong_bounds_and_nonlinearities_are_refused():
    with pytest.raises(ValueError, match=r"nonlinearity=rleu is none of relu, tanh\. Did you mean \"relu\""):
        IndRNN(3, 4, nonlinearity="rleu")
    with pytest.raises(ValueError, match="recurrent_max_abs must be positive, not 0"):
        IndRNN(3, 4, recurrent_max_abs=0.0)
    with pytest.raises(ValueError, match=r"both bound \|u\|: give one"):
        IndRNN(3, 4, recurrent_max_abs=1.0, recurrent_max_length=5)


def test_its_text_names_what_was_changed():
    layers = IndRNN(3, 4, 2, recurrent_max_length=1, residual=True)
    assert str(
        layers
    ) == "IndRNN(\n  3, 4, num_layers=2, nonlinearity=relu, recurrent_max_abs=2, residual=True\n" + (
        "  (norms): ModuleList()\n)"
    )


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
def test_a_unit_that_grows_does_not_overflow_over_long_padding(nonlinearity):
    """An infinite state there would make the gradient of u not a number, though nobody reads it."""
    layers = IndRNN(3, 4, 2, bidirectional=True, batch_first=True, nonlinearity=nonlinearity)
    for weight in layers.parameters():
        nn.init.constant_(weight, 7.0)
    is_padding = torch.arange(300) >= torch.tensor([[2], [3]])
    output, (h_n, _) = layers(torch.ones(2, 300, 3), is_padding=is_padding)
    (output.sum() + h_n.sum()).backward()
    assert output.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in layers.parameters())
