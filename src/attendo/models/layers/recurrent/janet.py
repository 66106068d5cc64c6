"""JANET: an LSTM with the forget gate only."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from attendo.models.layers.recurrent.stack import RecurrentLayers


class JANET(RecurrentLayers):
    """Just another network: c_t = σ(s_t) ⊙ c_{t−1} + (1 − σ(s_t − β)) ⊙ tanh(g_t), h_t = c_t.

    [s_t; g_t] = W x_t + b_ih + U h_{t−1} + b_hh (van der Westhuizen & Lasenby 2018, arXiv 1804.04849). β > 0
    lets a state take in more than it forgets.

    Called as `torch.nn.LSTM` is, with its arguments, shapes and parameter names: `weight_ih_l{k}[_reverse]`
    (2H, I) with rows [forget; candidate], `weight_hh_l{k}` (2H, H), `bias_ih_l{k}` and `bias_hh_l{k}` (2H).
    Of an initial pair (h₀, c₀), h₀ feeds the gates and c₀ is what leaks; one tensor is both.

    To move from other implementations: `Tmax` of pytorch-janet is `chrono_max_length`; its parameters load
    as they are, but it subtracts β in both gates, so take 1 from the forget half of each `bias_ih` and set
    `beta=0.0` to get its numbers, and it draws the forget bias in both biases, which makes memories far
    longer than meant. The authors' TensorFlow cell has the candidate first and one bias: swap the halves and
    leave `bias_hh` zero. torchrecurrent learns β: give its value as `beta`.

    Args:
        input_size: features per input step.
        hidden_size: features H per state and direction.
        num_layers: layers stacked upon each other.
        bias: add biases; without them the forget gate starts at one half.
        batch_first: padded inputs and outputs are (batch, time, feature), not (time, batch, feature).
        dropout: probability between layers; there is none after the last.
        bidirectional: read from both ends and concatenate [forward; backward] at every step.
        proj_size: there are no projections; anything but 0 is refused.
        device: where the parameters are made.
        dtype: of the parameters.
        beta: β, subtracted from the forget gate's logit where the candidate is let in; 0 gives a
            convex mean of old state and candidate.
        chrono_max_length: steps T of the longest dependence: forget biases start at log U[1, T−1] (Tallec &
            Ollivier 2018, eq. 16) instead of 1.

    Raises:
        ValueError: as `RecurrentLayers`; or the longest dependence is shorter than 2 steps, or is given
            without biases.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        beta: float = 1.0,
        chrono_max_length: int | None = None,
    ) -> None:
        if chrono_max_length is not None and chrono_max_length < 2:
            raise ValueError(f"JANET: chrono_max_length must be at least 2 steps, not {chrono_max_length}")
        if chrono_max_length is not None and not bias:
            raise ValueError("JANET: chrono_max_length sets the forget bias, but bias=False leaves none")
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )
        self.beta = beta
        self.chrono_max_length = chrono_max_length
        self.reset_parameters()

    def _shapes(self, features: int) -> dict[str, tuple[int, ...]]:
        gates = 2 * self.hidden_size
        biases: dict[str, tuple[int, ...]] = {"bias_ih": (gates,), "bias_hh": (gates,)} if self.bias else {}
        return {"weight_ih": (gates, features), "weight_hh": (gates, self.hidden_size), **biases}

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Weights U(±1/√H) as of an LSTM; biases zero but the forget half of `bias_ih`."""
        limit = 1 / math.sqrt(self.hidden_size)
        for name in ("weight_ih", "weight_hh"):
            for _, weight in self._weights(name):
                nn.init.uniform_(weight, -limit, limit)
        for name in ("bias_ih", "bias_hh"):
            for _, bias in self._weights(name):
                nn.init.zeros_(bias)
        for _, bias in self._weights("bias_ih"):  # in one bias only: they are added
            forget = bias[: self.hidden_size]
            if self.chrono_max_length is None:
                forget.fill_(1.0)
            else:
                forget.uniform_(1.0, self.chrono_max_length - 1.0).log_()

    def _states(
        self,
        inputs: Float[Tensor, "time batch feature"],
        is_padding: Bool[Tensor, "time batch"] | None,
        hidden: Float[Tensor, "batch hidden"],
        cell: Float[Tensor, "batch hidden"],
        suffix: str,
    ) -> Float[Tensor, "time batch hidden"]:
        bias = None
        if self.bias:
            bias = self.get_parameter("bias_ih" + suffix) + self.get_parameter("bias_hh" + suffix)
        products = F.linear(inputs, self.get_parameter("weight_ih" + suffix), bias)  # of all steps at once
        recurrent = self.get_parameter("weight_hh" + suffix).T.to(products.dtype)
        hidden, cell = hidden.to(products.dtype), cell.to(products.dtype)
        states = []
        for product in products.unbind(0):  # indexing by step would cost time² in the backward pass
            forget, candidate = torch.addmm(product, hidden, recurrent).chunk(2, dim=-1)
            taken_in = torch.sigmoid(self.beta - forget)  # 1 − σ(s − β)
            cell = torch.addcmul(torch.sigmoid(forget) * cell, taken_in, torch.tanh(candidate))
            hidden = cell
            states.append(cell)
        return torch.stack(states) if states else products[..., : self.hidden_size]

    def extra_repr(self) -> str:
        chrono = "" if self.chrono_max_length is None else f", chrono_max_length={self.chrono_max_length}"
        return f"{super().extra_repr()}, beta={self.beta}{chrono}"
