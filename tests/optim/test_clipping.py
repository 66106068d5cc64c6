"""Clippers equal what numpy says of the same gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as draw

from attendo.optim import ClipBounds, ClipNorm, ClipValue

NUMBERS = draw.lists(draw.floats(-10, 10, width=32), min_size=2, max_size=8)


def clipped(clip, gradients: list[float]) -> np.ndarray:
    """Over two parameters, and one that has no gradient."""
    parameters = [
        torch.nn.Parameter(torch.zeros(len(part))) for part in (gradients[:1], gradients[1:], [0.0])
    ]
    parameters[0].grad = torch.tensor(gradients[:1], dtype=torch.float32)
    parameters[1].grad = torch.tensor(gradients[1:], dtype=torch.float32)
    clip(parameters)
    assert parameters[2].grad is None
    return torch.cat([p.grad for p in parameters[:2]]).numpy()


@given(NUMBERS, draw.floats(0.125, 20, width=32), draw.sampled_from([1.0, 2.0, float("inf")]))
def test_the_norm_of_all_gradients_together_is_bounded(numbers, max_norm, norm_type) -> None:
    norm = np.linalg.norm(np.array(numbers), norm_type)
    expected = np.array(numbers) * min(1.0, max_norm / max(norm, 1e-9))
    found = clipped(ClipNorm(max_norm, norm_type), numbers)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@given(NUMBERS, draw.floats(0.125, 20, width=32))
def test_every_component_is_bounded(numbers, limit) -> None:
    np.testing.assert_allclose(clipped(ClipValue(limit), numbers), np.clip(numbers, -limit, limit), rtol=1e-5)


@given(NUMBERS)
def test_bounds_need_not_be_symmetric(numbers) -> None:
    np.testing.assert_allclose(
        clipped(ClipBounds(-0.1, 0.5), numbers), np.clip(numbers, -0.1, 0.5), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ClipNorm(0.0, 2.0), r"clipping\.max_norm=0"),
        (lambda: ClipNorm(1.0, -1.0), r"clipping\.norm_type=-1"),
        (lambda: ClipValue(float("nan")), r"clipping\.limit=nan"),
        (lambda: ClipBounds(0.5, 0.5), r"lower < upper"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
