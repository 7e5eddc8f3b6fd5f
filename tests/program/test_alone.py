"""The text of a program as a file of its own."""

import re

import numpy as np
import pytest

import nn
import tensorgrad as tg


def classifier(loss, outputs, last):
    """Return a step of a network, and the text of its program for 6 samples."""
    net = nn.Sequential(nn.Dense(4, 8, rng=0), nn.ReLU(), nn.Dense(8, outputs, rng=1), last)

    @tg.compile
    def step(X, y):
        value = loss(net(X), y)
        value.backward()
        return value

    return step


def test_the_message_of_a_text_alone_has_objects_written_out():
    loss = nn.BinaryCrossentropy(class_weight=[0.25, 0.75])
    step = classifier(loss, 1, nn.Sigmoid())
    X, y = np.ones((6, 4), np.float32), np.array([[0], [1]] * 3)
    program = step.program(X, y)
    space = {}
    exec(program.source, space)
    assert space["step"](X, y, **program.parameters)[0] == step(X, y)
    for run in (step, lambda X, y: space["step"](X, y, **program.parameters)):
        with pytest.raises(ValueError, match=r"from 0\.0 to 3\.0") as error:
            run(X, 3 * y)
        assert str(error.value).startswith(f"{loss!r} takes targets from 0 to 1")


@pytest.mark.parametrize(
    ("loss", "outputs", "last", "gone"),
    [
        (nn.CategoricalCrossentropy(), 3, nn.Softmax(), "# 3 Softmax"),
        (nn.BinaryCrossentropy(), 3, nn.Sigmoid(), "# 3 Sigmoid"),
    ],
    ids=["softmax", "sigmoid"],
)
def test_a_text_alone_has_no_lines_that_only_messages_need(loss, outputs, last, gone):
    step = classifier(loss, outputs, last)
    X, y = np.ones((6, 4), np.float32), np.eye(3, dtype=np.float32)[[0, 1, 2] * 2]
    program = step.program(X, y)
    assert gone not in program.source
    body = program.source[program.source.index("def step") :]
    names = re.findall(r"^    (\w+) = ", body, re.MULTILINE)
    assert names
    for name in names:  # each is read
        assert len(re.findall(rf"\b{name}\b", body)) > 1, name
    lines = program.draw().document["lines"]
    assert "\n".join(line["text"] for line in lines) == program.source.rstrip("\n")
    linked = {line["text"].strip() for line in lines if "node" in line}
    assert {f"{name} = " for name in names} <= {line.partition("= ")[0] + "= " for line in linked}
    with pytest.raises(ValueError, match="18 of 18 predictions"):  # the running program has them
        step(X[:, :1] * np.full(4, np.nan, np.float32), y)


def test_the_table_of_times_has_conditions_in_their_column():
    step = classifier(nn.CategoricalCrossentropy(), 3, nn.Softmax())
    X, y = np.ones((6, 4), np.float32), np.arange(6) % 3
    for line in step.program(X, y).time(X, y).splitlines():
        assert line[:11].strip() or line[11:15] == "    " or line[11:] == ")", line


def test_a_message_of_objects_and_braces_alone_is_a_plain_text():
    kind = {"classes": 3}.keys()

    @tg.compile
    def f(x):
        tg.check(np.all(x > 0), ValueError, "{{x}} of {} is to be positive", kind)
        return x * 2

    program = f.program(np.ones(2))
    space = {}
    exec(program.source, space)
    assert "raise ValueError(\"{x} of dict_keys(['classes']) is to be positive\")" in program.source
    for run in (f, space["f"]):
        with pytest.raises(ValueError, match=r"^\{x\} of dict_keys\(\['classes'\]\) is to be pos"):
            run(-np.ones(2))


def test_the_gradients_of_a_text_have_the_order_of_its_parameters():
    lstm, head, loss = nn.LSTM(2, 3, rng=0), nn.Dense(3, 1, rng=1), nn.MeanSquaredError()

    @tg.compile
    def step(X, y):
        value = loss(head(lstm(X)), y)
        value.backward()
        return value

    X, y = np.ones((4, 3, 2), np.float32), np.ones((4, 1), np.float32)
    program = step.program(X, y)
    space, parameters = {}, program.parameters
    exec(program.source, space)
    _, gradients = space["step"](X, y, *parameters.values())
    step(X, y)
    tensors = {id(p.data): p for p in (*lstm.parameters(), *head.parameters())}
    assert len(gradients) == len(parameters) == 6
    assert "= lstm_gradients(" in program.source  # which is not called as the forward function is
    for array, gradient in zip(parameters.values(), gradients, strict=True):
        assert np.array_equal(tensors[id(array)].grad.data, gradient)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_have_the_fewest_digits_that_give_them(dtype):
    def f(x):
        return (
            x * dtype(0.1) + np.multiply(x, dtype(1) / dtype(3)),
            x - dtype(-0.0),
            x * dtype(1e-7),
        )

    x = np.linspace(0.5, 2, 20).astype(dtype)
    program = tg.compile(f).program(x)
    space = {}
    exec(program.source, space)
    for found in (program(x), space["f"](x)):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(found, f(x), strict=True))
    assert "x * 0.1 + " in program.source
    assert f"* {dtype(1) / dtype(3)!s}" in program.source
