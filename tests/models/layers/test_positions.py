import numpy as np
import pytest
import torch

from attendo.models.layers.positions import LearnedPositions, SinusoidalPositions, sinusoids


@pytest.mark.parametrize("width", [8, 7])
def test_sinusoids_are_the_papers_with_the_features_permuted(width):
    expected = np.zeros((50, width))
    for position in range(50):
        for feature in range(width):
            angle = position / 10000 ** (2 * (feature // 2) / width)
            expected[position, feature] = np.cos(angle) if feature % 2 else np.sin(angle)
    halves = np.concatenate([expected[:, 0::2], expected[:, 1::2]], axis=1)
    np.testing.assert_allclose(sinusoids(50, width).numpy(), halves, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_table_that_grew_equals_one_that_was_long_from_the_start(dtype):
    small, large = SinusoidalPositions(8, 4).to(dtype), SinusoidalPositions(8, 40).to(dtype)
    torch.testing.assert_close(small(3, first=1), large(3, first=1), rtol=0, atol=0)
    torch.testing.assert_close(small(5, first=25), large(5, first=25), rtol=0, atol=0)
    torch.testing.assert_close(small(30), large(30), rtol=0, atol=0)
    assert not small.state_dict()


def test_a_table_that_grew_in_inference_mode_can_be_written_to_in_training():
    positions = SinusoidalPositions(8, 4)
    with torch.inference_mode():
        positions(9)
    assert not positions.table.is_inference()
    positions.table.copy_(positions.table.clone())


def test_learned_positions_are_on_the_scale_of_embeddings_and_limited():
    torch.manual_seed(0)
    positions = LearnedPositions(64, 100)
    assert positions(100).std().item() == pytest.approx(1, abs=0.05)
    torch.testing.assert_close(positions(3, first=97), positions(100)[97:])
    with pytest.raises(ValueError, match=r"101 tokens exceeds max_positions=100"):
        positions(2, first=99)
