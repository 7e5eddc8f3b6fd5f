"""The text of programs: what a person would write."""

import numpy as np

import tensorgrad as tg
from tests.program.test_compile import NETWORK, loss


def program_of(f, *args):
    return tg.compile(f).program(*args)


def test_the_two_layer_network_reads_as_derived_by_hand():
    source = program_of(tg.value_and_grad(loss, (2, 3, 4, 5)), *NETWORK).source
    function = source[source.index("def value_and_grad_of_loss") :].splitlines()
    assert len(function) <= 12
    assert len(source.splitlines()) <= 26
    for line in [
        "def value_and_grad_of_loss(x, y, W1, b1, W2, b2):",
        "    h = np.tanh(x @ W1 + b1)",
        "    loss, softmax = cross_entropy_and_softmax(h @ W2 + b2, y)",
        "    d_W2 = h.T @ d_sum",
        "    d_sum_2 = d_sum @ W2.T * (1 - h * h)",
        "    return loss, (d_W1, d_b1, d_W2, d_b2)",
    ]:
        assert line in function, source


def test_the_text_runs_alone():
    f = tg.value_and_grad(loss, (2, 3, 4, 5))
    space = {}
    exec(program_of(f, *NETWORK).source, space)
    value, gradients = space["value_and_grad_of_loss"](*NETWORK)
    assert value == f(*NETWORK)[0]
    assert all(map(np.array_equal, gradients, f(*NETWORK)[1]))
