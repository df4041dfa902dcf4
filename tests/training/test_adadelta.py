"""`Adadelta`: torch's own on whole gradients, and the same on those of some rows."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from leveret.errors import LeveretUsageError
from leveret.training import Adadelta
from leveret.training._adadelta import sparse_tables


def after(make, sparse, steps=30, dense_every=0):
    torch.manual_seed(0)
    table = nn.Parameter(torch.randn(20, 3))
    weight = nn.Parameter(torch.randn(3))
    optimizer = make([table, weight])
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        ids = torch.randint(0, 20, (4,), generator=generator)
        optimizer.zero_grad()
        rows = sparse and not (dense_every and step % dense_every == dense_every - 1)
        (F.embedding(ids, table, sparse=rows) * weight).sum(1).sin().sum().backward()
        assert table.grad.is_sparse is rows
        optimizer.step()
    return table.detach(), weight.detach()


@pytest.mark.parametrize(("sparse", "dense_every"), [(False, 0), (True, 0), (True, 7)])
def test_as_torch_s_adadelta(sparse, dense_every):
    ours = after(lambda p: Adadelta(p, lr=0.7, rho=0.9), sparse, dense_every=dense_every)
    theirs = after(lambda p: torch.optim.Adadelta(p, lr=0.7, rho=0.9, eps=1e-6), False)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_weight_decay_is_torch_s():
    ours = after(lambda p: Adadelta(p, weight_decay=0.1), False)
    theirs = after(lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.95, weight_decay=0.1), False)
    torch.testing.assert_close(ours[0], theirs[0])


def test_a_saved_state_goes_on_the_same():
    def run(stop):
        torch.manual_seed(0)
        table = nn.Parameter(torch.randn(8, 2))
        optimizer = Adadelta([table])
        for step in range(12):
            if step == stop:
                state, optimizer = optimizer.state_dict(), Adadelta([table])
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            F.embedding(torch.tensor([step % 8, step % 3]), table, sparse=True).square().sum().backward()
            optimizer.step()
        return table.detach()

    assert torch.equal(run(5), run(None))


def test_tables_give_rows_only_meanwhile():
    net = nn.Sequential(nn.Embedding(2000, 2), nn.Embedding(10, 2))
    with sparse_tables(net, True):
        assert [table.sparse for table in net] == [True, False]
    assert not net[0].sparse


def test_bad_settings_are_named():
    with pytest.raises(LeveretUsageError, match=r"rho in \[0, 1\)"):
        Adadelta([nn.Parameter(torch.zeros(1))], rho=1.0)
