"""Data-parallel training in processes of an MPI job equals that in one process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg

ROOT = Path(nn.__file__).parents[1]
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
    ):
        try:
            function()
            errors.append("")
        except ValueError as error:
            errors.append(str(error))
    return {"errors": errors}


def dies(processes) -> dict:
    if processes.rank == processes.size - 1:
        raise RuntimeError("the last one dies")
    processes.mean(1.0)
    return {}


def main(job: str) -> None:
    processes = nn.distributed.MPI()
    result = globals()[job](processes)
    print(f"result {processes.rank} {json.dumps(result)}", flush=True)


def has_mpi() -> bool:
    try:
        nn.distributed.MPI()
    except ImportError:
        return False
    return shutil.which("mpiexec") is not None


with_mpi = pytest.mark.skipif(not has_mpi(), reason="needs mpi4py and an MPI with mpiexec")


def run(job: str, processes: int) -> tuple[subprocess.CompletedProcess, dict[int, dict]]:
    """Run a job in so many processes; return the results of those that had one."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    more = {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["mpiexec", "-n", str(processes), sys.executable, __file__, job],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | root | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [line.split(" ", 2) for line in done.stdout.splitlines() if line[:6] == "result"]
    return done, {int(rank): json.loads(text) for _, rank, text in lines}


@with_mpi
@pytest.mark.parametrize("processes", [2, 3])
def test_a_training_equals_that_of_one_process(processes):
    done, results = run("equal_training", processes)
    assert len(results) == processes, done.stderr
    made, losses = trained(nn.distributed.MPI())
    for result in results.values():
        np.testing.assert_allclose(result["losses"], losses, rtol=2e-6)
        assert result["again"]
        for name, array in made.state_dict().items():
            np.testing.assert_allclose(result["arrays"][name], array, rtol=1e-4, atol=2e-6)
    assert losses[-1] < losses[0]


@with_mpi
def test_gradients_that_some_processes_lack_count_as_zero_and_dtypes_stay():
    done, results = run("gradients", 2)
    expected = [["float64", [1.5, 1.5]], ["float16", [1.5, 1.5]], ["complex64", [0.5, 0.5]], None]
    assert [results[rank]["found"] for rank in (0, 1)] == [expected] * 2, done.stderr
    assert results[0]["mean"] == results[1]["mean"] == pytest.approx(2 / 3)


@with_mpi
def test_processes_that_differ_are_told_in_each_of_them():
    done, results = run("refused", 2)
    assert len(results) == 2, done.stderr
    words = [
        "processes differ in the module: weights (2, 4) float32 in process 0, but weights (2, 5)",
        "the module: nothing more in process 0, but 1.weights (2, 2) float32 in process 1; build",
        "differ in the optimizer: SGD(learning_rate=0.1) in process 0, but SGD(learning_rate=1.1)",
        "",
        "a batch of 1 samples has no share for each of 2 processes; take a larger batch_size",
    ]
    for result in results.values():
        for found, expected in zip(result["errors"], words, strict=True):
            assert expected in found


@with_mpi
def test_a_process_that_dies_ends_the_others():
    done, results = run("dies", 3)
    assert done.returncode != 0
    assert not results
    assert "error in process 2 of 3" in done.stderr
    assert "RuntimeError: the last one dies" in done.stderr


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
        ImportError, match=r"mpi4py, which MPI needs, is not installed; run pip install"
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
    main(sys.argv[1])
