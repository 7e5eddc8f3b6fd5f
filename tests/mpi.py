"""Jobs of several processes for the tests: functions of a test file, run in each by mpiexec."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nn

ROOT = Path(nn.__file__).parents[1]


def has_mpi() -> bool:
    try:
        nn.distributed.MPI()
    except ImportError:
        return False
    return shutil.which("mpiexec") is not None


with_mpi = pytest.mark.skipif(not has_mpi(), reason="needs mpi4py and an MPI with mpiexec")


def launched(command: list[str], processes: int, timeout: int = 120) -> subprocess.Popen:
    """Start a command in so many processes, also on fewer cores and as root."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    more = {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        ["timeout", str(timeout), "mpiexec", "-n", str(processes), sys.executable, *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | root | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(job: subprocess.Popen) -> subprocess.CompletedProcess:
    """Wait for the end of a command, which `timeout` (124) enforces."""
    output, errors = job.communicate()
    assert job.returncode != 124, f"it hangs: {errors}"
    return subprocess.CompletedProcess(job.args, job.returncode, output, errors)


@functools.cache
def results(file: str, processes: int, *args: str) -> list[dict]:
    """Run the jobs of a test file in so many processes; return what each of them found."""
    done = finished(launched([file, *args], processes))
    lines = [line.split(" ", 2) for line in done.stdout.splitlines() if line[:7] == "result "]
    found = {int(rank): json.loads(text) for _, rank, text in lines}
    assert len(found) == processes, done.stderr
    return [found[rank] for rank in range(processes)]


def main(jobs: dict, *args: str) -> None:
    """Run jobs in this process, one after another, and print what they return."""
    processes = nn.distributed.MPI()
    found = {}
    for name, job in jobs.items():
        processes.agree(f"the beginning of {name}", [])
        found[name] = job(processes, *args)
    print(f"result {processes.rank} {json.dumps(found)}", flush=True)
