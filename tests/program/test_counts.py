"""Programs whose arrays get lengths or dtypes by values, as x[x > 0], value and derivatives."""

import importlib.util
import warnings

import numpy as np
import pytest

import tensorgrad as tg

# Functions whose results depend on how many elements are chosen, not only on which.
CASES = {
    "mean": lambda x: np.mean(x[x > 0] ** 2),
    "mean of nonzero": lambda x: np.mean(x[np.nonzero(x > 0)] ** 2),
    "mean of where": lambda x: np.mean(x[np.where(x > 0)] ** 2),
    "mean of extract": lambda x: np.mean(np.extract(x > 0, x) ** 2),
    "mean of compress": lambda x: np.mean(np.compress(x > 0, x) ** 2),
    "mean of argwhere": lambda x: np.mean(x[np.argwhere(x > 0)[:, 0]] ** 2),
    "mean of unique": lambda x: np.mean(np.unique(np.maximum(x, 0)) ** 2),
    "mean of a slice": lambda x: np.mean(x[: np.sum(x > 0)] ** 2),
    "a slice of all": lambda x: np.sum(x[: np.sum(x > 0) + 1] ** 2),
    "a mask of a matrix": lambda x: np.mean((x[:, None] * x)[x > 0] ** 2),
    "deviation": lambda x: np.std(x[x > 0] ** 2),
    "median": lambda x: np.median(x[x > 0] ** 3),
    "quantile": lambda x: np.quantile(x[x > 0], 0.3) ** 2,
    "norm": lambda x: np.linalg.norm(x[x > 0]),
    "length": lambda x: np.sum(x**2) / len(x[x > 0]),
    "size": lambda x: np.sum(x**2) * np.size(x[x > 0]),
    "decision": lambda x: np.sum(x**2) if x[x > 0].shape[0] > 2 else np.sum(x**3),
    "loop": lambda x: sum(v * k for k, v in enumerate(x[x > 0] ** 2)),
    "reshape": lambda x: np.sum(np.reshape(x[x > 0], (1, -1)) ** 2),
    "sum with a mean": lambda x: np.sum(np.cumsum(x[x > 0])) + np.mean(x[x > 0]),
    "written": lambda x: np.mean(set_where(x * 1, x > 0, np.mean(x[x > 0]))),
    "open mesh": lambda x: np.sum(x[:, None] * (x[:, None] * x)[np.ix_(x < 9, x > 0)]),
    "roots": lambda x: np.sum(np.abs(np.roots(x))),
    "eigenvalues": lambda x: np.sum(np.abs(np.linalg.eigvals(off_diagonal(x)) - 1)),
    "eigenvectors": lambda x: np.sum(np.abs(np.linalg.eig(off_diagonal(x))[1]) ** 3),
    "squeeze": lambda x: np.sum(np.squeeze(x[x > 0]) * x[:, None] ** 2),
    "sum": lambda x: np.sum(x[x > 0] ** 2),
    "sum of exponentials": lambda x: np.log(np.sum(np.exp(x[x > 0]))),
}
if importlib.util.find_spec("scipy"):
    import tensorgrad.scipy.linalg as tsl

    CASES["root of a matrix"] = lambda x: np.sum(np.abs(tsl.sqrtm(off_diagonal(x))))
ARRAYS = [
    np.array([1.0, -2.0, 3.0, -1.0]), np.array([-1.0, 2.0, -3.0, -2.0]),
    np.array([2.0, 1.0, 3.0, 0.5]), np.array([-2.0, 1.5, -1.5, 0.5]),
]  # fmt: skip


def set_where(x, mask, value):
    x[mask] = value
    return x


def off_diagonal(x):
    """Return a matrix with real eigenvalues if x[0] and x[1] have one sign, else complex ones."""
    return np.reshape(np.stack([x[0] * 0, x[1], x[0], x[0] * 0]), (2, 2))


