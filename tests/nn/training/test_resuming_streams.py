"""Trainings on batches of a pipeline are resumed, inside an epoch too, as if not interrupted."""

import functools
import signal
import warnings

import numpy as np
import pytest

import nn
from nn.archive import read_archive, write_archive

pytest.importorskip("safetensors", reason="the models are saved")

rng = np.random.default_rng(0)
X, y = rng.normal(size=(22, 6, 6)).astype(np.float32), np.arange(22) % 3
EPOCHS, STEPS = 3, 6  # the batches of an epoch


def model():
    rng = np.random.default_rng(1)
    layers = [nn.Flatten(), nn.Dense(36, 5, rng=rng), nn.ReLU(), nn.Dropout(0.2, rng=rng)]
    made = nn.Model(nn.Sequential(*layers, nn.Dense(5, 3, rng=rng), nn.Softmax()))
    made.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam(learning_rate=0.02))
    return made


def augmented(kind=np.random.PCG64, mixup=None, batch_size=4, n=22):
    changes = [nn.augment.flip, functools.partial(nn.augment.shift, pixels=1)]
    random = np.random.Generator(kind(5))
    return nn.augment.AugmentedBatches(
        X[:n], y[:n], changes, batch_size=batch_size, mixup=mixup, rng=random
    )


class Loader:
    """A loader of another library, with a shuffle buffer and the protocol of a state."""

    def __init__(self):
        self.rng, self.taken = np.random.default_rng(3), 0
        self.start = self.rng.bit_generator.state
        self.resumed = 0

    def __iter__(self):
        skipped, self.resumed = self.resumed, 0
        if not skipped:
            self.start = self.rng.bit_generator.state
        waiting, self.taken = [*range(0, 20, 4)], 0
        while waiting:
            k = waiting.pop(self.rng.integers(min(3, len(waiting))))
            self.taken += 1
            if self.taken > skipped:
                yield X[k : k + 4], y[k : k + 4]
        self.taken, self.start = 0, self.rng.bit_generator.state

    def state_dict(self):
        return {"taken": self.taken, "start": self.start, "key": np.arange(3.0)}

    def load_state_dict(self, state):
        np.testing.assert_equal(state["key"], np.arange(3.0))
        self.resumed = self.taken = state["taken"]
        self.rng.bit_generator.state = state["start"]


def batches():
    return [(X[k : k + 4], y[k : k + 4]) for k in range(0, 22, 4)]


SOURCES = {
    "augmented": augmented,
    "mt19937": lambda: augmented(np.random.MT19937),
    "philox": lambda: augmented(np.random.Philox),
    "mixed": lambda: augmented(mixup=0.4),
    "list": batches,
    "tuple": lambda: tuple(batches()),
}


