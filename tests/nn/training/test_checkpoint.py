"""Checkpoints: written when they should be, the last good one kept, and resumed bit for bit."""

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import nn
from tensorgrad import files

pytest.importorskip("safetensors", reason="the models are saved")

ROOT = Path(nn.__file__).parents[1]
rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3


def model(learning_rate: float = 0.01) -> nn.Model:
    rng = np.random.default_rng(1)
    layers = [nn.Dense(5, 8, rng=rng), nn.ReLU(), nn.Dropout(0.2, rng=rng)]
    made = nn.Model(nn.Sequential(*layers, nn.Dense(8, 3, rng=rng), nn.Softmax()))
    made.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.Adam(learning_rate=learning_rate),
        accuracy=nn.CategoricalAccuracy(),
    )
    return made


def train(model: nn.Model, epochs: int, callback: nn.ModelCheckpoint, **options) -> None:
    settings = {"batch_size": 12, "print_every": 0, **options}
    model.train(X, y, epochs=epochs, callbacks=[callback], **settings)


class Watched(nn.ModelCheckpoint):
    """A checkpoint that counts what was saved."""

    def __init__(self, path, every=None):
        super().__init__(path, every)
        self.steps = []

    def _save(self, run, place):
        super()._save(run, place)
        self.steps.append(run.model.optimizer.iterations)


@pytest.mark.parametrize(("every", "steps"), [(None, [5, 10]), (3, [3, 6, 9]), (1, range(1, 11))])
def test_it_is_written_after_epochs_or_steps(every, steps, tmp_path):
    callback = Watched(tmp_path / "m", every)
    train(model(), 2, callback, seed=0)
    assert callback.steps == list(steps)
    loaded = nn.Model.load(tmp_path / "m")
    assert loaded.optimizer.iterations == callback.steps[-1]


@pytest.mark.parametrize("every", [None, 1, 3, 4])
def test_a_resumed_training_equals_one_that_was_not_interrupted(every, tmp_path):
    whole = model()
    callback = nn.ModelCheckpoint(tmp_path / "m", every)
    train(whole, 3, callback, seed=0)
    partial = model()
    train(partial, 2, callback, seed=0)
    loaded = nn.Model.load(tmp_path / "m")
    train(loaded, 3 - len(loaded.history), callback)
    np.testing.assert_equal(loaded.get_parameters(), whole.get_parameters())
    np.testing.assert_equal(loaded.optimizer.state_dict(), whole.optimizer.state_dict())
    assert loaded.history.epochs["loss"] == whole.history.epochs["loss"]


def test_a_divergence_keeps_the_last_good_model_and_says_where(tmp_path):
    class Poisoned(nn.SGD):
        last = 8

        def update(self, w, g, scratch, v):
            super().update(w, g, scratch, v)
            if self.iterations == self.last:
                w[:] = np.nan

    made = model()
    made.set(optimizer=Poisoned(learning_rate=0.1))
    nn.register(Poisoned)
    path = tmp_path / "m"
    with pytest.raises(FloatingPointError) as caught:
        train(made, 4, nn.ModelCheckpoint(path, 1), seed=0)
    assert f"as after batch 2 of epoch 2 is in {path}; load it" in caught.value.__notes__[0]
    loaded = nn.Model.load(path)
    assert loaded.optimizer.iterations == 7
    assert all(np.isfinite(a).all() for a in loaded.get_parameters().values())
    Poisoned.last = 1
    made = model()
    made.set(optimizer=Poisoned(learning_rate=0.1))
    with pytest.raises(FloatingPointError) as caught:
        train(made, 1, nn.ModelCheckpoint(tmp_path / "n"), seed=0)
    assert "nothing was saved yet" in caught.value.__notes__[0]


