"""The IndRNN encoder."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.recurrent import IndRNN


class IndRNNEncoder(nn.Module):
    """States of an independently recurrent network (Li et al. 2018).

    Args:
        input_size: features per input position.
        hidden_size: features per direction.
        num_layers: layers stacked upon each other.
        bidirectional: read from both ends; the states are then 2 · `hidden_size` wide.
        dropout: probability between layers; there is none after the last, so one layer has none.
        nonlinearity: `relu` or `tanh`.
        recurrent_max_abs: bound on the recurrent weights |u|, kept by `IndRNN.constrain_()`.
        recurrent_max_length: positions T of the longest text, for a bound of 2^(1/T) instead.
        batch_norm: normalize each layer's states over the real tokens of the batch.
        residual: from the second layer on, add a layer's input to its states.

    Raises:
        ValueError: a size or bound is not positive, the dropout is no probability, the nonlinearity is
            unknown, or both bounds are given.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        nonlinearity: str,
        recurrent_max_abs: float | None,
        recurrent_max_length: int | None,
        batch_norm: bool,
        residual: bool,
    ) -> None:
        super().__init__()
        self.layers = IndRNN(
            input_size,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=bidirectional,
            nonlinearity=nonlinearity,
            recurrent_max_abs=recurrent_max_abs,
            recurrent_max_length=recurrent_max_length,
            batch_norm=batch_norm,
            residual=residual,
        )
        self.output_size = hidden_size * self.layers.directions

    def forward(
        self,
        inputs: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time hidden"]:
        """Return a state for every position, zero at padding, which stands after the real tokens."""
        states: Tensor = self.layers(inputs, is_padding=is_padding)[0]
        return states
