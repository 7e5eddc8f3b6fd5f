"""Tensors in code that is written for any array: the namespace, the device, type hints of shapes."""

import numpy as np
import pytest

import tensorgrad as tg

V = np.arange(6.0).reshape(2, 3) / 7 + 0.1


def test_the_namespace_is_numpy_and_the_device_the_cpu():
    t = tg.Tensor(V, requires_grad=True)
    assert t.__array_namespace__() is np
    assert t.device == "cpu"
    assert t.to_device("cpu") is t
    with pytest.raises(ValueError, match="device"):
        t.to_device("cuda")


def calls():
    compat = pytest.importorskip("array_api_compat")
    xpx = pytest.importorskip("array_api_extra")
    yield lambda x: compat.array_namespace(x).exp(x)
    yield lambda x: compat.array_namespace(x).linalg.vector_norm(x)
    yield xpx.sinc
    yield xpx.cov
    yield lambda x: xpx.pad(x, 1) ** 2
    yield lambda x: xpx.at(x * 1.0)[0].add(1.0) ** 2
    yield lambda x: xpx.kron(x, x)


def test_code_for_any_array_is_differentiated():
    for f in calls():
        tg.check_grads(f, V)


def test_einops_own_functions_for_any_array():
    array_api = pytest.importorskip("einops.array_api")
    tg.check_grads(lambda x: array_api.rearrange(x, "a (b c) -> a c b", b=3) ** 2, V)
    tg.check_grads(lambda x: array_api.reduce(x, "a b -> a", "mean") ** 2, V)


def test_shapes_in_type_hints_are_checked():
    jaxtyping = pytest.importorskip("jaxtyping")
    beartype = pytest.importorskip("beartype")

    @jaxtyping.jaxtyped(typechecker=beartype.beartype)
    def product(
        x: jaxtyping.Float[tg.Tensor, "a b"], w: jaxtyping.Float[np.ndarray, "b c"]
    ) -> jaxtyping.Float[tg.Tensor, "a c"]:
        return x @ w

    x = tg.Tensor(V, requires_grad=True)
    assert product(x, np.ones((3, 4))).shape == (2, 4)
    for wrong in ((x, np.ones((2, 4))), (V, np.ones((3, 4))), (x[0], np.ones((3, 4)))):
        with pytest.raises(jaxtyping.TypeCheckError):
            product(*wrong)
