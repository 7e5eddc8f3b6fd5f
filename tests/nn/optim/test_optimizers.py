"""Optimizers: their steps against calculations by hand, flat arrays, threads, state and errors."""

import copy
import threading

import numpy as np
import pytest

import tensorgrad as tg
from nn.config import build, describe
from nn.optim import flat, threads
from nn.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.optim.base import FLUSH, Optimizer
from tests.examples import hand_derived as hand

# fmt: off
CASES = {  # optimizer -> its formula by hand, settings to try
    SGD:     (hand.sgd,     [{}, {"learning_rate": 0.1, "decay": 0.5}, {"momentum": 0.9}, {"momentum": 0.5, "decay": 0.1}, {"momentum": 0.9, "nesterov": True}]),
    Adagrad: (hand.adagrad, [{}, {"learning_rate": 0.1, "decay": 0.5}, {"epsilon": 0.1}]),
    RMSprop: (hand.rmsprop, [{}, {"learning_rate": 0.1, "decay": 0.5}, {"epsilon": 0.1}, {"rho": 0.5}, {"rho": 0}]),
    Adam:    (hand.adam,    [{}, {"learning_rate": 0.1, "decay": 0.5}, {"epsilon": 0.1}, {"beta_1": 0, "beta_2": 0.5}]),
    AdamW:   (hand.adamw,   [{}, {"learning_rate": 0.1, "decay": 0.5}, {"weight_decay": 0.5, "beta_1": 0.5}, {"weight_decay": 0}]),
}
# fmt: on
KINDS = list(CASES)
SHAPES = [(300, 200), (7,), (), (2, 3, 4), (0, 3), (70_000,), (130, 130), (1,)]


def leaf(array: np.ndarray) -> tg.Tensor:
    return tg.Tensor(array, requires_grad=True)


def random(rng: np.random.Generator, shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    return np.asarray(rng.normal(size=shape), dtype)


def follow(optimizer: Optimizer, gradients: list[np.ndarray]) -> list[np.ndarray]:
    """List the values of a single parameter after each step with these gradients."""
    (p,) = optimizer.parameters
    after = []
    for g in gradients:
        p.grad = tg.Tensor(g)
        optimizer.step()
        after.append(p.data.copy())
    return after


@pytest.mark.parametrize(
    ("kind", "settings"), [(k, s) for k, (_, all_) in CASES.items() for s in all_]
)
@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-13), ("float32", 3e-7)])
def test_five_steps_by_hand(kind, settings, dtype, limit):
    rng = np.random.default_rng(0)
    w, gradients = random(rng, (3, 4), dtype), [random(rng, (3, 4), dtype) for _ in range(5)]
    expected = hand.optimize(CASES[kind][0], w, gradients, **settings)
    optimizer = kind([leaf(w)], **settings)
    for step, truth in zip(follow(optimizer, gradients), expected):
        assert step.dtype == dtype
        np.testing.assert_allclose(step, truth, rtol=limit, atol=limit)


def test_settings_are_the_books():
    new = {"weight_decay": 0.0, "clip_norm": None, "clip_value": None}
    sgd = {"learning_rate": 1.0, "decay": 0.0, "momentum": 0.0, "nesterov": False}
    assert SGD().config() == sgd | new
    assert Adagrad().config() == {"learning_rate": 1.0, "decay": 0.0, "epsilon": 1e-7} | new
    common = {"learning_rate": 0.001, "decay": 0.0, "epsilon": 1e-7} | new
    assert RMSprop().config() == common | {"rho": 0.9}
    assert Adam().config() == common | {"beta_1": 0.9, "beta_2": 0.999}


def test_learning_rate_decays_from_the_second_step():
    optimizer = SGD([leaf(np.zeros(1))], learning_rate=0.5, decay=0.1)
    assert optimizer.current_learning_rate == 0.5
    rates = []
    for _ in range(3):
        follow(optimizer, [np.ones(1)])
        rates.append(optimizer.current_learning_rate)
    assert rates == [0.5, 0.5 / 1.1, 0.5 / 1.2]
    assert optimizer.iterations == 3


