"""requires_grad as a switch: leaves are frozen and thawed, constants become leaves."""

import copy
import pickle

import numpy as np
import pytest

import tensorgrad as tg


def leaf(*values: float, name: str | None = None) -> tg.Tensor:
    return tg.Tensor(np.array(values), requires_grad=True, name=name)


def test_a_frozen_leaf_is_a_constant_until_it_is_thawed():
    w, b = leaf(1.0, 2.0, name="w"), leaf(3.0, 4.0)
    np.sum(w * b).backward()
    w.requires_grad = False
    assert (w.requires_grad, w.is_leaf, w.is_frozen, w.grad) == (False, True, True, None)
    assert w.name == "w"
    y = np.sum(w * b)
    assert [p is None for p in y.node.parents[0].parents] == [True, False]
    b.zero_grad()
    y.backward()
    assert w.grad is None
    np.testing.assert_array_equal(b.grad.data, w.data)
    w.requires_grad = True
    assert (w.requires_grad, w.is_frozen, w.grad, w.name) == (True, False, None, "w")
    np.sum(w * b).backward()
    np.testing.assert_array_equal(w.grad.data, b.data)


def test_only_what_is_frozen_is_frozen():
    assert not leaf(1.0).is_frozen
    assert not tg.Tensor([1.0]).is_frozen
    assert not (leaf(1.0) * 2).is_frozen


def test_setting_what_is_already_so_changes_nothing():
    w = leaf(1.0)
    np.sum(w).backward()
    w.requires_grad = True
    assert w.grad is not None
    y = w * 2
    y.requires_grad = True
    assert y.op is np.multiply
    constant = tg.Tensor([1.0])
    constant.requires_grad = False
    assert not constant.is_frozen


def test_a_frozen_leaf_has_the_name_through_new_data():
    w = leaf(1.0, name="w")
    w.requires_grad = False
    w.data = np.array([5.0])
    assert w.name == "w"
    w.name = "v"
    w.requires_grad = True
    assert w.name == "v"


def test_hooks_stay():
    w, seen = leaf(1.0), []
    w.register_hook(seen.append)
    w.requires_grad = False
    w.requires_grad = True
    np.sum(w * 3).backward()
    assert len(seen) == 1


def test_a_graph_from_before_sees_what_was_written_meanwhile():
    w = leaf(1.0)
    y = np.sum(w * w)
    w.requires_grad = False
    w.data -= 1
    w.requires_grad = True
    with pytest.raises(RuntimeError, match="written to in place"):
        y.backward()


def test_a_constant_becomes_a_leaf_with_its_own_data():
    array = np.array([0.25, 0.75])
    t = tg.Tensor(array, name="t")
    t.requires_grad = True
    array[0] = 9
    np.testing.assert_array_equal(t.data, [0.25, 0.75])
    np.sum(t * t).backward()
    np.testing.assert_array_equal(t.grad.data, [0.5, 1.5])
    assert t.name == "t"
    scalar = tg.Tensor(2.0)
    scalar.requires_grad = True
    (scalar**2).backward()
    assert scalar.grad.item() == 4


def test_a_constant_softmax_that_becomes_a_leaf_forgets_its_logits():
    p = tg.softmax(tg.Tensor([[1.0, 2.0]]))
    p.requires_grad = True
    (-np.sum(np.log(p))).backward()
    np.testing.assert_allclose(p.grad.data, -1 / p.data)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_of_frozen_leaves_are_frozen(copied):
    w = leaf(1.0, name="w")
    w.requires_grad = False
    other = copied(w)
    assert (other.is_frozen, other.name) == (True, "w")
    other.requires_grad = True
    assert w.is_frozen


# fmt: off
REFUSED = [
    (lambda: leaf(1.0) * 2,           False, RuntimeError, r"an operation made it.*use \.detach\(\) .*or freeze those leaves"),
    (lambda: tg.Tensor([1, 2]),       True,  TypeError,    "only floating-point and complex tensors have gradients, but the data has dtype int64"),
]
# fmt: on


@pytest.mark.parametrize(("make", "value", "kind", "message"), REFUSED)
def test_what_cannot_be_switched_says_what_to_do(make, value, kind, message):
    t = make()
    with pytest.raises(kind, match=message):
        t.requires_grad = value
    assert t.requires_grad is not value


def test_a_view_of_a_constant_cannot_become_a_leaf():
    whole = tg.Tensor([1.0, 2.0])
    part = whole[:1]
    with pytest.raises(
        RuntimeError, match=r"a view of another.*tg\.Tensor\(t, requires_grad=True\)"
    ):
        part.requires_grad = True
    assert not part.requires_grad