def with_direction(f):
    return lambda x: tg.jvp(f, (x,), (np.arange(1.0, 1 + len(x)),))


def times_direction(f):
    return lambda x: tg.hvp(f, x, np.arange(1.0, 1 + len(x)))


@pytest.mark.parametrize(
    "derive",
    [tg.value_and_grad, pytest.param(with_direction, marks=pytest.mark.long), times_direction],
)
@pytest.mark.parametrize("case", CASES)
def test_another_number_of_elements_gives_the_eager_bits(case, derive):
    eager, compiled = derive(CASES[case]), tg.compile(derive(CASES[case]))
    for x in (*ARRAYS, *(x[:3] for x in ARRAYS[:2])):
        found, expected = compiled(x), eager(x)
        assert repr(found) == repr(expected)


def test_what_does_not_follow_the_number_has_one_program_without_a_check():
    f = tg.compile(tg.value_and_grad(CASES["sum"]))
    for x in ARRAYS:
        f(x)
    assert len(f.programs) == 1
    assert "raise" not in f.program(ARRAYS[0]).source


def test_what_follows_the_number_is_checked_in_the_text():
    f = tg.compile(tg.value_and_grad(CASES["mean"]))
    x, other = ARRAYS[:2]
    assert "if take.shape != (1,):" in f.program(other).source
    assert "if take.shape != (2,):" in f.program(x).source
    namespace = {}
    exec(f.program(x).source, namespace)
    with pytest.raises(ValueError, match=r"for values that choose the shape \(2,\) here"):
        namespace[f.program(x)._text.main](other)


def test_a_dtype_that_values_choose_is_checked_in_the_text():
    source = tg.compile(lambda x: np.abs(np.roots(x))).program(np.array([1.0, 2, 5])).source
    assert "roots.shape != (len(x) - 1,):" in source
    assert 'roots.dtype != "complex128":' in source
    assert "choose the dtype complex128 here" in source


def test_a_generator_that_a_program_has_drawn_from_is_put_back():
    def f(x, rng):
        noise = draw(rng, x.shape)
        return np.mean((x * noise)[x > 0])

    @tg.impure
    def draw(rng, shape):
        return rng.standard_normal(shape)

    compiled, a, b = tg.compile(f), np.random.default_rng(0), np.random.default_rng(0)
    for x in ARRAYS:
        assert compiled(x, a) == f(x, b)


def test_a_number_that_is_another_each_time_runs_eagerly_and_says_so():
    eager = tg.grad(CASES["mean"])
    f, x = tg.compile(eager), np.ones(40)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(1, 30):
            x[:n] = -1.0
            np.testing.assert_array_equal(f(x), eager(x))
    assert len(caught) == 1
    assert "runs eagerly: values choose another number of elements" in str(caught[0].message)
    assert "write np.where(condition, a, b)" in str(caught[0].message)


def test_a_root_that_is_complex_for_some_values_is_checked_in_the_text():
    f = tg.compile(lambda x: x * (2 if np.emath.sqrt(x).dtype.kind == "c" else 3))
    for x in (np.array([1.0, 4]), np.array([-1.0, 4]), np.array([9.0, 4])):
        assert np.array_equal(f(x), x * (2 if x[0] < 0 else 3))


def test_a_matrix_without_full_rank_has_a_program_of_its_own():
    f = tg.value_and_grad(lambda x, y: sum(map(np.sum, np.polyfit(x, y, 1, full=True)[:2])), (0, 1))
    compiled = tg.compile(f)
    y = np.array([-0.5, -1.5, 0.25, 1.5, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit is poorly conditioned
        for x in (np.array([-1.0, -0.25, 0.5, 1, 2]), np.ones(5), np.array([-1.0, 0, 0.5, 1, 3])):
            want, got = f(x, y), compiled(x, y)
            assert want[0] == got[0]
            assert all(map(np.array_equal, want[1], got[1]))