# Flat arrays and threads


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_parameters_of_all_sizes_step_as_if_each_were_alone(kind, dtype):
    rng = np.random.default_rng(1)
    arrays = [random(rng, shape, dtype) for shape in SHAPES]
    together = kind([leaf(w) for w in arrays], learning_rate=0.01)
    alone = [kind([leaf(w)], learning_rate=0.01) for w in arrays]
    for _ in range(3):
        for p, one in zip(together.parameters, alone):
            g = random(rng, p.shape, dtype)
            p.grad = one.parameters[0].grad = tg.Tensor(g.T.copy().T)  # in Fortran order
            one.step()
        together.step()
    for p, one in zip(together.parameters, alone):
        np.testing.assert_array_equal(p.data, one.parameters[0].data)


@pytest.fixture
def three_threads(monkeypatch):
    """Use three threads and short chunks for flat arrays of any size."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(flat, "THREADED_BYTES", 0)
    monkeypatch.setattr(flat, "CHUNK_BYTES", 1 << 12)
    monkeypatch.setattr(flat, "SMALL_BYTES", 1 << 9)


@pytest.mark.parametrize("kind", KINDS)
def test_threads_side_by_side_step_as_one_does(kind, three_threads, monkeypatch):
    rng = np.random.default_rng(1)
    arrays = [random(rng, s, d) for s in SHAPES for d in ("float32", "float64", "float16")]
    gradients = [[random(rng, w.shape, w.dtype) for w in arrays] for _ in range(FLUSH + 1)]

    def trained():
        optimizer = kind([leaf(w) for w in arrays], learning_rate=0.01)
        for step, gs in enumerate(gradients):
            for i, (p, g) in enumerate(zip(optimizer.parameters, gs)):
                p.grad = None if (step + i) % 5 == 0 else tg.Tensor(g)
            optimizer.step()
        return [p.data for p in optimizer.parameters]

    several = trained()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for a, b in zip(several, trained(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_large_parameters_have_threads_and_small_ones_have_none(three_threads, monkeypatch):
    names = set()

    class Watched(SGD):
        def update(self, w, g, scratch, v):
            names.add(threading.current_thread())
            super().update(w, g, scratch, v)

    follow(Watched([leaf(np.zeros(5000))]), [np.ones(5000)])
    assert threading.main_thread() in names
    assert len(names) in {2, 3}  # a finished thread's identity may be reused
    names.clear()
    monkeypatch.setattr(flat, "THREADED_BYTES", 1 << 24)
    follow(Watched([leaf(np.zeros(5000))]), [np.ones(5000)])
    assert names == {threading.main_thread()}


def test_an_error_in_a_thread_arrives(three_threads):
    class Broken(SGD):
        def update(self, w, g, scratch, v):
            if threading.current_thread() is not threading.main_thread():
                raise ArithmeticError("in a thread")

    with pytest.raises(ArithmeticError, match="in a thread"):
        follow(Broken([leaf(np.zeros(5000))]), [np.ones(5000)])


def test_where_no_thread_can_start_all_is_done_here(three_threads, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert follow(SGD([leaf(np.zeros(5000))]), [np.ones(5000)])[0].tolist() == [-1.0] * 5000


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "2,1"}, 2),
        ({"OMP_NUM_THREADS": "64"}, 4),
        ({"OPENBLAS_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "1"}, 3),
    ],
)
def test_threads_are_as_many_as_the_environment_says(said, expected, monkeypatch):
    for name in threads.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert threads.cores() == expected


@pytest.mark.parametrize("said", [None, "", "0", "many"])
def test_or_as_many_as_there_are_cores_for_this_process(said, monkeypatch):
    for name in threads.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert threads.cores() == 3
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert threads.cores() == 2


def test_many_small_parameters_are_one_array():
    calls = []

    class Counting(SGD):
        def update(self, w, g, scratch, v):
            calls.append(w.size)
            super().update(w, g, scratch, v)

    parameters = [leaf(np.ones((5, 5))) for _ in range(100)]
    optimizer = Counting(parameters)
    for p in parameters:
        p.grad = tg.Tensor(np.ones((5, 5)))
    optimizer.step()
    assert calls == [2500]
    assert all(p.data.base is parameters[0].data.base for p in parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_complex_parameters_step_as_their_real_and_imaginary_parts(kind):
    rng = np.random.default_rng(2)
    z, gz = (random(rng, (5,)) + 1j * random(rng, (5,)) for _ in range(2))
    real, imaginary, z = leaf(z.real), leaf(z.imag), leaf(z)
    real.grad, imaginary.grad, z.grad = map(tg.Tensor, (gz.real, gz.imag, gz))
    optimizer = kind([real, z, imaginary])
    optimizer.step()
    np.testing.assert_array_equal(z.data, real.data + 1j * imaginary.data)
    assert [a.dtype for a in optimizer.state_dict()["states"].popitem()[1]] == ["f8", "c16", "f8"]


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_remembers_in_single(kind):
    rng = np.random.default_rng(3)
    w, gradients = random(rng, (6,), "float16"), [random(rng, (6,), "float16") for _ in range(5)]
    small = [np.float16(1e-4) * g for g in gradients]  # whose squares are 0 in float16
    steps = follow(kind([leaf(w)], learning_rate=0.1), small)
    truth = hand.optimize(CASES[kind][0], w, small, learning_rate=0.1)
    assert steps[-1].dtype == "float16"
    np.testing.assert_allclose(steps[-1], truth[-1], atol=1e-2)


def test_gradient_of_another_dtype_is_cast():
    p = leaf(np.ones(3, np.float32))
    p.grad = tg.Tensor(np.ones(3))
    SGD([p], learning_rate=0.25).step()
    assert p.data.dtype == "float32"
    assert p.data.tolist() == [0.75] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_without_gradient_is_left_alone(kind):
    rng = np.random.default_rng(4)
    shapes = [(4,), (40_000,), (3,), (2,)]
    some = kind([leaf(random(rng, shape)) for shape in shapes])
    reference = copy.deepcopy(some)
    for step in range(6):
        for i, (p, q) in enumerate(zip(some.parameters, reference.parameters)):
            p.grad = q.grad = tg.Tensor(random(rng, p.shape))
            if i in (step % 4, (step + 1) % 4):
                p.zero_grad()
        before = copy.deepcopy(reference.state_dict()), [p.data.copy() for p in some.parameters]
        some.step()
        reference.step()
        for i, p in enumerate(some.parameters):  # undo the changes of the reference
            if p.grad is None:
                reference.parameters[i].data = before[1][i]
                state = reference.state_dict()
                for name, arrays in before[0]["states"].items():
                    state["states"][name][i] = arrays[i]
                state.setdefault("missed", [0] * len(shapes))[i] += 1
                reference.load_state_dict(state)
    for p, q in zip(some.parameters, reference.parameters):
        np.testing.assert_array_equal(p.data, q.data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stops", [[], [7], [3, 12]], ids=str)
def test_a_parameter_that_comes_late_begins_as_the_first_ones_did(kind, stops):
    """Adam's corrections count the steps of each parameter, as its paper's t and PyTorch do."""
    rng, begin = np.random.default_rng(0), 10
    gradients = [random(rng, (3,)) for _ in range(15)]
    alone = kind([leaf(np.ones(3))], learning_rate=0.1)
    both = kind([leaf(np.ones(3)), leaf(np.ones(3))], learning_rate=0.1)
    for step, g in enumerate([None] * begin + gradients):
        first, late = both.parameters
        first.grad, late.grad = tg.Tensor(np.ones(3)), g if g is None else tg.Tensor(g)
        both.step()
        if g is not None:
            alone.parameters[0].grad = tg.Tensor(g)
            alone.step()
        if step in stops:  # go on from a state
            again = kind([leaf(p.data) for p in both.parameters])
            again.load_state_dict(both.state_dict())
            both = again
    np.testing.assert_allclose(both.parameters[1].data, alone.parameters[0].data, rtol=1e-12)
    assert both.state_dict()["missed"] == [0, begin]


@pytest.mark.parametrize("ours", [Adam, AdamW])
def test_freezing_in_between_is_pytorchs(ours):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    arrays = [random(rng, (4, 3)), random(rng, (3,))]
    mine, theirs = [leaf(a) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    kind = getattr(torch.optim, ours.__name__)
    o, t = ours(mine, learning_rate=0.05), kind(theirs, lr=0.05, eps=1e-7)
    for step in range(30):
        x, frozen = random(rng, (5, 4)), 4 <= step < 11 or step > 25
        mine[1].requires_grad = not frozen
        theirs[1].requires_grad_(not frozen)
        np.mean((np.tanh(x @ mine[0]) + mine[1]) ** 2).backward()
        torch.mean((torch.tanh(torch.tensor(x) @ theirs[0]) + theirs[1]) ** 2).backward()
        for optimizer in (o, t):
            optimizer.step()
            optimizer.zero_grad()
        for p, q in zip(mine, theirs):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("missed", [[0], [0, 4], [-1, 0], [0.0, 0], "00", [True, False]])
def test_numbers_of_missed_steps_that_do_not_fit(missed):
    adam = Adam([leaf(np.ones(3)), leaf(np.ones(3))])
    state = adam.state_dict() | {"iterations": 3, "missed": missed}
    with pytest.raises(
        ValueError, match="missed is a list of 2 numbers of steps, from 0 to 3, not"
    ):
        adam.load_state_dict(state)
    assert adam.iterations == 0


@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9), RMSprop(), Adam()], ids=repr)
def test_what_is_remembered_never_becomes_denormal(optimizer):
    optimizer.parameters = [leaf(np.ones(1000, np.float32))]
    rng = np.random.default_rng(5)
    g = rng.normal(size=1000) * 10.0 ** rng.integers(-12, 3, size=1000)
    follow(optimizer, [g.astype(np.float32)])
    nothing = np.zeros(1000, np.float32)
    tiny = np.finfo(np.float32).tiny
    for _ in range(100):
        follow(optimizer, [nothing] * 20)
        for (array,) in optimizer.state_dict()["states"].values():
            assert not np.any((array != 0) & (np.abs(array) < tiny))
    name = optimizer.states[0]
    assert not np.any(optimizer.state_dict()["states"][name][0])  # 0.9^2000


def test_flushing_changes_no_weight():
    rng = np.random.default_rng(6)
    w, first = random(rng, (50,)), random(rng, (50,))
    gradients = [first, *[np.zeros(50)] * (3 * FLUSH)]
    truth = hand.optimize(hand.adam, w, gradients)[-1]
    np.testing.assert_allclose(follow(Adam([leaf(w)]), gradients)[-1], truth, rtol=1e-13)


# Arrays that were replaced


def test_a_new_array_in_data_is_stepped_from_and_the_old_one_kept():
    p = leaf(np.zeros(3))
    optimizer = SGD([p], learning_rate=1)
    follow(optimizer, [np.ones(3)])
    backup = p.data
    p.data = np.full(3, 10.0)
    assert follow(optimizer, [np.ones(3)])[0].tolist() == [9, 9, 9]
    assert backup.tolist() == [-1, -1, -1]
    p.data = backup
    assert follow(optimizer, [np.ones(3)])[0].tolist() == [-2, -2, -2]
    p.data[...] = 5
    assert follow(optimizer, [np.ones(3)])[0].tolist() == [4, 4, 4]


def test_two_optimizers_share_a_parameter():
    p, q, r = (leaf(np.zeros(2)) for _ in range(3))
    one, two = SGD([p, q], learning_rate=1, momentum=0.5), SGD([q, r], learning_rate=1)
    for _ in range(3):
        for t in (p, q, r):
            t.grad = tg.Tensor(np.ones(2))
        one.step()
        two.step()
    assert p.data.tolist() == [-4.25] * 2  # 1 + 1.5 + 1.75
    assert q.data.tolist() == [-7.25] * 2
    assert r.data.tolist() == [-3] * 2


def test_the_engine_knows_that_parameters_were_written_to():
    p = leaf(np.ones(3))
    p.grad = tg.Tensor(np.ones(3))
    optimizer = SGD([p])
    optimizer.step()
    loss = np.sum(p * p)
    optimizer.step()
    with pytest.raises(RuntimeError, match="written to in place after the call"):
        loss.backward()


def test_a_copy_of_an_optimizer_steps_on_its_own():
    rng = np.random.default_rng(7)
    optimizer = Adam([leaf(random(rng, (2, 2))), leaf(random(rng, (3,)))])
    for _ in range(2):
        for p in optimizer.parameters:
            p.grad = tg.Tensor(random(rng, p.shape))
        optimizer.step()
    twin = copy.deepcopy(optimizer)
    for p, q in zip(optimizer.parameters, twin.parameters):
        p.grad = q.grad = tg.Tensor(random(rng, p.shape))
    before = [p.data.copy() for p in twin.parameters]
    optimizer.step()
    np.testing.assert_equal([p.data for p in twin.parameters], before)
    twin.step()
    np.testing.assert_equal(
        [p.data for p in twin.parameters], [p.data for p in optimizer.parameters]
    )


# State


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_loaded_goes_on_bit_for_bit(kind):
    rng = np.random.default_rng(8)
    w, gradients = random(rng, (5,), "float32"), [random(rng, (5,), "float32") for _ in range(6)]
    settings = {"learning_rate": 0.02, "decay": 0.1} | ({"momentum": 0.9} if kind is SGD else {})
    straight = follow(kind([leaf(w)], **settings), gradients)
    first = kind([leaf(w)], **settings)
    middle = follow(first, gradients[:3])[-1]
    second = kind([leaf(middle)])
    second.load_state_dict(first.state_dict())
    assert second.config() == first.config()
    assert second.current_learning_rate == first.current_learning_rate
    np.testing.assert_array_equal(follow(second, gradients[3:]), straight[3:])
    np.testing.assert_array_equal(first.parameters[0].data, middle)  # the state was a copy


def test_a_description_builds_an_optimizer_with_the_same_settings():
    optimizer = build(describe(Adam(learning_rate=0.01, beta_1=0.8)))
    assert isinstance(optimizer, Adam)
    assert optimizer.config() == Adam(learning_rate=0.01, beta_1=0.8).config()
    assert repr(optimizer) == "Adam(learning_rate=0.01, beta_1=0.8)"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s["settings"].pop("beta_1"), "has the settings"),
        (lambda s: s["states"].pop("m"), "arrays of the shapes"),
        (lambda s: s["states"]["m"].append(np.zeros(2)), "arrays of the shapes"),
        (lambda s: s["states"].update(m=[np.zeros(3)]), r"'m': \[\(3,\)\]"),
        (lambda s: s["settings"].update(beta_1=1.0), "beta_1=1.0"),
        (lambda s: s.update(iterations=-1), "iterations"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, words):
    optimizer = Adam([leaf(np.zeros(2))])
    follow(optimizer, [np.ones(2)])
    before, state = optimizer.state_dict(), optimizer.state_dict()
    change(state)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(state)
    np.testing.assert_equal(optimizer.state_dict(), before)


def test_other_parameters_start_anew():
    p, q = leaf(np.zeros(2)), leaf(np.zeros(3))
    optimizer = Adam([p])
    follow(optimizer, [np.ones(2)])
    optimizer.parameters = [p]
    assert optimizer.state_dict()["states"]["m"][0].any()
    optimizer.parameters = [q]
    assert not optimizer.state_dict()["states"]["m"][0].any()


def test_an_optimizer_of_ones_own():
    class SignSGD(Optimizer):
        def __init__(self, parameters=None, learning_rate=0.5, decay=0.0):
            super().__init__(parameters, learning_rate=learning_rate, decay=decay)

        def update(self, w, g, scratch):
            w -= self.current_learning_rate * np.sign(g)

    after = follow(SignSGD([leaf(np.zeros(2))]), [np.array([3.0, -2.0])])
    assert after[0].tolist() == [-0.5, 0.5]


# Errors


def test_an_optimizer_without_an_update():
    class Incomplete(Optimizer):
        pass

    message = r"Incomplete needs a method update\(self, w, g, scratch, \*states\)"
    with pytest.raises(NotImplementedError, match=message):
        follow(Incomplete([leaf(np.zeros(2))], learning_rate=0.1), [np.ones(2)])


def test_step_before_backward():
    for optimizer in (SGD(), SGD([leaf(np.zeros(2))])):
        with pytest.raises(
            RuntimeError, match=r"found no gradient in any of its [01] parameters; call loss"
        ):
            optimizer.step()


@pytest.mark.parametrize(
    ("parameters", "error", "words"),
    [
        (0.01, TypeError, r"but got float; give settings by keyword, as in Adam\(learning_rate=0.01\)"),
        (leaf(np.ones(2)), TypeError, "but got Tensor"),
        ([], ValueError, "empty list"),
        ([np.ones(2)], TypeError, "its parameter 0 is ndarray"),
        ([leaf(np.ones(2)), tg.Tensor(1.0)], TypeError, "its parameter 1 is a constant"),
        ([leaf(np.ones(2)) * 2], TypeError, "its parameter 0 is the result of an operation"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_optimized(parameters, error, words):
    with pytest.raises(error, match=words):
        Adam(parameters)


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (SGD, {"learning_rate": -1}, "learning_rate=-1, but learning_rate must be at least 0"),
        (
            SGD,
            {"learning_rate": "a"},
            "'a', but learning_rate must be a number, at least 0, or a func",
        ),
        (SGD, {"momentum": 1}, "momentum=1, but momentum must be at least 0 and below 1"),
        (Adam, {"beta_2": 1.5}, "beta_2=1.5"),
        (Adam, {"decay": float("nan")}, "decay=nan"),
        (Adagrad, {"epsilon": 0}, "epsilon=0, but epsilon must be above 0"),
        (RMSprop, {"rho": "0.9"}, "rho='0.9', but rho must be a number, at least 0 and below 1$"),
        (SGD, {"nesterov": True}, r"nesterov=True without a momentum, .* SGD\(momentum=0.9, nes"),
        (SGD, {"momentum": 0.9, "nesterov": "yes"}, "nesterov='yes', but it must be True or False"),
        (AdamW, {"weight_decay": -0.1}, "weight_decay=-0.1, but weight_decay must be at least 0"),
        (AdamW, {"beta_1": 1}, "AdamW was given beta_1=1"),
    ],
)
def test_settings_out_of_bounds(kind, settings, words):
    with pytest.raises(ValueError, match=words):
        kind(**settings)


def test_a_parameter_given_twice_is_stepped_once():
    p = leaf(np.zeros(2))
    p.grad = tg.Tensor(np.ones(2))
    SGD([p, p], learning_rate=1).step()
    assert p.data.tolist() == [-1, -1]


def test_two_parameters_in_one_memory_are_refused():
    a, b = leaf(np.ones((2, 3))), leaf(np.ones((3, 2)))
    b.data = a.data.T
    a.grad, b.grad = tg.Tensor(np.ones((2, 3))), tg.Tensor(np.ones((3, 2)))
    with pytest.raises(ValueError, match="use one Tensor in both places"):
        SGD([a, b]).step()


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_parameters_and_their_states_stay(kind):
    a, b = (tg.Tensor(np.ones(2), requires_grad=True, name=name) for name in "ab")

    def step():
        np.sum(a * a + b * b).backward()
        optimizer.step()
        optimizer.zero_grad()

    a.requires_grad = False
    optimizer = kind([a, b], learning_rate=0.1)
    step()
    np.testing.assert_array_equal(a.data, [1, 1])
    assert (b.data < 1).all()
    assert a.name == "a"
    a.requires_grad = True
    step()
    assert (a.data < 1).all()
    b.requires_grad = False
    before = optimizer.state_dict()
    value = b.data.copy()
    step()
    np.testing.assert_array_equal(b.data, value)
    for name in kind.states:
        np.testing.assert_array_equal(
            optimizer.state_dict()["states"][name][1], before["states"][name][1]
        )


def test_an_optimizer_whose_parameters_are_all_frozen_says_so():
    a = tg.Tensor(np.ones(2), requires_grad=True)
    optimizer = SGD([a])
    a.requires_grad = False
    with pytest.raises(RuntimeError, match=r"all 1 parameters of this SGD are frozen.*unfreeze"):
        optimizer.step()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("learning_rate", -1), ("decay", np.nan), ("beta_1", 1.0), ("epsilon", 0), ("clip_norm", -2)],
)
def test_a_setting_that_is_assigned_is_checked_as_in_the_constructor(setting, value):
    optimizer = Adam()
    before = getattr(optimizer, setting)
    with pytest.raises(ValueError, match=f"Adam was given {setting}={value!r}"):
        setattr(optimizer, setting, value)
    assert getattr(optimizer, setting) == before
    optimizer.learning_rate = np.float32(0.5)
    assert type(optimizer.learning_rate) is float


@pytest.mark.parametrize("strict", ["raise", "warn"])
def test_a_state_beyond_the_dtype_changes_nothing(strict):
    p = tg.Tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = Adam([p], learning_rate=0.5)
    state = optimizer.state_dict()
    state["settings"] = state["settings"] | {"learning_rate": 0.1}
    state["states"]["m"][0] = np.array([1e-60, 2, 3])  # rounding to 0 is no loss
    state["states"]["v"][0] = np.array([1, 2, 1e300])
    with (
        np.errstate(all=strict),
        pytest.raises(ValueError, match="v of parameter 0 has values that"),
    ):
        optimizer.load_state_dict(state)
    assert optimizer.learning_rate == 0.5
    assert not np.any(optimizer.state_dict()["states"]["m"][0])
    state["states"]["v"][0][2] = 1
    with np.errstate(all=strict):
        optimizer.load_state_dict(state)
    assert optimizer.state_dict()["states"]["m"][0].tolist() == [0, 2, 3]
