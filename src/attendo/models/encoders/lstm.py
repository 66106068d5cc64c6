"""The LSTM encoder."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.reversal import RecurrentStack


class LSTMEncoder(nn.Module):
    """LSTM states of a sentence (Hochreiter & Schmidhuber 1997), from both ends in Lin et al. 2017, eq. 2-4.

    Args:
        input_size: features per input position.
        hidden_size: features u per direction.
        num_layers: layers stacked upon each other.
        bidirectional: read from both ends; the states are then 2u wide.
        dropout: probability between layers; there is none after the last, so one layer has none.

    Raises:
        ValueError: a size is not positive, or the dropout is no probability.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, bidirectional: bool, dropout: float
    ) -> None:
        super().__init__()
        self.stack = RecurrentStack(nn.LSTM, input_size, hidden_size, num_layers, bidirectional, dropout)
        self.output_size = self.stack.output_size

    def forward(
        self,
        inputs: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time hidden"]:
        """Return a state for every position, zero at padding, which stands after the real tokens."""
        states: Tensor = self.stack(inputs, is_padding)
        return states