def test_what_cannot_be_written_is_found_before_the_training(tmp_path):
    made = model()
    for path in (tmp_path, tmp_path / "nowhere" / "m"):
        with pytest.raises(OSError, match=str(path)):
            train(made, 1, nn.ModelCheckpoint(path))

    class Mine(nn.Module):
        def forward(self, x):
            return x

    own = nn.Model(nn.Sequential(nn.Dense(5, 3), Mine(), nn.Softmax()))
    own.set(loss=nn.CategoricalCrossentropy(), optimizer=nn.Adam())
    with pytest.raises(TypeError, match=r"put @nn\.register above its class"):
        train(own, 1, nn.ModelCheckpoint(tmp_path / "m"))
    assert made.optimizer.iterations == own.optimizer.iterations == 0
    with pytest.raises(ValueError, match=r"every must be an integer of at least 1, not 0"):
        nn.ModelCheckpoint(tmp_path / "m", 0)


def test_a_missing_safetensors_is_found_before_the_training(tmp_path, monkeypatch):
    made = model()
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="safetensors, which is not installed"):
        train(made, 1, nn.ModelCheckpoint(tmp_path / "m"))
    assert made.optimizer.iterations == 0


def test_a_full_disk_is_a_warning_and_the_training_goes_on(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    made = model()
    monkeypatch.setattr(files.os, "replace", full)
    with pytest.warns(UserWarning, match=r"no checkpoint after epoch [12]: .*No space left.*/m'"):
        train(made, 2, nn.ModelCheckpoint(tmp_path / "m"))
    assert len(made.history) == 2


# Processes that are killed

SCRIPT = """
import sys, numpy as np, nn
sys.path.insert(0, sys.argv[2])
import test_checkpoint as t
path = sys.argv[1]
try:
    model = nn.Model.load(path)
except FileNotFoundError:
    model = t.model()
    model.rng = np.random.default_rng(0)
print("ready", flush=True)
if len(model.history) < t.EPOCHS:
    t.train(model, t.EPOCHS - len(model.history), nn.ModelCheckpoint(path, 4))
model.save(path)
"""
EPOCHS = 160


def resumed_until_complete(path: Path, signals: list[int], seed: int, shortest: int) -> int:
    """Kill a training at random moments, resume it until it is complete; return the kills."""
    moments, kills = np.random.default_rng(seed), 0
    while True:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path), str(Path(__file__).parent)],
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        process.stdout.readline()
        if kills < shortest:
            time.sleep(moments.uniform(0, 0.4))
            process.send_signal(signals[kills % len(signals)])
        _, errors = process.communicate()
        if process.returncode == 0:
            return kills
        assert process.returncode < 0, errors.decode()
        kills += 1


def assert_equals_uninterrupted(path: Path) -> None:
    whole = model()
    whole.rng = np.random.default_rng(0)
    with warnings.catch_warnings(action="error"):
        train(whole, EPOCHS, nn.ModelCheckpoint(path.with_name("whole"), 100))
    loaded = nn.Model.load(path)
    np.testing.assert_equal(loaded.get_parameters(), whole.get_parameters())
    np.testing.assert_equal(loaded.optimizer.state_dict(), whole.optimizer.state_dict())
    for name in ("loss", "accuracy", "learning_rate"):
        assert loaded.history.steps[name] == whole.history.steps[name]
        assert loaded.history.epochs[name] == whole.history.epochs[name]


def test_a_place_for_the_epoch_in_the_path_is_refused():
    with pytest.raises(ValueError, match=r"one file, .*run\.model\.save\(f.model-\{run\.epoch\}"):
        nn.ModelCheckpoint("runs/m-{epoch:02d}.safetensors")


posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's signals")


@posix
def test_a_killed_training_resumes_bit_for_bit(tmp_path):
    signals = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]
    assert resumed_until_complete(tmp_path / "m", signals, seed=0, shortest=2) > 0
    assert_equals_uninterrupted(tmp_path / "m")


@posix
@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_100_killed_trainings_resume_bit_for_bit(part, tmp_path):
    kills = 0
    for seed in range(10 * part, 10 * part + 10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        kills += resumed_until_complete(folder / "m", [signal.SIGKILL], seed, shortest=2)
        assert_equals_uninterrupted(folder / "m")
    assert kills > 10
