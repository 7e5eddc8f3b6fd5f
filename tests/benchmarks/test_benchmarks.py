"""The benchmarks: they run, refuse peers with different answers, and report which goals were reached."""

import ast
import graphlib
import json

import numpy as np
import pytest

from benchmarks import cupy_epoch, pages, report
from benchmarks.__main__ import main
from benchmarks.harness import (
    DisagreementError,
    Measured,
    Run,
    Workload,
    check_answers,
    measure,
)
from benchmarks.peers import PEERS, Peer
from benchmarks.workloads import FAMILIES
from tests.duck import Duck


@pytest.fixture
def said():
    return []


def square(factor: float = 1.0):
    """Return a peer that answers x² and its gradient, the latter times a factor."""
    return lambda x: lambda: (np.sum(x * x), factor * 2 * x)


def workload(**ways) -> Workload:
    return Workload("square", lambda _quick: np.arange(3.0), ways, goals={"hand": 0.5})


def test_quick_run_of_two_workloads_gives_table_json_and_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("threadpoolctl")
    file, picture = tmp_path / "b.json", tmp_path / "b.png"
    # fmt: off
    status = main(["--quick", "--only", "scalar graph: mul, add", "--only", "MLP 4-8-3, batch 1", "--json", str(file), "--plot", str(picture)])
    # fmt: on
    out = capsys.readouterr().out
    assert status == 0
    assert "| MLP 4-8-3, batch 1 " in out
    assert "by hand" in out
    result = json.loads(file.read_text())
    assert result["machine"]["versions"]["numpy"] == np.__version__
    assert result["machine"]["cores"] > 0
    rows = {row["workload"]: row for row in result["rows"]}
    assert set(rows) == {
        "scalar graph: mul, add",
        "scalar graph: mul, add, tanh",
        "MLP 4-8-3, batch 1",
    }
    for m in rows["MLP 4-8-3, batch 1"]["measured"]:
        assert len(m["samples"]) == 3
        assert min(m["samples"]) > 0
    assert picture.read_bytes().startswith(b"\x89PNG")

    assert main(["--from", str(file)]) == 0
    assert capsys.readouterr().out == out


def test_a_wrong_peer_is_refused(said):
    with pytest.raises(DisagreementError, match=r"gradient 1 of by hand differs .* by 1\.0e-03"):
        measure(workload(tensorgrad=square(), hand=square(1.001)), quick=True, rounds=1, say=said)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda: (np.float64(5),), r"by hand gives 1 answers, tensorgrad 2"),
        (lambda: (np.float64(5), np.zeros(2)), r"gradient 1 has shape \(2,\) in by hand, \(3,\)"),
        (lambda: (np.float64(4), np.array([0, 2.0, 4])), "the loss of by hand differs"),
        (lambda: (np.float64(5), np.array([0, np.nan, 4])), "gradient 1 of by hand differs"),
    ],
)
def test_wrong_answers_are_refused(answer, message):
    x = np.arange(3.0)
    with pytest.raises(DisagreementError, match=message):
        check_answers(workload(), {"hand": Run(answer), "tensorgrad": Run(square()(x))})


def test_a_refused_workload_is_not_reported_and_fails_the_command(monkeypatch, capsys):
    bad = workload(tensorgrad=square(), hand=square(2.0))
    monkeypatch.setitem(FAMILIES, "scalars", [bad])
    assert main(["--quick", "--only", "square"]) == 1
    captured = capsys.readouterr()
    assert "REFUSED: square: gradient 1 of by hand" in captured.err
    assert "square" not in captured.out


def test_missing_peers_are_reported_and_omitted(monkeypatch, said):
    monkeypatch.setitem(PEERS, "torch", Peer("PyTorch", ("a_package_nobody_has",)))
    ways = {"tensorgrad": square(), "torch": square()}
    measured = measure(workload(**ways), quick=True, rounds=2, say=said.append)
    assert {m.peer for m in measured} == {"tensorgrad"}
    assert said == ["square: PyTorch omitted, because a_package_nobody_has is not installed"]


def rows(ours: list[float], *theirs: Measured) -> dict:
    measured = [Measured("tensorgrad", 1, ours), *theirs]
    return report.row("scalars", workload(), measured)


def test_ratios_are_of_the_same_round_and_of_the_best_number_of_threads():
    row = rows([1.0, 2.0, 3.0], Measured("hand", 1, [4, 8, 12]), Measured("hand", 2, [2, 4, 6]))
    np.testing.assert_allclose(report.ratios(row)["hand"], [0.5, 0.5, 0.5])


def test_goals_say_by_how_much_they_are_missed():
    assert "reached" in report.goals([rows([1.0], Measured("hand", 1, [2.0]))])
    assert "missed by 50 %" in report.goals([rows([1.5], Measured("hand", 1, [2.0]))])


def run_of(date, *workloads, **machine):
    rows = [{"family": name[0], "workload": name, "time": date, "goals": {}} for name in workloads]
    settings = {"date": date, "processor": "p", "cores": 2, "versions": {"numpy": "2.0"}} | machine
    return {"machine": settings, "quick": False, "rows": rows}


def test_several_runs_make_one_report_whose_rows_keep_their_times():
    first, second = run_of("2026-01-01", "a 1", "b 1", "a 2"), run_of("2026-01-03", "b 1", "a 3")
    second["machine"]["versions"] |= {"torch": "2.0"}
    first["rows"][0].pop("time")  # as in files of earlier versions
    found = report.merged([first, second])
    assert [(row["workload"], row["time"][-2:]) for row in found["rows"]] == [
        ("a 1", "01"), ("a 2", "01"), ("a 3", "03"), ("b 1", "03"),
    ]  # fmt: skip
    assert found["machine"] == second["machine"]
    other = run_of("2026-01-01", "a 1", cores=4, versions={"numpy": "1.0"})
    with pytest.raises(ValueError, match=r"merged, but these differ in cores, numpy$"):
        report.merged([other, second])
    with pytest.raises(ValueError, match=r"differ in quick$"):
        report.merged([first | {"quick": True}, second])


