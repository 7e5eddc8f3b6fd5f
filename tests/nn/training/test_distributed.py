"""A training that several processes share equals that of one, and ends in all of them at once."""

import contextlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests import mpi
from tests.mpi import with_mpi

rng = np.random.default_rng(0)
X, y = rng.normal(size=(61, 6)).astype(np.float32), np.arange(61) % 3
weight = rng.uniform(0.5, 2, 61)
OPTIONS = {"batch_size": 20, "print_every": None, "seed": 3}  # the last batch has one sample
VALIDATION = X[:7], y[:7]


def model(*layers: nn.Module, seed: int = 0, **parts) -> nn.Model:
    """Return a network whose inputs go through these layers first."""
    rng = np.random.default_rng(seed)
    dense = nn.Dense(6, 8, rng=rng, weight_regularizer_l2=0.01), nn.Dense(8, 3, rng=rng)
    made = nn.Model(nn.Sequential(*layers, dense[0], nn.ReLU(), dense[1], nn.Softmax()))
    made.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.Adam(learning_rate=nn.schedules.inverse_time(0.01, 0.1)),
        accuracy=nn.CategoricalAccuracy(),
        metrics=[nn.F1("macro"), nn.ROCAUC()],
    )
    made.set(**parts)
    return made


def numbers(model: nn.Model) -> dict:
    """Return everything that is the same in each process, and in one, after a training."""
    history = {
        f"{table}.{name}": column
        for table in ("steps", "epochs")
        for name, column in getattr(model.history, table).items()
        if name != "time"
    }
    arrays = {name: a.tolist() for name, a in model.get_parameters().items()}
    return {**history, **arrays}


def same_in_all(processes, model: nn.Model) -> dict:
    """Return the numbers of a model, which must be equal bit for bit in all processes."""
    found = numbers(model)
    processes.agree("the result", [json.dumps(found)])
    states = [
        m.rng.bit_generator.state for m in (model, *model.module.modules()) if hasattr(m, "rng")
    ]
    processes.agree("the random states", [str(state) for state in states])
    return found


def weighted(processes=None) -> nn.Model:
    made = model()
    made.train(
        X, y, **OPTIONS, epochs=3, sample_weight=weight, validation_data=VALIDATION,
        distributed=processes,
    )  # fmt: skip
    return made


def accumulated(processes=None) -> nn.Model:
    made = model(optimizer=nn.SGD(learning_rate=0.1, momentum=0.9, clip_norm=0.5))
    made.train(X, y, **OPTIONS, epochs=2, accumulate=2, validation_split=0.2, distributed=processes)
    return made


def normalized(processes=None) -> nn.Model:
    """Train with the statistics of the inputs alone, which do not depend on parameters."""
    made = model(nn.BatchNorm(6), optimizer=nn.SGD(learning_rate=1e-9))
    made.train(X, y, **OPTIONS | {"batch_size": 31}, epochs=2, distributed=processes)
    return made


def augmented(processes=None) -> nn.Model:
    made = model()
    batches = nn.augment.AugmentedBatches(X, y, [noisy], batch_size=20, rng=1)
    made.train(batches, epochs=2, print_every=None, distributed=processes)
    return made


def noisy(X, rng):
    return X + rng.normal(size=X.shape).astype(X.dtype)


def masked(processes=None) -> nn.Model:
    """Train on sequences of which some have no step that counts."""
    steps, mask = X[:60].reshape(12, 5, 6), np.ones((12, 5))
    mask[3:9] = 0
    mask[9, :2] = 0

    class Net(nn.Module):
        def __init__(self):
            self.dense = nn.Dense(6, 3, rng=np.random.default_rng(0))

        def forward(self, x, mask):
            return tg.softmax(self.dense(x))

    made = model()
    made = nn.Model(Net())
    made.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.SGD(learning_rate=0.1),
        accuracy=nn.CategoricalAccuracy(),
    )
    data = {"x": steps, "mask": mask}
    made.train(
        data, y[:60].reshape(12, 5), batch_size=12, epochs=3, print_every=None, shuffle=False,
        validation_data=(data, y[:60].reshape(12, 5)), distributed=processes,
    )  # fmt: skip
    return made


