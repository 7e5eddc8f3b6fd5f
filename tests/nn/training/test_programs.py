"""Models whose steps run as programs: the same to the bit, and what is said about them."""

import numpy as np
import pytest

import nn
import tensorgrad as tg

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((90, 6)).astype(np.float32), rng.integers(0, 3, 90)


class Branch(nn.Module):
    """A module that decides by values."""

    def __init__(self):
        self.inner = nn.Dense(6, 3, rng=0)

    def forward(self, x):
        return self.inner(x) if np.sum(x) > -1e9 else x


def model(*, last=None):
    layers = [
        nn.Dense(6, 8, rng=0, weight_regularizer_l2=1e-3),
        nn.BatchNorm(8),
        nn.ReLU(),
        nn.Dropout(0.2, rng=1),
    ]
    m = nn.Model(
        nn.Sequential(*layers, nn.Dense(8, 3, rng=2), nn.Softmax()) if last is None else last
    )
    m.set(
        loss=nn.CategoricalCrossentropy(from_logits=last is not None),
        optimizer=nn.Adam(),
        accuracy=nn.CategoricalAccuracy(),
    )
    return m


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"class_weight": "balanced"}])
def test_a_training_is_the_same_to_the_bit(options):
    found = []
    for mode in (False, True, "auto"):
        m = model()
        for _ in range(2):  # the second call finds the programs
            m.train(
                X, Y, epochs=2, batch_size=20, seed=0, print_every=None, compile=mode,
                validation_data=(X, Y), **options,
            )  # fmt: skip
        state = [value.tobytes() for value in m.module.state_dict().values()]
        numbers = {k: v for k, v in m.history.last_epoch().items() if k != "time"}
        found.append((state, numbers, m.predict(X, compile=mode).tobytes()))
    assert found[0] == found[1] == found[2]
    assert "train runs as a program" in m.summary()


def test_a_module_that_decides_by_values_runs_eagerly_and_the_summary_says_why():
    m = model(last=Branch())
    m.train(X, Y, epochs=4, batch_size=30, print_every=None)
    assert "train runs eagerly: the truth of a traced value" in m.summary()
    with pytest.raises(tg.Untraceable, match="the truth of a traced value"):
        m.train(X, Y, epochs=1, batch_size=30, print_every=None, compile=True)


def test_what_switches_programs_off_for_a_time_is_said_in_the_summary():
    m = model()

    def train(**options):
        m.train(X, Y, epochs=4, batch_size=30, print_every=None, **options)
        return m.summary()

    assert "train runs as a program" in train()
    with tg.detect_anomaly():
        assert "train runs eagerly: detect_anomaly or trace watches every call" in train()
    assert "train runs as a program" in train()
    remove = next(iter(m.module.parameters())).register_hook(lambda g: g * 0.5)
    assert "train runs eagerly: a parameter has a hook" in train()
    remove()
    assert "train runs as a program" in train(compile=True)


def test_a_model_runs_eagerly_where_programs_are_switched_off():
    m = model()
    with tg.no_compile():
        m.train(X, Y, batch_size=4, print_every=0)
        assert "train runs eagerly: no_compile or TENSORGRAD_COMPILE=0" in m.summary((6,))
        m.train(X, Y, batch_size=4, print_every=0, compile=True)
    m.train(X, Y, batch_size=4, print_every=0)
    assert "train runs as a program" in m.summary((6,))


def test_compile_is_one_of_three():
    with pytest.raises(ValueError, match="compile is \"auto\", True or False, not 'yes'"):
        model().train(X, Y, compile="yes")


def test_predictions_of_one_shape_share_a_program():
    network = nn.Model(nn.Sequential(nn.Dense(6, 3, rng=0), nn.Softmax()))
    for _ in range(4):
        network.predict(X, compile=True)
    (_, compiled) = network.programs._made["predict"]
    assert [len(runners) for runners in compiled.programs.values()] == [1]
