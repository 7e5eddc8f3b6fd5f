"""The text of programs: what a person would write."""

import shutil
import subprocess

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests.program.test_compile import NETWORK, loss
from tests.program.test_table import ROWS, derivative


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
        "    d_W2 = h.T @ d_z",
        "    d_z_2 = d_z @ W2.T * (1 - h * h)",
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
    assert "def softmax(" not in source  # which only the running program's message needs
    function = source[source.index("def step") :].splitlines()
    assert len(function) <= 45
    for line in [
        "    # 0 Dense, 1 ReLU",
        "def step(X, y, weights, biases, weights_2, biases_2, weights_3, biases_3):",
        "    relu = np.maximum(X.dot(weights) + biases, np.zeros(128, np.float32))",
        "    linear = relu_2.dot(weights_3) + biases_3",
        "    loss, softmax = cross_entropy_and_softmax(linear, y)",
        '        raise ValueError("loss is NaN")',
        "    # backward of 4 Dense",
        "    d_weights_3 = relu_2.T.dot(d_linear)",
        "    d_linear_2 = d_linear.dot(weights_3.T) * (relu_2 > 0)",
    ]:
        assert line in function, source


def test_comments_say_where_the_next_lines_come_from():
    net = nn.Sequential(
        nn.Dense(3, 4, rng=0), nn.Tanh(), nn.Dense(4, 4, rng=1), nn.Sigmoid(), nn.Dense(4, 2, rng=2)
    )

    def step(x, y):
        scaled = x * 2
        loss = tg.softmax_cross_entropy(net(scaled), y)
        loss.backward()
        return loss

    source = program_of(step, np.ones((5, 3), np.float32), np.zeros(5, int)).source
    lines = source[source.index("def step") :].splitlines()
    assert [line.strip() for line in lines if "#" in line] == [
        "# 0 Dense, 1 Tanh", "# 2 Dense", "# 3 Sigmoid", "# 4 Dense", "# backward of 4 Dense",
        "# backward of 4 Dense, 3 Sigmoid", "# backward of 2 Dense",
        "# backward of 2 Dense, 1 Tanh", "# backward of 0 Dense",
    ]  # fmt: skip
    assert lines.index("    # 0 Dense, 1 Tanh") == 2  # below what belongs to no module


def test_a_sum_of_gradients_stands_below_the_module_of_one():
    net = nn.Sequential(
        nn.Dense(3, 4, 0, 0.1, rng=0), nn.Dropout(0.5, rng=1), nn.Dense(4, 2, rng=2)
    )

    def step(x, y):
        loss = tg.softmax_cross_entropy(net(x), y) + net.regularization_loss()
        loss.backward()
        return loss

    source = program_of(step, np.ones((5, 3), np.float32), np.zeros(5, int)).source
    lines = [line.strip() for line in source[source.index("# backward of 2") :].splitlines()]
    assert [line for line in lines if "#" in line] == [
        "# backward of 2 Dense",
        "# backward of 2 Dense, 1 Dropout",
        "# backward of 0 Dense",
    ]
    own = lines[lines.index("# backward of 0 Dense") + 1 : -1]
    assert [line.partition(" = ")[0] for line in own] == ["d_weights", "d_biases"]
    assert "(2 * weights) + x.T.dot(" in own[0]


class Net(nn.Module):
    """A network with layers of its own names."""

    def __init__(self):
        self.hidden = nn.Dense(4, 8, rng=0)
        self.out = nn.Dense(8, 2, rng=1)

    def forward(self, x):
        h = np.tanh(self.hidden(x))
        return self.out(h)


def test_a_module_has_the_parameters_of_its_forward_and_the_names_of_its_layers():
    net = Net()
    source = program_of(net, np.ones((5, 4), np.float32)).source
    assert source.endswith("""

def net(x, hidden_weights, hidden_biases, out_weights, out_biases):
    # hidden Dense, Net
    h = np.tanh(x.dot(hidden_weights) + hidden_biases)
    # out Dense
    return h.dot(out_weights) + out_biases
""")

    def step(X, y):
        logits = net(X)
        loss = tg.softmax_cross_entropy(logits, y)
        loss.backward()
        return loss

    source = program_of(step, np.ones((5, 4), np.float32), np.zeros(5, int)).source
    assert "    logits = h.dot(out_weights) + out_biases\n" in source
    assert "    d_out_weights = h.T.dot(d_logits)\n" in source


def test_a_long_signature_and_a_long_result_are_broken_as_formatters_do():
    def many(
        some_long_name, another_long_name, and_a_third_one, even_a_fourth_one, and_the_last_of_all
    ):
        first, second = some_long_name * another_long_name, and_a_third_one * even_a_fourth_one
        third, fourth = and_the_last_of_all * 2 + some_long_name * 3, and_a_third_one * 5 + first
        return {"first": first, "second": second}, {
            "third": third,
            "fourth": fourth,
            "a fifth one": third,
        }

    source = program_of(many, *[np.ones(2)] * 5).source
    assert "def many(\n    some_long_name, another_long_name, and_a_third_one, " in source
    assert '    return (\n        {"first": first, "second": second},\n' in source