def test_files_of_several_runs_are_merged_into_one(tmp_path, capsys):
    whole = pages.latest()
    half = len(whole["rows"]) // 2
    for name, rows in (("a", whole["rows"][:half]), ("b", whole["rows"][half:])):
        report.save(whole | {"rows": rows}, tmp_path / f"{name}.json")
    paths = [str(tmp_path / f"{name}.json") for name in "abc"]
    assert main(["--from", paths[0], "--from", paths[1], "--json", paths[2]]) == 0
    one = capsys.readouterr().out
    assert main(["--from", paths[2]]) == 0
    assert capsys.readouterr().out == one
    workloads = [row["workload"] for row in json.loads((tmp_path / "c.json").read_text())["rows"]]
    assert workloads == [row["workload"] for row in whole["rows"]]


def test_every_workload_has_a_unique_name_and_known_peers():
    names = [w.name for family in FAMILIES.values() for w in family]
    assert len(names) == len(set(names))
    for family in FAMILIES.values():
        for w in family:
            assert set(w.ways) <= set(PEERS), w.name
            assert "tensorgrad" in w.ways, w.name
            for goal in w.goals:
                ours, theirs, threads = report.parse_goal(goal)
                assert {ours, theirs} <= set(w.ways), (w.name, goal)
                assert threads in (None, 1), (w.name, goal)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torch", ("tensorgrad", "torch", None)),
        ("compiled / torch last", ("compiled", "torch last", None)),
        ("torch, 1 thread", ("tensorgrad", "torch", 1)),
        ("compiled / jax, 2 threads", ("compiled", "jax", 2)),
    ],
)
def test_a_goal_names_two_peers_and_perhaps_their_threads(text, expected):
    assert report.parse_goal(text) == expected


def test_a_goal_compares_the_peers_and_threads_that_it_names():
    compiled = [Measured("compiled", 1, [0.5]), Measured("compiled", 2, [0.25])]
    row = rows([1.0], Measured("hand", 1, [4.0]), Measured("hand", 2, [1.0]), *compiled)
    row["goals"] = {"hand": 2, "compiled / hand": 0.2, "compiled / hand, 1 thread": 0.1}
    lines = [line.split("|")[1:-1] for line in report.goals([row]).splitlines()[2:]]
    assert [[cell.strip() for cell in line[:4]] for line in lines] == [
        ["square", "by hand, 2 threads", "≤ 2", "1.00"],
        ["square, compiled", "by hand, 2 threads", "≤ 0.2", "0.250"],
        ["square, compiled", "by hand, both 1 thread", "≤ 0.1", "0.125"],
    ]
    assert [line[-1].strip() for line in lines] == ["reached", "missed by 25 %", "missed by 25 %"]


@pytest.mark.parametrize("page", pages.PAGES)
def test_the_pages_show_the_latest_run(page):
    """If it fails: python -m benchmarks --from benchmarks/results/<the latest>.json --pages."""
    assert (pages.ROOT / page).read_text(encoding="utf-8") == pages.filled(page, pages.latest())


def test_a_page_without_marks_is_refused(monkeypatch):
    monkeypatch.setitem(pages.PAGES, "CHANGELOG.md", pages.goals)
    with pytest.raises(ValueError, match=r"CHANGELOG\.md needs the marks <!-- measured --> and"):
        pages.filled("CHANGELOG.md", pages.latest())


def test_the_pages_require_a_complete_run(capsys):
    whole = pages.latest()
    part = whole | {"rows": [row for row in whole["rows"] if row["workload"] != "import"]}
    with pytest.raises(
        ValueError, match="a complete run of the benchmarks, but this one omitted import"
    ):
        pages.filled("README.md", part)
    with pytest.raises(ValueError, match="this one was quick"):
        pages.filled("README.md", whole | {"quick": True})
    for some in (["--quick"], ["--only", "mlp"]):
        with pytest.raises(SystemExit):
            main([*some, "--pages"])
        assert "--pages requires a complete run" in capsys.readouterr().err


def imported_modules(file):
    """Yield the modules of benchmarks that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "benchmarks":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


def test_the_files_do_not_import_each_other_in_a_circle():
    folder = pages.ROOT / "benchmarks"
    files = {
        ".".join(file.relative_to(pages.ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in folder.rglob("*.py")
    }
    graph = {
        name: set(imported_modules(file)) & files.keys() - {name, "benchmarks"}
        for name, file in files.items()
    }
    list(graphlib.TopologicalSorter(graph).static_order())  # raises graphlib.CycleError


def small_pictures():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 784)).astype(np.float32), rng.integers(0, 10, 300)


class DuckModule:
    asarray = staticmethod(Duck)


def test_the_epoch_for_cupy_trains_what_pytorch_trains_and_runs_on_the_stand_in():
    pytest.importorskip("torch")
    X, y = small_pictures()
    _, expected = cupy_epoch.trained_by_torch(X, y, 2, "cpu")
    for xp in (np, DuckModule):
        _, ours = cupy_epoch.trained(xp, X, y, 2, lambda: None)
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_the_epoch_on_a_gpu():
    cp = pytest.importorskip("cupy", reason="needs a GPU with CuPy")
    X, y = small_pictures()
    _, ours = cupy_epoch.trained(cp, X, y, 2, cp.cuda.Device().synchronize)
    _, expected = cupy_epoch.trained(np, X, y, 2, lambda: None)
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)