EQUAL = (weighted, accumulated, normalized, augmented, masked)


def equal_ones(processes) -> dict:
    found = {}
    for train in EQUAL:
        first = same_in_all(processes, train(processes))
        assert json.dumps(first) == json.dumps(numbers(train(processes)))  # bit for bit with itself
        found[train.__name__] = first
    return found


def dropout(processes) -> dict:
    """Train twice with masks of each process; return some, and whether both are the same."""
    masks, made = [], model()

    def watched(x):
        if made.module.training:
            masks.append((x.data == 0).astype(int).tolist())
        return x

    def trained():
        nonlocal made
        made = model(nn.Dropout(0.5, rng=7), nn.Function(watched))
        made.train(X, y, **OPTIONS, epochs=2, compile=False, distributed=processes)
        return same_in_all(processes, made)

    equal = json.dumps(trained()) == json.dumps(trained())
    return {"equal": equal, "mask": masks[0]}


def compiled(processes) -> dict:
    """Return what runs as a program, and whether it gives the same as without."""
    made, eager = (model(seed=0) for _ in range(2))
    for each, mode in ((made, "auto"), (eager, False)):
        each.train(X, y, **OPTIONS, epochs=8, compile=mode, distributed=processes)
    return {
        "programs": str(made.programs),
        "equal": json.dumps(numbers(made)) == json.dumps(numbers(eager)),
    }


def begun(processes) -> dict:
    """Train with other initial weights and another order of samples in each process."""
    made = model(seed=processes.rank)
    made.train(X, y, batch_size=20, print_every=None, distributed=processes)
    same_in_all(processes, made)
    return {}


def output(processes) -> dict:
    made, printed = model(), io.StringIO()
    with contextlib.redirect_stdout(printed):
        made.train(X, y, batch_size=20, epochs=2, validation_data=VALIDATION, distributed=processes)
    return {"lines": len(printed.getvalue().splitlines())}


class At(nn.Callback):
    """An action after some step, in one process or all."""

    def __init__(self, processes, step: int, action, rank: int | None = None) -> None:
        self.processes, self.step, self.action, self.rank = processes, step, action, rank

    def on_step_end(self, run: nn.training.callback.Run) -> None:
        if run.model.optimizer.iterations == self.step and self.rank in (None, self.processes.rank):
            self.action(run)


def ends(processes) -> dict:
    """Return the steps after trainings that end early, for a reason in one process or in all."""
    last, found = processes.size - 1, {}

    def stopped(name, callbacks, **options):
        made = model(nn.Dropout(0.3, rng=1))
        shown = io.StringIO()
        with contextlib.suppress(KeyboardInterrupt):
            made.train(
                X, y, **OPTIONS | options, epochs=9, callbacks=callbacks, distributed=processes
            )
        steps = made.optimizer.iterations
        same_in_all(processes, made)  # the ends are the same, also of random states
        made.train(X, y, batch_size=20, print_every=None, distributed=processes)
        same_in_all(processes, made)
        found[name] = [steps, len(made.history), shown.getvalue()]

    stop = lambda run: run.stop("enough")
    stopped("one", [At(processes, 6, stop, last)])
    stopped("all", [At(processes, 6, stop)])
    stopped("signal", [At(processes, 6, lambda run: os.kill(os.getpid(), signal.SIGINT), last)])
    stopped("early", [nn.EarlyStopping("loss", patience=1, min_delta=1e3, restore_best=True)])
    return found