EXTREME = '''def extreme(out, x):
    """Give all to the extreme element; elements that tie for it, and `initial`, share equally."""
    chosen = x == np.expand_dims(out, 1)
    ways = np.count_nonzero(chosen, axis=1, keepdims=True)
    if np.all(ways):
        return 1.0 / ways.astype(np.float64) * chosen
    chosen_2 = chosen | (ways == 0) & np.isnan(x)
    cast = np.maximum(np.count_nonzero(chosen_2, axis=1, keepdims=True), 1).astype(np.float64)
    return 1.0 / cast * chosen_2


'''


def test_a_rule_that_decides_by_values_has_both_ways_and_nothing_that_shapes_decide():
    f = tg.grad(lambda x: np.sum(np.max(x, axis=1)))
    program = program_of(f, np.ones((3, 4)))
    assert EXTREME in program.source
    for x in (np.eye(3, 4), np.arange(12.0).reshape(3, 4), np.full((3, 4), np.nan)):
        np.testing.assert_array_equal(program(x), f(x))


# Gradients by a user's rule, which takes one way for positive numbers and another for others.
# fmt: off
BY_VALUES = {
    "the argument itself": lambda g, x, positive: g if positive else g * 2,
    "a view of it":        lambda g, x, positive: np.reshape(g, x.shape) if positive else g * 2,
    "the other way round": lambda g, x, positive: g * 2 if positive else g,
    "new arrays":          lambda g, x, positive: g * 3 if positive else g * 2,
    "one of two steps":    lambda g, x, positive: np.exp(x) * g if positive else np.exp(x) * g - 1,
    "another step":        lambda g, x, positive: g * p if (p := np.exp(x)) is not (q := np.sin(x)) and positive else q * g,
    "another number":      lambda g, x, positive: p if (p := g * 2) is not (q := g * 3) and positive else q,
    "an earlier step":     lambda g, x, positive: (y * 2 if positive else y) if (y := g * np.exp(x)) is not None else y,
}
# fmt: on


@pytest.mark.parametrize("name", BY_VALUES)
@pytest.mark.parametrize("first", [1.0, -1.0])
def test_a_users_rule_may_take_one_way_or_another(name, first):
    p = tg.primitive(lambda x: x * 1)
    tg.rule(p, lambda g, _out, x: BY_VALUES[name](g, x, np.all(x > 0)))
    f = tg.grad(lambda x: np.sum(p(x) ** 2) + np.sum(x))
    compiled = tg.compile(f)
    for sign in (first, -first, first):
        x = np.array([sign, 2.0])
        np.testing.assert_array_equal(compiled(x), f(x))


def test_a_users_rule_for_one_argument_returns_a_tuple_of_one():
    p = tg.primitive(lambda x: x * 1)
    tg.rule_all(p, lambda g, _out, x: (g * 3,) if np.all(x > 0) else (g * 2,))
    f = tg.grad(lambda x: np.sum(p(x) ** 2))
    program = tg.compile(f).program(np.ones(2))
    for x in (np.array([1.0, 2.0]), np.array([-1.0, 2.0])):
        np.testing.assert_array_equal(program(x), f(x))
    assert "        return (g * 3,)\n    return (g * 2,)\n" in program.source


def test_a_users_rule_for_all_arguments_may_return_its_own():
    p = tg.primitive(lambda x, y: x + y)
    tg.rule_all(p, lambda g, _out, x, y: (g, g * y) if np.all(x > 0) else (g * 2, g))
    f = tg.grad(lambda x, y: np.sum(p(x, y) ** 2), (0, 1))
    compiled = tg.compile(f)
    for x in (np.array([1.0, 2.0]), np.array([-1.0, 2.0])):
        np.testing.assert_array_equal(compiled(x, x + 1), f(x, x + 1))


# What two calls in one program decide differently, such as whether there is a bias, and `check`, which takes tensors too.
UNDECIDED = {"convolution": " is None", "linalg": "isinstance("}
DECIDED = ("isinstance(", ".ndim", " is None", ".dtype.kind", "hasattr(", "plain_array(")


@pytest.mark.parametrize("row", ROWS[5::23], ids=lambda row: row[0])
def test_what_shapes_and_dtypes_decide_is_decided(row):
    name, function, call, places = row
    static = [i for i, x in enumerate(call.args) if not hasattr(x, "dtype") and i not in places]
    f = tg.compile(derivative(function, call, places, 1), static_argnums=tuple(static))
    try:
        with np.errstate(all="ignore"):
            source = f.program(*call.args).source
    except (TypeError, ValueError, ZeroDivisionError):
        return  # which other tests hold
    undecided = UNDECIDED.get(name.partition("-")[0])
    assert not [word for word in DECIDED if word in source and word != undecided], source


