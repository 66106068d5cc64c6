"""The equations of JANET and IndRNN in plain numpy, one sentence and one step at a time.

They take complex numbers as well, which gives derivatives without differences: f'(x) = Im f(x + iε) / ε.
"""

from functools import partial

import numpy as np


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def janet(inputs, hidden, cell, weights, beta=1.0):
    """States (time, hidden) of one direction over one sentence (time, feature)."""
    size = len(cell)
    states = []
    for step in inputs:
        gates = weights["weight_ih"] @ step + weights["weight_hh"] @ hidden
        gates = gates + weights.get("bias_ih", 0.0) + weights.get("bias_hh", 0.0)
        forget, candidate = gates[:size], gates[size:]
        cell = sigmoid(forget) * cell + (1 - sigmoid(forget - beta)) * np.tanh(candidate)
        hidden = cell
        states.append(cell)
    return np.array(states)


def indrnn(inputs, hidden, cell, weights, activation=lambda total: np.where(total.real > 0, total, 0)):
    """States (time, hidden) of one direction over one sentence (time, feature)."""
    states = []
    for step in inputs:
        total = weights["weight_ih"] @ step + weights["weight_hh"] * hidden + weights.get("bias_ih", 0.0)
        hidden = activation(total)
        states.append(hidden)
    return np.array(states)


janet_without_beta = partial(janet, beta=0.0)
indrnn_tanh = partial(indrnn, activation=np.tanh)


def whole_stack(cell_function, parameters, inputs, hidden, cell):
    """Output (time, hidden · direction) and last states (layer · direction, hidden) of one sentence.

    Args:
        cell_function: one of those above.
        parameters: arrays by the names `nn.LSTM` gives them.
        inputs: (time, feature).
        hidden, cell: initial states (layer · direction, hidden).
    """
    last = []
    directions = ["", "_reverse"] if "weight_ih_l0_reverse" in parameters else [""]
    for depth in range(len(hidden) // len(directions)):
        outputs = []
        for direction in directions:
            end = f"_l{depth}{direction}"
            weights = {
                name.removesuffix(end): value for name, value in parameters.items() if name.endswith(end)
            }
            turn = -1 if direction else 1
            states = cell_function(inputs[::turn], hidden[len(last)], cell[len(last)], weights)
            last.append(states[-1])
            outputs.append(states[::turn])
        inputs = np.concatenate(outputs, axis=-1)
    return inputs, np.array(last)