class Stopped(nn.Callback):
    """Ctrl-C after a number of steps."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, run):
        if run.model.optimizer.iterations == self.step:
            signal.raise_signal(signal.SIGINT)


def train(made, source, epochs, callbacks=(), **options):
    with warnings.catch_warnings(action="error"):
        options = {"print_every": 0, "compile": False} | options  # so that the tests are fast
        made.train(source, epochs=epochs, callbacks=callbacks, **options)


def everything(made):
    steps = {k: v for k, v in made.history.steps.items() if k != "time"}
    epochs = {k: v for k, v in made.history.epochs.items() if k != "time"}
    return [made.get_parameters(), made.optimizer.state_dict(), steps, epochs]


def assert_resumes(make, step, tmp_path, **options):
    whole, partial = model(), model()
    train(whole, make(), EPOCHS, **options)
    source = make()
    with pytest.raises(KeyboardInterrupt):
        train(partial, source, EPOCHS, [Stopped(step)], **options)
    partial.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    loaded.save(tmp_path / "again")
    for made, resumed in (
        (loaded, make()),
        (nn.Model.load(tmp_path / "again"), make()),
        (partial, source),  # in the same process
    ):
        train(made, resumed, EPOCHS - len(made.history), **options)
        np.testing.assert_equal(everything(made), everything(whole))


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("step", [1, 6, 7])
def test_a_pipeline_is_resumed_bit_for_bit(kind, step, tmp_path):
    assert_resumes(SOURCES[kind], step, tmp_path)


@pytest.mark.parametrize("kind", ["augmented", "list"])
@pytest.mark.parametrize(
    ("options", "step"),
    [({"accumulate": 2}, 2), ({"accumulate": 4}, 3), ({"steps": 4}, 3), ({"steps": 4}, 4),
     ({"steps": 6}, 6), ({"steps": 8}, 7), ({"steps": 3, "accumulate": 2}, 3)],
)  # fmt: skip
def test_so_are_steps_of_several_batches_and_epochs_of_any_length(kind, options, step, tmp_path):
    assert_resumes(SOURCES[kind], step, tmp_path, **options)


@pytest.mark.parametrize("every", [None, 1, 4])
def test_a_checkpoint_goes_on_with_the_pipeline(every, tmp_path):
    whole, partial, options = model(), model(), {"compile": "auto"}
    checkpoint = [nn.ModelCheckpoint(tmp_path / "m", every)]
    train(whole, augmented(), EPOCHS, **options)
    with pytest.raises(KeyboardInterrupt):
        train(partial, augmented(), EPOCHS, [*checkpoint, Stopped(9)], **options)
    loaded = nn.Model.load(tmp_path / "m")
    assert loaded.optimizer.iterations in (6, 8, 9)
    train(loaded, augmented(), EPOCHS - len(loaded.history), checkpoint, **options)
    np.testing.assert_equal(everything(loaded), everything(whole))


def test_a_complete_training_goes_on_too(tmp_path):
    whole, partial = model(), model()
    train(whole, augmented(), EPOCHS)
    train(partial, augmented(), 2)
    partial.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    train(loaded, augmented(), 1)
    np.testing.assert_equal(everything(loaded), everything(whole))


def test_a_loader_with_the_methods_of_a_state_is_resumed(tmp_path):
    for step in (2, 5, 7):
        assert_resumes(Loader, step, tmp_path)


def test_what_has_no_state_begins_its_epoch_anew(tmp_path):
    made = model()
    with pytest.raises(KeyboardInterrupt):
        train(made, lambda: iter(batches()), 1, [Stopped(2)])
    made.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    train(loaded, lambda: iter(batches()), 1)
    assert loaded.optimizer.iterations == 2 + STEPS


@pytest.mark.parametrize(
    ("other", "words"),
    [(lambda: augmented(batch_size=5), "its batch_size is 4, but here 5"),
     (lambda: augmented(n=20), "its samples is 22, but here 20")],
)  # fmt: skip
def test_other_batches_begin_anew_with_a_warning(other, words, tmp_path):
    made = model()
    with pytest.raises(KeyboardInterrupt):
        train(made, augmented(), 1, [Stopped(2)])
    made.save(tmp_path / "m")
    loaded, fresh = nn.Model.load(tmp_path / "m"), nn.Model.load(tmp_path / "m")
    with pytest.warns(UserWarning, match=rf"X begins anew, .*AugmentedBatches.*{words}; give seed"):
        loaded.train(other(), print_every=0)
    train(fresh, other(), 1, seed=0)
    np.testing.assert_equal(loaded.get_parameters(), fresh.get_parameters())
    assert loaded.optimizer.iterations == 2 + len(other())


def test_a_seed_or_another_source_begins_anew(tmp_path):
    made = model()
    with pytest.raises(KeyboardInterrupt):
        train(made, augmented(), 1, [Stopped(2)])
    made.save(tmp_path / "m")
    for source, options in ((augmented(), {"seed": 0}), (batches(), {}), (iter(batches()), {})):
        loaded = nn.Model.load(tmp_path / "m")
        train(loaded, source, 1, **options)
        assert loaded.optimizer.iterations == 2 + STEPS
    loaded = nn.Model.load(tmp_path / "m")
    loaded.train(X, y, batch_size=4, print_every=0)
    assert loaded.optimizer.iterations == 2 + STEPS


def test_a_new_pipeline_after_a_complete_training_is_its_own():
    made, other = model(), model()
    for trained in (made, other):
        train(trained, augmented(), 1)
    train(made, augmented(), 1)
    other.source = None
    train(other, augmented(), 1)
    np.testing.assert_equal(everything(made), everything(other))


NASTY = [
    ({"batch": -1}, "no batch -1"), ({"batch": 7}, "no batch 7"), ({"batch": True}, "no batch True"),
    ({"batch": None}, "no batch None"), ({"samples": None}, "samples is None"),
    ({"random": 3}, "None is not one of"), ({"began": {"bit_generator": "MT19937"}}, "state.key"),
    ({"random": {"bit_generator": "PCG64", "state": {"state": 2**128, "inc": 1}}}, "state.state"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), NASTY)
def test_a_forged_state_of_a_pipeline_is_not_used(change, words, tmp_path):
    made = model()
    train(made, augmented(), 1)
    made.save(tmp_path / "m")
    arrays, metadata = read_archive(tmp_path / "m")
    metadata["source"][0]["state"] |= change
    write_archive(tmp_path / "m", arrays, metadata)
    loaded = nn.Model.load(tmp_path / "m")
    with pytest.warns(UserWarning, match=rf"begins anew, .*does not fit: .*{words}"):
        loaded.train(augmented(), print_every=0)


@pytest.mark.parametrize("source", [3, [3], [{"kind": "x"}], [{"kind": 1, "state": {}}]])
def test_a_forged_source_is_refused(source, tmp_path):
    made = model()
    train(made, augmented(), 1)
    made.save(tmp_path / "m")
    arrays, metadata = read_archive(tmp_path / "m")
    write_archive(tmp_path / "m", arrays, metadata | {"source": source})
    with pytest.raises(ValueError, match="has not the form of one"):
        nn.Model.load(tmp_path / "m")


def test_a_forged_list_of_batches_is_not_used(tmp_path):
    made = model()
    train(made, batches(), 1)
    made.save(tmp_path / "m")
    arrays, metadata = read_archive(tmp_path / "m")
    for read in (-1, 10**9, "x", True):
        metadata["source"][0]["state"]["read"] = read
        write_archive(tmp_path / "m", arrays, metadata)
        with pytest.warns(UserWarning, match=f"after batch {read}"):
            nn.Model.load(tmp_path / "m").train(batches(), print_every=0)
