"""The convolutional encoder."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class ConvolutionalEncoder(nn.Module):
    """ReLU features of the n-grams around every token (Kim 2014, eq. 2), of all widths side by side.

    An n-gram of even width reaches one token farther to the right. Beyond the ends of a sentence stand zeros.

    Args:
        input_size: features per input position.
        widths: tokens n of the n-grams.
        channels: features per width.

    Raises:
        ValueError: a size is not positive, or there is no width.
    """

    def __init__(self, input_size: int, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        for name, size in [("input_size", input_size), ("channels", channels)]:
            if size < 1:
                raise ValueError(f"{name} must be at least 1, not {size}")
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must be one or more numbers from 1, not {list(widths)}")
        self.ngrams = nn.ModuleList(
            nn.Sequential(
                nn.ConstantPad1d(((width - 1) // 2, width // 2), 0.0),
                nn.Conv1d(input_size, channels, width),
                nn.ReLU(),
            )
            for width in widths
        )
        self.output_size = channels * len(widths)

    def forward(
        self,
        inputs: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time hidden"]:
        """Return a state for every position, zero at padding."""
        if inputs.shape[1] == 0:  # a batch of empty sentences, which torch's layer refuses
            return inputs.new_zeros(inputs.shape[0], 0, self.output_size)
        inputs = inputs.masked_fill(is_padding[:, :, None], 0.0).mT  # batch feature time
        states = torch.cat([ngrams(inputs) for ngrams in self.ngrams], dim=1).mT
        return states.masked_fill(is_padding[:, :, None], 0.0)
