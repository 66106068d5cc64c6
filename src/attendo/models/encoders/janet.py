"""The JANET encoder."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.recurrent import JANET


class JANETEncoder(nn.Module):
    """States of a JANET, an LSTM with the forget gate only (van der Westhuizen & Lasenby 2018).

    Args:
        input_size: features per input position.
        hidden_size: features per direction.
        num_layers: layers stacked upon each other.
        bidirectional: read from both ends; the states are then 2 · `hidden_size` wide.
        dropout: probability between layers; there is none after the last, so one layer has none.
        beta: how much the logit that lets candidates in stands below the forget gate's.
        chrono_max_length: positions of the longest dependence to remember at the start; None for a
            forget bias of 1.

    Raises:
        ValueError: a size is not positive, the dropout is no probability, or the dependence is too short.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        beta: float,
        chrono_max_length: int | None,
    ) -> None:
        super().__init__()
        self.layers = JANET(
            input_size,
            hidden_size,
            num_layers,
            batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=bidirectional,
            beta=beta,
            chrono_max_length=chrono_max_length,
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