def errors(processes) -> dict:
    """Return the errors that all processes see where one of them differs or fails."""
    found, one = [], processes.rank == processes.size - 1

    def attempt(X=X, y=y, made=None, **options):
        made = made or model()
        before = made.get_parameters()
        try:
            made.train(X, y, **OPTIONS | {"distributed": processes, **options})
            found.append("")
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
        return all(np.array_equal(before[k], a) for k, a in made.get_parameters().items())

    def wrong(run):
        raise LookupError("lost")

    def change(run):
        run.model.optimizer.learning_rate = 0.5

    def drift(run):
        run.model.module.parameters()[0].data += 1

    big = X.copy()
    big[:, 0] = 1e38
    nan = X.copy()
    nan[5, 2] = np.nan
    attempt(batch_size=20 + one)
    attempt(X=X + one)
    attempt(y=(y + one) % 3)
    attempt(X=nan if one else X)
    attempt(made=model(loss=nn.CategoricalCrossentropy(label_smoothing=0.1 * one)))
    attempt(made=model(*[nn.Tanh()] * one))
    attempt(made=model(optimizer=nn.Adam(learning_rate=0.01 + one)))
    attempt(callbacks=[At(processes, 2, wrong, processes.size - 1)])
    attempt(callbacks=[At(processes, 2, change, processes.size - 1)])
    attempt(callbacks=[At(processes, 2, drift, processes.size - 1)])
    random = nn.augment.AugmentedBatches(X, y, batch_size=20, rng=processes.rank)
    attempt(X=random, y=None, batch_size=None, seed=None)
    version, np.__version__ = np.__version__, f"{np.__version__}{'x' * one}"
    attempt()
    np.__version__ = version
    changed = X.copy()
    changed[-1] = 1e30  # of the last process alone, because the order is that of the data
    weights = model(optimizer=nn.SGD(learning_rate=0.1))
    weights.module.parameters()[0].data *= 1e10
    assert attempt(X=changed, made=weights, shuffle=False, batch_size=None)
    attempt(distributed=True)
    attempt()
    return {"errors": found}


def continued(processes, folder: str) -> dict:
    """Go on from the file of fewer processes, stop inside an epoch, and save."""
    path = Path(folder) / "model.safetensors"
    made = nn.Model.load(path) if path.exists() else model()
    again = {} if path.exists() else {"seed": 3}
    made.train(
        X, y, batch_size=10, print_every=None, epochs=2, validation_data=VALIDATION, **again,
        callbacks=[
            At(processes, made.optimizer.iterations + 9, lambda run: run.stop("here")),
            nn.ModelCheckpoint(path, every=1),
        ],
        distributed=processes,
    )  # fmt: skip
    same_in_all(processes, made)
    return {"epochs": len(made.history), "steps": made.optimizer.iterations}


def dies(processes, folder: str, way: str) -> dict:
    """Train until the last process ends in some way, after a checkpoint."""
    made, last = model(), processes.size - 1

    def die(run):
        time.sleep(0.2)
        if way == "exit":
            os._exit(0)
        os.kill(os.getpid(), getattr(signal, way))

    made.train(
        X, y, **OPTIONS, epochs=9,
        callbacks=[
            nn.ModelCheckpoint(Path(folder) / "model.safetensors", every=1),
            At(processes, 5, die, last),
        ],
        distributed=processes,
    )  # fmt: skip
    return {}


def runs(processes, folder: str) -> dict:
    """Train until a signal comes."""
    made = model()
    checkpoint = nn.ModelCheckpoint(Path(folder) / "model.safetensors", every=1)
    made.train(X, y, **OPTIONS, epochs=10**6, callbacks=[checkpoint], distributed=processes)
    return {}


JOBS = {job.__name__: job for job in (equal_ones, dropout, compiled, begun, output, ends, errors)}


@with_mpi
@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("train", EQUAL, ids=lambda f: f.__name__)
def test_a_shared_training_equals_that_of_one_process_to_rounding(train, processes):
    expected = numbers(train())
    assert len(expected["steps.loss"]) >= 3
    for found in mpi.results(__file__, processes):
        shared = found["equal_ones"][train.__name__]
        assert shared.keys() == expected.keys()
        for name, values in expected.items():
            if train is not normalized or "running_mean" in name:
                np.testing.assert_allclose(shared[name], values, rtol=2e-4, atol=2e-6, err_msg=name)


@with_mpi
@pytest.mark.parametrize("processes", [2, 3])
def test_masks_are_those_of_each_process_and_reproducible(processes):
    found = [each["dropout"] for each in mpi.results(__file__, processes)]
    masks = [each["mask"] for each in found]
    assert all(each["equal"] for each in found)
    assert all(masks[0] != mask for mask in masks[1:])
    assert sum(map(len, masks)) == 20


@with_mpi
def test_steps_run_as_programs_with_the_same_result():
    for found in mpi.results(__file__, 3):
        assert found["compiled"] == {"programs": "train runs as a program", "equal": True}


