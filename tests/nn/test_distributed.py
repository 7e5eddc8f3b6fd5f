"""Gradients that processes of an MPI job average equal those of one process."""

import json
import sys

import numpy as np
import pytest

import nn
import tensorgrad as tg
from tests import mpi
from tests.mpi import with_mpi

rng = np.random.default_rng(0)
X, y = rng.normal(size=(60, 6)).astype(np.float32), np.arange(60) % 3
STEPS = 12


def network(seed: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    layers = [nn.Dense(6, 8, rng=rng), nn.BatchNorm(8), nn.ReLU(), nn.Dense(8, 3, rng=rng)]
    return nn.Sequential(
        *layers, nn.Softmax()
    ).eval()  # the statistics of a batch would be those of a share


def trained(processes) -> tuple[nn.Sequential, list[float]]:
    """Train with shares of 20 and of 7 samples, which 2 and 3 processes divide unevenly."""
    made, losses = network(processes.rank), []
    processes.broadcast(made)
    optimizer = nn.Adam(made.parameters(), learning_rate=0.01)
    for step in range(STEPS):
        part = slice(20, 27) if step % 4 == 3 else slice(20 * (step % 3), 20 * (step % 3) + 20)
        samples = processes.share(X[part])
        loss = nn.CategoricalCrossentropy()(made(samples), processes.share(y[part]))
        optimizer.zero_grad()
        loss.backward()
        nn.distributed.average_gradients(optimizer, processes, samples=len(samples))
        optimizer.step()
        losses.append(processes.mean(loss.item(), len(samples)))
    return made, losses


def equal_training(processes) -> dict:
    made, losses = trained(processes)
    arrays = {k: a.tolist() for k, a in made.state_dict().items()}
    processes.agree("the result", [json.dumps(arrays)])  # bit for bit
    return {"losses": losses, "arrays": arrays, "again": trained(processes)[1] == losses}


def gradients(processes) -> dict:
    """Return the means of gradients that only some processes have, in several dtypes."""
    dtypes = (np.float64, np.float16, np.complex64, np.float32)
    parameters = [tg.Tensor(np.ones(2, dtype), requires_grad=True) for dtype in dtypes]
    for p in parameters[:3] if processes.rank == 0 else parameters[:2]:
        p.grad = tg.Tensor(np.full(2, processes.rank + 1, p.dtype))
    optimizer = nn.SGD(parameters)
    nn.distributed.average_gradients(optimizer, processes)
    grads = [p.grad for p in parameters]
    found = [g if g is None else [str(g.dtype), g.data.real.tolist()] for g in grads]
    return {"found": found, "mean": processes.mean(processes.rank, processes.rank + 1)}


def refused(processes) -> dict:
    """Return the errors that all processes see where one of them differs."""
    errors, last = [], processes.rank == processes.size - 1
    p = tg.Tensor(np.ones(3), requires_grad=True)
    for function in (
        lambda: processes.broadcast(nn.Dense(2, 5 if last else 4)),
        lambda: processes.broadcast(nn.Sequential(*[nn.Dense(2, 2) for _ in range(1 + last)])),
        lambda: nn.distributed.average_gradients(nn.SGD([p], learning_rate=0.1 + last)),
        lambda: nn.distributed.average_gradients(nn.SGD([p])),
        lambda: processes.share(X[: processes.size - 1]),
        lambda: processes.sum(np.ones(3 + last)),
        lambda: processes.sum(np.ones(3)) if last else processes.mean(1.0),
        lambda: nn.distributed.average_gradients(nn.SGD([p]), samples="3" if last else 3),
    ):
        try:
            function()
            errors.append("")
        except (ValueError, RuntimeError) as error:
            errors.append(str(error))
    return {"errors": errors}


def dies(processes) -> dict:
    if processes.rank == processes.size - 1:
        raise RuntimeError("the last one dies")
    processes.mean(1.0)
    return {}


def exits(processes) -> dict:
    if processes.rank == processes.size - 1:
        raise SystemExit(0)
    processes.mean(1.0)
    return {}


JOBS = {job.__name__: job for job in (equal_training, gradients, refused)}


@with_mpi
@pytest.mark.parametrize("processes", [2, 3])
def test_a_training_equals_that_of_one_process(processes):
    made, losses = trained(nn.distributed.MPI())
    for found in mpi.results(__file__, processes):
        result = found["equal_training"]
        np.testing.assert_allclose(result["losses"], losses, rtol=2e-6)
        assert result["again"]
        for name, array in made.state_dict().items():
            np.testing.assert_allclose(result["arrays"][name], array, rtol=1e-4, atol=2e-6)
    assert losses[-1] < losses[0]


@with_mpi
def test_gradients_that_some_processes_lack_count_as_zero_and_dtypes_stay():
    found = [each["gradients"] for each in mpi.results(__file__, 2)]
    expected = [["float64", [1.5, 1.5]], ["float16", [1.5, 1.5]], ["complex64", [0.5, 0.5]], None]
    assert [each["found"] for each in found] == [expected] * 2
    assert found[0]["mean"] == found[1]["mean"] == pytest.approx(2 / 3)


@with_mpi
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_that_differ_are_told_in_each_of_them(processes):
    n = processes - 1
    words = [
        f"processes differ in the module: weights (2, 4) float32 in process 0, but weights (2, 5) float32 in process {n}",
        f"the module: nothing more in process 0, but 1.weights (2, 2) float32 in process {n}; build",
        "differ in the optimizer: SGD(learning_rate=0.1) in process 0, but SGD(learning_rate=1.1)",
        "",
        f"a batch of {n} samples has no share for each of {processes} processes; take a larger",
        f"the processes differ in sum: an array (3,) float64 in process 0, but an array (4,) float64 in process {n}",
        f"process 0 has reached mean, but process {n} has reached sum; all processes must make the",
        "samples must be a number above 0, not '3'",
    ]
    for found in mpi.results(__file__, processes):
        for error, expected in zip(found["refused"]["errors"], words, strict=True):
            assert expected in error


@with_mpi
@pytest.mark.parametrize(("job", "words"), [
    ("dies", ["error in process 2 of 3", "RuntimeError: the last one dies"]),
    ("exits", ["process 2 has ended its program, and process", "waits for it in mean"]),
])  # fmt: skip
def test_a_process_that_dies_ends_the_others(job, words):
    done = mpi.finished(mpi.launched([__file__, job], 3))
    assert done.returncode != 0
    assert "result" not in done.stdout
    for word in words:
        assert word in done.stderr


@with_mpi
def test_one_process_is_a_job_of_its_own():
    processes = nn.distributed.MPI()
    assert repr(processes) == "MPI(rank 0 of 1)"
    assert processes.share(X) is not X
    np.testing.assert_array_equal(processes.share(X), X)
    assert processes.mean(3.0, 7) == 3
    assert sys.excepthook.__qualname__ != "MPI._abort"
    for wrong in (0, -1, "3", None):
        with pytest.raises(ValueError, match="samples must be a number above 0"):
            nn.distributed.average_gradients(nn.SGD(network(0).parameters()), samples=wrong)


def test_a_missing_mpi_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(
        ImportError,
        match=r"mpi4py, which MPI needs, is not installed; run pip install 'tensorgrad-numpy\[mpi\]'",
    ):
        nn.distributed.MPI()


def test_a_missing_library_of_mpi_is_the_same(monkeypatch, tmp_path):
    package = tmp_path / "mpi4py"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "MPI.py").write_text("raise RuntimeError('cannot load MPI library')")
    for name in ("mpi4py", "mpi4py.MPI"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"finds no MPI \(cannot load MPI library\); run pip"):
        nn.distributed.MPI()


if __name__ == "__main__":
    mpi.main({name: globals()[name] for name in sys.argv[1:]} or JOBS)
