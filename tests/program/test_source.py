"""The text of programs: what a person would write."""

import shutil
import subprocess

import numpy as np
import pytest

import nn
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


def network():
    """Return the book's network for Fashion-MNIST, and a step of its training."""
    net = nn.Sequential(
        nn.Dense(784, 128, rng=0), nn.ReLU(), nn.Dense(128, 128, rng=1), nn.ReLU(),
        nn.Dense(128, 10, rng=2), nn.Softmax(),
    )  # fmt: skip
    loss_of = nn.CategoricalCrossentropy()

    def step(X, y):
        loss = loss_of(net(X), y)
        loss.backward()
        return loss

    return step


X, Y = np.zeros((128, 784), np.float32), np.arange(128) % 10


def test_the_network_of_the_book_forward_and_backward():
    source = program_of(network(), X, Y).source
    function = source[source.index("def step") :].splitlines()
    assert len(function) <= 45
    for line in [
        "    # 0 Dense, 1 ReLU",
        "    x = np.maximum(X.dot(weights) + biases, np.zeros(128, np.float32))",
        "    out = x_2.dot(weights_3) + biases_3",
        "    loss, softmax_2 = cross_entropy_and_softmax(out, y)",
        "    # backward of 4 Dense",
        "    d_weights_3 = x_2.T.dot(d_out)",
        "    d_out_2 = d_out.dot(weights_3.T) * (x_2 > 0)",
    ]:
        assert line in function, source


def test_the_example_of_the_readme():
    def loss(x, w):
        return np.sum(np.tanh(x * w) ** 2)

    source = program_of(tg.value_and_grad(loss, (0, 1)), np.ones(3), np.ones(3)).source
    assert len(source.splitlines()) - 3 <= 8
    assert "    d_product = 2 * tanh * (1 - tanh * tanh)\n" in source


def test_what_saves_the_text_saves_its_constants(tmp_path):
    matrix = np.random.default_rng(0).standard_normal((30, 30))
    program = program_of(lambda x: matrix.T @ x, np.ones(30))
    assert list(program.constants) == ["matrix"]
    program.save(tmp_path / "step.py")
    code = "import numpy as np, step; print(step.function(np.ones(30)).tobytes().hex())"
    done = subprocess.run(
        ["python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert bytes.fromhex(done.stdout.strip()) == (matrix.T @ np.ones(30)).tobytes()


def test_a_program_can_be_shown_timed_and_drawn():
    program = program_of(tg.value_and_grad(loss, (2, 3, 4, 5)), *NETWORK)
    assert program.inputs["W2"] == ((64, 10), np.float32)
    assert program.outputs[0] == ((), np.float32)
    assert 0 < program.memory < 1e6
    assert "h = np.tanh(x @ W1 + b1)" in program.time(*NETWORK)
    assert "value_and_grad_of_loss" in program._repr_html_()
    assert repr(program).startswith("<Program value_and_grad_of_loss, ")
    assert "d_W1" in program.draw().dot
    assert program(*NETWORK)[0] == loss(*NETWORK)


def texts():
    yield program_of(tg.value_and_grad(loss, (2, 3, 4, 5)), *NETWORK).source
    yield program_of(network(), X, Y).source
    yield program_of(tg.grad(lambda x: np.sum(np.sort(x) / np.max(x))), np.arange(5.0)).source


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_the_text_passes_ruff(tmp_path):
    for k, source in enumerate(texts()):
        (tmp_path / f"step_{k}.py").write_text(source)
    subprocess.run(["ruff", "check", "--isolated", "."], cwd=tmp_path, check=True)
    formatted = ["ruff", "format", "--isolated", "--check", "--line-length", "100"]
    subprocess.run([*formatted, "step_0.py", "step_1.py"], cwd=tmp_path, check=True)