@with_mpi
def test_process_0_prints():
    lines = [found["output"]["lines"] for found in mpi.results(__file__, 3)]
    assert lines[0] > 10
    assert lines[1:] == [0, 0]


@with_mpi
@pytest.mark.parametrize("processes", [2, 3])
def test_a_training_ends_in_all_processes_after_the_same_step(processes):
    for found in mpi.results(__file__, processes):
        steps = {name: steps for name, (steps, *_) in found["ends"].items()}
        assert steps == {"one": 6, "all": 6, "signal": 6, "early": 8}


@with_mpi
@pytest.mark.parametrize("processes", [2, 3])
def test_what_differs_in_one_process_is_an_error_in_each_of_them(processes):
    last = processes - 1
    words = [
        f"ValueError: the processes differ in model.train: batch_size=20 in process 0, but batch_size=21 in process {last}",
        "ValueError: the processes differ in model.train: the data of shape",
        "ValueError: the processes differ in model.train: the data of shape",
        "X holds 1 values that are NaN or infinite",
        "model.train: the loss CategoricalCrossentropy() in process 0, but the loss CategoricalCrossentropy(label_smoothing=0.1)",
        "the processes differ in model.train: the parameter 0.weights (6, 8) float32 in process 0, but the parameter 1.weights",
        "model.train: the optimizer Adam(learning_rate=0.01) in process 0, but the optimizer Adam(learning_rate=1.01)",
        "lost",
        "the processes differ in a step of the training: the learning rate",
        "the processes differ in the end of an epoch: the parameter 0.weights of checksum",
        "the processes differ in a step of the training: the batch of shape",
        f"model.train: NumPy {np.__version__} in process 0, but NumPy {np.__version__}x in process {last}",
        "FloatingPointError: ",
        "TypeError: distributed must be nn.distributed.MPI(), not a value of <class 'bool'>",
        "",
    ]
    for found in mpi.results(__file__, processes):
        for error, expected in zip(found["errors"]["errors"], words, strict=True):
            assert expected in error, found["errors"]["errors"]
        assert found["errors"]["errors"][7].startswith(
            ("LookupError: ", "RuntimeError: in process")
        )


@with_mpi
def test_a_checkpoint_goes_on_in_another_number_of_processes(tmp_path):
    found = [
        mpi.results(__file__, processes, "continued", str(tmp_path))[0]["continued"]
        for processes in (2, 3)
    ]
    assert found == [{"epochs": 1, "steps": 9}, {"epochs": 2, "steps": 18}]
    made, expected = nn.Model.load(tmp_path / "model.safetensors"), model()
    options = {"batch_size": 10, "print_every": None, "validation_data": VALIDATION}
    made.train(X, y, **options)
    expected.train(X, y, **options, epochs=3, seed=3)
    assert made.optimizer.iterations == expected.optimizer.iterations == 21
    for name, values in numbers(expected).items():
        np.testing.assert_allclose(numbers(made)[name], values, rtol=2e-4, atol=2e-6)


@with_mpi
@pytest.mark.parametrize(
    "way", ["exit", "SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.long)]
)
def test_a_process_that_dies_ends_the_job_and_leaves_the_checkpoint(tmp_path, way):
    done = mpi.finished(mpi.launched([__file__, "dies", str(tmp_path), way], 3, timeout=60))
    assert done.returncode != 0
    assert "result" not in done.stdout
    assert nn.Model.load(tmp_path / "model.safetensors").optimizer.iterations >= 4


@with_mpi
def test_an_interrupted_job_ends_and_leaves_the_checkpoint(tmp_path):
    path = tmp_path / "model.safetensors"
    job = mpi.launched([__file__, "runs", str(tmp_path)], 2, timeout=60)
    while job.poll() is None and not path.exists():
        time.sleep(0.05)
    job.send_signal(signal.SIGINT)
    assert mpi.finished(job).returncode != 0
    assert nn.Model.load(path).optimizer.iterations >= 1


if __name__ == "__main__":
    name, *args = sys.argv[1:] or [""]
    mpi.main({name: globals()[name]} if name else JOBS, *args)
