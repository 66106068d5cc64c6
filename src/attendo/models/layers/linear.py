"""Linear maps with the initialization of Transformers."""

from torch import nn


def xavier_linear(input_size: int, output_size: int, *, parts: int = 1, gain: float = 1.0) -> nn.Linear:
    """A linear map with zero bias, W ~ U(±gain √(6 / (fan_in + fan_out))) (Glorot & Bengio 2010, eq. 16).

    Args:
        input_size: features that come in.
        output_size: features that go out of each part.
        parts: maps computed by one matrix (queries, keys, values: 3), each initialized by itself.
        gain: factor on the initial weights.
    """
    layer = nn.Linear(input_size, parts * output_size)
    for part in layer.weight.detach().chunk(parts):
        nn.init.xavier_uniform_(part, gain)
    nn.init.zeros_(layer.bias)
    return layer