def test_the_example_of_the_readme():
    def loss(x, w):
        return np.sum(np.tanh(x * w) ** 2)

    source = program_of(tg.value_and_grad(loss, (0, 1)), np.ones(3), np.ones(3)).source
    assert len(source.splitlines()) - 3 <= 8
    assert "    d_product = 2 * tanh * (1 - tanh * tanh)\n" in source


def test_what_saves_the_text_saves_its_constants(tmp_path, monkeypatch):
    matrix = np.random.default_rng(0).standard_normal((30, 30))
    program = program_of(lambda x: matrix.T @ x, np.ones(30))
    assert list(program.constants) == ["matrix"]
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    program.save("~/step.py")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step.npz", "step.py"]
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
def test_lines_of_several_statements_are_timed_too():
    def mean_of_positive(x):
        tg.check(np.all(x > 0), ValueError, "{} is not positive", np.min(x))
        with np.errstate(divide="ignore"):
            y = np.log(x)
        return np.mean(y) * 2

    table = tg.compile(mean_of_positive).program(np.ones(3)).time(np.ones(3))
    assert "if not np.all(x > 0):" in table
    assert "np.log(x)" in table


@pytest.mark.skipif(shutil.which("ruff") is None, reason="needs ruff")
def test_the_text_passes_ruff(tmp_path):
    for k, source in enumerate(texts()):
        (tmp_path / f"step_{k}.py").write_text(source)
    subprocess.run(["ruff", "check", "--isolated", "."], cwd=tmp_path, check=True)
    formatted = ["ruff", "format", "--isolated", "--check", "--line-length", "100"]
    subprocess.run([*formatted, "step_0.py", "step_1.py"], cwd=tmp_path, check=True)


def test_names_are_the_same_when_the_interpreter_is_warm():
    def f(x):
        low = np.minimum.reduce(x)
        high = np.max(x)
        scaled = np.sin(x) * low
        total = scaled.sum()
        return total * high + low

    texts = {program_of(f, np.ones(3) + k).source for k in range(30)}
    assert len(texts) == 1
    assert "    low = x.min()\n" in texts.pop()


def test_attention_reads_as_derived_by_hand():
    def attention(Q, K, V):
        scores = Q @ K.T / np.sqrt(Q.shape[1])
        weights = np.exp(scores)
        shares = weights / np.sum(weights, axis=1, keepdims=True)
        return np.sum((shares @ V) ** 2)

    drawn = [np.random.default_rng(k).standard_normal((5, 4)) for k in range(3)]
    source = program_of(tg.value_and_grad(attention, (0, 1, 2)), *drawn).source
    for line in [
        "    scores = Q @ K.T / np.sqrt(Q.shape[1])",
        "    d_shares = product_2 @ V.T",
        "    d_V = shares.T @ product_2",
        "    d_product = (safe_ratio(d_shares, sum_2) + d_sum_2) * weights / np.sqrt(Q.shape[1])",
        "    d_Q = d_product @ K",
        "    d_K = (Q.T @ d_product).T",
    ]:
        assert line in source.splitlines(), source


def test_a_second_derivative_has_no_powers_of_zero_and_no_arrays_of_one_number():
    def f(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2)

    g = lambda x, v: tg.hvp(f, x, v)
    source = program_of(g, np.arange(4.0), np.ones(4)).source
    assert "**0" not in source
    assert "np.full" not in source
    assert "np.broadcast_to" not in source


def test_a_constant_in_the_order_of_fortran_stays_so():
    def f(x, y):
        small = np.array([[0.1, 0.7, -0.3], [0.4, 0.2, 0.9]]).T
        large = np.cos(np.arange(120.0)).reshape(40, 3).T
        return x @ small, large @ y

    args = np.linspace(0, 1, 3), np.sin(np.arange(40.0))
    program = program_of(f, *args)
    space = {}
    exec(program.source, space)
    for found in (program(*args), space["f"](*args)):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found, f(*args), strict=True))
    assert "np.array([[0.1, 0.7, -0.3], [0.4, 0.2, 0.9]]).T" in program.source


def test_the_lines_of_a_program_stand_beside_its_graph():
    program = program_of(tg.value_and_grad(loss, (2, 3, 4, 5)), *NETWORK)
    document = program.draw().document
    lines = document["lines"]
    assert "\n".join(line["text"] for line in lines) == program.source.rstrip("\n")
    nodes = {node["id"]: node for node in document["nodes"]}
    own = {line["text"].strip(): nodes[line["node"]] for line in lines if "node" in line}
    assert own["h = np.tanh(x @ W1 + b1)"]["name"] == "h"
    assert own["d_W2 = h.T @ d_z"]["shape"] == [64, 10]
    assert lines[-1] == {"text": "    return loss, (d_W1, d_b1, d_W2, d_b2)"}
