"""Logits: what softmax and sigmoid hand on, who has them, and for how long."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import tensorgrad as tg

Z = np.array([[40.0, -40.0, 0.0], [1.0, 2.0, 3.0]])
both = pytest.mark.parametrize("f", [tg.softmax, tg.sigmoid])


def other_than(f):
    return tg.sigmoid if f is tg.softmax else tg.softmax


def made(f, how):
    """Compute probabilities, recorded or not, from the logits Z."""
    z = tg.Tensor(Z, requires_grad=how != "constant")
    if how == "no_grad":
        with tg.no_grad():
            return z, f(z)
    return z, f(z)


@both
@pytest.mark.parametrize("how", ["recorded", "no_grad", "constant"])
def test_probabilities_have_the_logits_that_they_were_made_of(f, how):
    z, p = made(f, how)
    found = tg.logits_of(p, f)
    np.testing.assert_array_equal(found.data, Z)
    assert found.node is (z.node if how == "recorded" else None)
    assert tg.logits_of(p, other_than(f)) is None
    assert p.op is (f if how == "recorded" else None)


@both
@pytest.mark.parametrize("how", ["recorded", "constant"])
def test_a_detached_tensor_has_them_without_a_gradient(f, how):
    _, p = made(f, how)
    found = tg.logits_of(p.detach(), f)
    np.testing.assert_array_equal(found.data, Z)
    assert found.node is None


@pytest.mark.parametrize(
    ("call", "has_logits"),
    [
        (lambda z: tg.softmax(z), True),
        (lambda z: tg.softmax(x=z), True),
        (lambda z: tg.softmax(z, -1), True),
        (lambda z: tg.softmax(z, axis=1), True),
        (lambda z: tg.softmax(z, 0), False),
        (lambda z: tg.softmax(z, axis=-2), False),
        (lambda z: tg.softmax(z, axis=(0, 1)), False),
        (lambda z: tg.softmax(z, axis=None), False),
    ],
)
def test_a_softmax_along_the_last_axis_has_logits(call, has_logits):
    for z in (tg.Tensor(Z), tg.Tensor(Z, requires_grad=True)):
        assert (tg.logits_of(call(z), tg.softmax) is not None) == has_logits


CHANGES = {
    "times one": lambda p: p * 1,
    "plus zero": lambda p: p + 0,
    "a view of all": lambda p: p[:],
    "reshaped": lambda p: p.reshape(p.shape),
    "np.copy": np.copy,
    "added to in place": lambda p: p.__iadd__(0),
    "an item set": lambda p: p.__setitem__((0, 0), 0.5),
    "filled": lambda p: p.fill(0.5),
    "sorted": lambda p: p.sort(),
    "written through a view": lambda p: p[:1].__iadd__(0.5),
    "written through a view of a view": lambda p: p.T[1:].__setitem__(0, 0.5),
    "other data": lambda p: setattr(p, "data", p.data / 2),
    "data scaled in place": lambda p: scale_data(p),
    "data scaled in place through a view": lambda p: scale_data(p[:1]),
}


def scale_data(t):
    t.data /= 2


@both
@pytest.mark.parametrize("how", ["recorded", "no_grad", "constant"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_has_no_logits(f, how, change):
    _, p = made(f, how)
    result = change(p)
    assert tg.logits_of(p if result is None else result, f) is None


@both
def test_copies_leaves_and_arrays_have_no_logits(f):
    _, p = made(f, "constant")
    for other in (
        copy.copy(p),
        copy.deepcopy(p),
        pickle.loads(pickle.dumps(p)),
        tg.Tensor(p),
        p.data,
    ):
        assert tg.logits_of(other, f) is None
    assert tg.logits_of(tg.Tensor(p, requires_grad=True), f) is None
    assert tg.logits_of(f(Z), f) is None  # an ndarray


@both
def test_a_write_to_what_they_were_made_of_changes_nothing(f):
    buffer = Z.copy()
    p = f(tg.Tensor(buffer))
    buffer[...] = 0
    np.testing.assert_array_equal(tg.logits_of(p, f).data, Z)
    leaf = tg.Tensor(Z, requires_grad=True)
    p = f(leaf)
    leaf.data -= 1
    np.testing.assert_array_equal(tg.logits_of(p, f).data, Z)
    z = leaf * 1
    before, node, p = z.data.copy(), z.node, f(z)
    z += 1
    z.data *= 2
    found = tg.logits_of(p, f)
    np.testing.assert_array_equal(found.data, before)
    assert found.node is node
    found += 1  # nor does a write to the logits that were found
    np.testing.assert_array_equal(tg.logits_of(p, f).data, before)


@both
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.int8])
def test_logits_have_the_dtype_of_the_probabilities(f, dtype):
    z = np.array([[1, 0], [0, 1]], dtype)
    p = f(tg.Tensor(z))
    found = tg.logits_of(p, f)
    assert found.dtype == p.dtype
    np.testing.assert_array_equal(found.data, z)


def test_a_single_number():
    p = tg.sigmoid(tg.Tensor(-800.0))
    assert p.data == 0
    assert tg.logits_of(p, tg.sigmoid).item() == -800


def test_only_two_functions_hand_on_logits():
    with pytest.raises(
        ValueError, match=r"only tg\.softmax and tg\.sigmoid hand on logits, but not"
    ):
        tg.logits_of(tg.Tensor(Z), np.tanh)


@both
def test_the_graph_does_not_save_the_logits(f):
    """Only the tensor of probabilities holds an array of z, and no cycle holds that tensor."""
    gc.disable()
    try:
        z = tg.Tensor(Z, requires_grad=True) * 1
        p = f(z)
        node = p.node
        assert node.args[0] is z.node
        loss = np.sum(p * p)
        tensors = [weakref.ref(t) for t in (p, z)]
        inner = weakref.ref(z.node)
        del z, p, node
        assert [t() for t in tensors] == [None, None]
        assert inner() is not None  # the loss needs it
        del loss
        assert inner() is None
    finally:
        gc.enable()


@both
def test_dropped_probabilities_free_the_graph_of_their_logits(f):
    gc.disable()
    try:
        z = tg.Tensor(Z, requires_grad=True) * 1
        node, p = weakref.ref(z.node), f(z)
        kept = p.detach()
        del z, p
        assert node() is None
        np.testing.assert_array_equal(tg.logits_of(kept, f).data, Z)
    finally:
        gc.enable()


@both
def test_gradients_of_the_activation_stay_what_they_were(f):
    tg.check_grads(lambda z: np.sum(f(z) * np.arange(6.0).reshape(2, 3)), Z / 20)
    with tg.trace():
        z = tg.Tensor(Z, requires_grad=True)
        p = f(z)
        assert tg.logits_of(p, f).node is z.node
        assert p.op is f


@both
def test_transforms_and_checkpoints(f):
    def logits(p):
        found = tg.logits_of(p, f)
        assert found is not None
        return np.sum(found**2)

    z, p = made(f, "recorded")
    tg.checkpoint(logits)(p).backward()  # an argument of a checkpoint keeps its logits
    np.testing.assert_array_equal(z.grad.data, 2 * Z)
    _, aux = tg.value_and_grad(lambda z: (logits(p := f(z)), p), has_aux=True)(tg.Tensor(Z))[0]
    np.testing.assert_array_equal(tg.logits_of(aux, f).data, Z)
    for how in ("recorded", "no_grad", "constant"):  # its results have none, recorded or not
        assert tg.logits_of(made(tg.checkpoint(f), how)[1], f) is None
    derivative = tg.grad(lambda p: np.sum(p) if tg.logits_of(p, f) is None else logits(p))
    np.testing.assert_array_equal(derivative(p).data, np.ones_like(Z))  # in p itself


@both
@pytest.mark.parametrize("how", ["recorded", "no_grad", "constant"])
def test_a_write_to_memory_that_the_probabilities_share_takes_the_logits_away(f, how):
    for shares in (lambda p: p.detach(), lambda p: p.detach()[1:], lambda p: tg.Tensor(p.data)):
        _, p = made(f, how)
        other, later = shares(p), p.detach()
        assert tg.logits_of(later, f) is not None
        other.data *= 2
        assert tg.logits_of(p, f) is None
        assert tg.logits_of(later, f) is None
