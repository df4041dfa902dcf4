"""L2 normalisation: its values by hand, its gradients by the paper's formulas, by differences and by autograd."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from leveret.context import L2Norm
from leveret.errors import LeveretUsageError


def test_by_hand():
    norm = L2Norm(2, scale=10)
    x = torch.tensor([[3.0, -4.0]])
    torch.testing.assert_close(norm(x), torch.tensor([[6.0, -8.0]]))
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(norm(x.view(1, 2, 1, 1)).flatten(), torch.tensor([0.6, -1.6]))


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.floats(0.01, 100))
def test_every_place_has_length_scale_whatever_size_it_had(channels, height, width, size):
    generator = torch.Generator().manual_seed(channels)
    x = size * (torch.randn(2, channels, height, width, generator=generator) + 0.01)
    lengths = L2Norm(channels, scale=20)(x).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, 20.0))


def inputs(shape=(3, 5, 2, 4)):
    generator = torch.Generator().manual_seed(0)
    norm = L2Norm(shape[1], scale=10).double()
    with torch.no_grad():
        norm.weight.copy_(torch.randn(shape[1], generator=generator, dtype=torch.float64))
    x = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
    return norm, x, torch.randn(shape, generator=generator, dtype=torch.float64)


def test_gradients_are_the_papers():
    """Section 3.3: ∂ℓ/∂x̂ = γ ∂ℓ/∂y; ∂ℓ/∂x = ∂ℓ/∂x̂ (I/‖x‖ − x xᵀ/‖x‖³); ∂ℓ/∂γ_i = Σ ∂ℓ/∂y_i x̂_i."""
    norm, x, upstream = inputs()
    norm(x).backward(upstream)
    expected, scale_gradient = torch.empty_like(x), torch.zeros(5, dtype=torch.float64)
    with torch.no_grad():
        for n in range(3):
            for row in range(2):
                for column in range(4):
                    vector, up = x[n, :, row, column], upstream[n, :, row, column]
                    length = vector.square().sum().sqrt()
                    jacobian = torch.eye(5) / length - torch.outer(vector, vector) / length**3
                    expected[n, :, row, column] = jacobian @ (norm.weight * up)
                    scale_gradient += up * vector / length
    torch.testing.assert_close(x.grad, expected)
    torch.testing.assert_close(norm.weight.grad, scale_gradient)


def test_gradients_by_differences():
    norm, x, _ = inputs((2, 3, 1, 2))

    def of_both(values, weight):
        return torch.func.functional_call(norm, {"weight": weight}, (values,))

    assert torch.autograd.gradcheck(of_both, (x, norm.weight))


def test_zeros_stay_zeros_and_learn_nothing_wild():
    norm = L2Norm(3)
    x = torch.zeros(1, 3, 1, 1, requires_grad=True)
    y = norm(x.relu())
    y.sum().backward()
    assert not y.any()
    assert not x.grad.any()
    assert not norm.weight.grad.any()


@pytest.mark.parametrize("options", [{"channels": 0}, {"channels": 3, "scale": 0}, {"channels": 3, "eps": 0}])
def test_refused_arguments(options):
    with pytest.raises(LeveretUsageError, match=list(options)[-1]):
        L2Norm(**options)


def test_another_number_of_channels_is_refused():
    with pytest.raises(LeveretUsageError, match=r"takes \(batch, 3, …\), got \(2, 4, 1, 1\)"):
        L2Norm(3)(torch.zeros(2, 4, 1, 1))
