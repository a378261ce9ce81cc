"""sw/training/tidy.py and links.py: outputs stay, units without users or weights go, units change places."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

from collections.abc import Callable

import torch
from torch import Tensor, nn

from model.errors import EieError
from sw.training.links import leaves, links
from sw.training.tidy import Tidying, tidy


def linear() -> Any:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))


def convolutional() -> Any:
    features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 6, 2), nn.ReLU(), nn.AvgPool2d(2))
    return nn.Sequential(features, nn.Flatten(), nn.Linear(24, 7), nn.ReLU(), nn.Dropout(), nn.Linear(7, 3))


CASES = [(linear, (6,)), (convolutional, (1, 12, 12))]


def sparse(make: Callable[[], nn.Sequential], seed: int) -> Any:
    """Few weights, so that units without weights and without users are there."""
    torch.manual_seed(seed)
    module = make().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.mul_(torch.rand_like(parameter) < 0.15)
    return module


def outputs(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    with torch.no_grad():
        return module(torch.randn(16, *shape, generator=torch.Generator().manual_seed(5)))


def weights(module: nn.Module) -> int:
    return sum(int(torch.count_nonzero(parameter)) for parameter in module.parameters())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("make", "shape"), CASES)
def test_the_function_stays_and_no_idle_unit_is_left(
    make: Callable[[], nn.Sequential], shape: tuple[int, ...], seed: int
) -> None:
    module: Any = sparse(make, seed)
    before, size = outputs(module, shape), weights(module)
    tidy(module, Tidying(reorder="weights"))
    torch.testing.assert_close(outputs(module, shape), before)
    assert weights(module) < size
    for link in links(module):
        used = (link.by_unit(link.target.weight) != 0).any(dim=2).any(dim=0)
        fed = (link.source.weight != 0).flatten(1).any(dim=1)
        assert torch.equal(used, fed)
        assert link.source.bias is not None
        assert not link.source.bias[~used].any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("make", "shape"), CASES)
def test_shrinking_leaves_no_idle_unit_and_the_function(
    make: Callable[[], nn.Sequential], shape: tuple[int, ...], seed: int
) -> None:
    module: Any = sparse(make, seed)
    before = outputs(module, shape)
    sizes = [len(link.source.weight) for link in links(module)]
    tidy(module, Tidying(shrink=True))
    torch.testing.assert_close(outputs(module, shape), before)
    assert sum(len(link.source.weight) for link in links(module)) < sum(sizes)
    for link in links(module):
        assert (link.by_unit(link.target.weight) != 0).any(dim=2).any(dim=0).all() or len(link.source.weight) == 1


def test_a_layer_that_nothing_uses_keeps_one_unit() -> None:
    module: Any = linear()
    with torch.no_grad():
        module[2].weight.zero_()
    tidy(module, Tidying(shrink=True))
    assert [tuple(link.source.weight.shape) for link in links(module)] == [(1, 6), (1, 1)]


def test_units_with_most_weights_come_first() -> None:
    module: Any = sparse(linear, 0)
    tidy(module, Tidying(fold=False, drop=False, reorder="weights"))
    first, second = (module[0].weight != 0).sum(dim=1), (module[2].weight != 0).sum(dim=0)
    totals = (first + second).tolist()
    assert totals == sorted(totals, reverse=True)


def test_a_constant_goes_through_relu_and_pooling_but_not_through_padding() -> None:
    module: Any = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 1, 3)).eval()
    with torch.no_grad():
        module[0].weight.zero_()
        module[0].bias.copy_(torch.tensor([2.0, -3.0]))
    before = outputs(module, (1, 8, 8))
    expected = module[3].bias.detach() + 2 * module[3].weight.detach()[:, 0].sum()
    tidy(module, Tidying())
    torch.testing.assert_close(module[3].bias.detach(), expected)
    assert not module[3].weight.any()
    torch.testing.assert_close(outputs(module, (1, 8, 8)), before)

    padded: Any = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, padding=1)).eval()
    with torch.no_grad():
        padded[0].weight.zero_()
    weight = padded[1].weight.detach().clone()
    tidy(padded, Tidying())
    assert torch.equal(padded[1].weight, weight)


def test_layers_without_bias_and_unknown_modules_between() -> None:
    module: Any = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        module[2].weight[:, 1] = 0
    tidy(module, Tidying(reorder="weights"))
    assert not module[0].weight[3].any()
    assert links(nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 2))) == []
    assert links(nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, groups=2))) == []


def test_names_of_nested_layers() -> None:
    names = [(link.before, link.after) for link in links(convolutional())]
    assert names == [("0.0", "0.2"), ("0.2", "2"), ("2", "5")]
    assert [name for name, _ in leaves(convolutional())][:2] == ["0.0", "0.1"]
    with pytest.raises(EieError, match=r"through a torch\.nn\.Sequential only, got Linear"):
        links(nn.Linear(2, 2))
