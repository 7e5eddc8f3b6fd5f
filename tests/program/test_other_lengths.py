"""Programs called with other lengths than at the trace: cut rules keep what follows the batch."""

import copy
import inspect

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.program import length_constructs
from tests.program.test_compile import drawn, same
from tests.program.test_other_values import outcome

pytestmark = pytest.mark.usefixtures("functions_of_tests_are_cut")

BODIES = {
    name: f
    for name, f in vars(length_constructs).items()
    if inspect.isfunction(f) and f.__module__ == length_constructs.__name__
}
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 300)


@pytest.mark.parametrize("first", [4, 300])
@pytest.mark.parametrize("name", BODIES)
def test_a_body(name, first):
    primitive = tg.primitive(BODIES[name])
    program = tg.compile(lambda x: primitive(x)).program(np.arange(1.0, first + 1))
    assert program._text.functions.definitions  # its text is copied, with what decides
    for n in LENGTHS if program.free_axes else (first,):
        x = np.arange(1.0, n + 1)
        assert same(outcome(primitive, x), outcome(program, x)), (n, program.source)


LAYERS = {
    "convolution": lambda: nn.Conv2D(3, 2, 3, rng=0),
    "with steps": lambda: nn.Conv2D(3, 2, 5, stride=2, padding=1, rng=0),
    "of one pixel": lambda: nn.Conv2D(3, 2, 1, rng=0),
    "batch norm": lambda: nn.BatchNorm(3),
    "max": lambda: nn.MaxPool2D(2),
    "overlapping": lambda: nn.MaxPool2D(3, stride=2, padding=1),
    "average": lambda: nn.AveragePool2D(3, stride=2, padding=1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_one_block_and_in_several(name):
    layer = LAYERS[name]()
    other = copy.deepcopy(layer)
    scale = tg.Tensor(np.ones(3, np.float32), requires_grad=True)

    def without_gradients(layer):
        for p in (scale, *layer.parameters()):
            p.grad = None

    def found(step, layer, x):
        without_gradients(layer)
        loss = step(x)
        gradients = [p.grad.data.copy() for p in (scale, *layer.parameters())]
        return loss.data.copy(), gradients, [v.copy() for v in layer.state_dict().values()]

    def step_of(layer):
        def step(x):
            loss = np.sum(layer(x * scale) ** 2)
            loss.backward()
            return loss

        return step

    for first, n in ((2, 120), (120, 3)):
        without_gradients(other)
        program = tg.compile(step_of(other)).program(drawn(first, 28, 28, 3))
        assert program.free_axes
        other.load_state_dict(layer.state_dict())
        for x in (drawn(n, 28, 28, 3, seed=1), drawn(n, 28, 28, 3, seed=2) * 0.1 + 100):
            assert same(found(step_of(layer), layer, x), found(program, other, x))


@tg.primitive
def with_part(x, n):
    if float(x.sum()) > 1e9:  # a primitive that decides by values is copied
        return x
    if x.size == 0:
        return np.zeros(1) + 7
    if n < 0:
        return x * 5
    return x * max(n, 1) + len(range(n)) + (n == 0)


PARTS = {
    "behind two": lambda x: with_part(x[2:], len(x)),
    "before the last": lambda x: with_part(x[:-3], len(x)),
    "a smaller length": lambda x: with_part(x, len(x) - 3),
    "a larger length": lambda x: with_part(x, len(x) + 3),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_may_be_empty_where_the_argument_is_not(name):
    f = PARTS[name]
    program = tg.compile(f).program(np.arange(1.0, 10))
    assert program.free_axes
    for n in LENGTHS:
        x = np.arange(1.0, n + 1)
        assert same(outcome(f, x), outcome(program, x)), (n, program.source)
