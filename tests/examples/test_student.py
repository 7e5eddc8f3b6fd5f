"""The students' notebooks: made from the full ones, with checks that say what is wrong with an answer."""

import contextlib
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import nn
import tensorgrad as tg
from examples.learn import make_student
from examples.learn.student import checks
from examples.learn.tasks import TASKS
from tests.examples.student_answers import ANSWERS

PATHS = sorted(make_student.LEARN.glob("*.ipynb"))
MARKED = {
    (path.stem, match[2]): (text[: match.start()], match[3])
    for path in PATHS
    for cell in json.loads(path.read_text("utf-8"))["cells"]
    for text in ["".join(cell["source"])]
    for match in make_student.CODE.finditer(text)
}
TRIED = [(key, code) for key, answers in ANSWERS.items() for code in ("", *answers.wrong)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_as_the_script_makes_it(path):
    """`python -m examples.learn.make_student` brings it up to date."""
    assert (make_student.STUDENT / path.name).read_text("utf-8") == make_student.student_notebook(
        path
    )


def test_every_mark_has_a_task_and_every_task_a_mark():
    assert set(MARKED) == {(name, task) for name, tasks in TASKS.items() for task in tasks}
    for path in PATHS:
        text = path.read_text("utf-8")
        assert text.count("solution: ") == text.count("# end") + text.count("<!-- end -->")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_nothing_of_a_solution_is_left(path):
    text = (make_student.STUDENT / path.name).read_text("utf-8")
    for word in ("solution:", "# end", "<!-- end", "<details>", '"image/png"', '"text/plain"'):
        assert word not in text
    cells = json.loads(text)["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in (cell for cell in cells if cell["cell_type"] == "markdown"):
        for target in re.findall(r"\]\(([^)#]+)\)", "".join(cell["source"])):
            assert target.startswith("http") or (make_student.STUDENT / target).exists(), target


@pytest.mark.parametrize(
    ("key", "wrong"), TRIED, ids=[f"{n[:2]}-{t}-{k}" for k, ((n, t), _) in enumerate(TRIED)]
)
def test_a_check_accepts_the_right_answer_and_says_what_is_wrong_with_others(key, wrong):
    answers, check = ANSWERS[key], TASKS[key[0]][key[1]].check
    given, solution = MARKED[key]
    space = {"np": np, "nn": nn, "tg": tg, "check": checks.check}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for code in (answers.needs, SPECIAL.get(key, given), answers.right or solution):
            exec(code, space)
        if not wrong:
            exec(check, space)
            assert out.getvalue().startswith("✓ ")
            return
        exec(wrong, space)
        with pytest.raises(checks.NotRight, match=answers.wrong[wrong]):
            exec(check, space)


# What stands before the solution in its cell, where an earlier cell defines more than a test needs.
SPECIAL = {
    ("02_activations", "derivatives"): "def sigma(z):\n    return 1 / (1 + np.exp(-z))\n",
    ("06_backpropagation", "jacobian"): "z = np.array([2.0, 1.0, 0.1, -1.0])\np = tg.softmax(z)\n",
}


def test_every_check_is_tried_with_five_wrong_answers():
    assert set(ANSWERS) == set(MARKED)
    assert all(len(answers.wrong) >= 5 for answers in ANSWERS.values())


def test_a_stub_is_told_to_be_filled_in():
    for tasks in TASKS.values():
        for task in tasks.values():
            assert "..." in task.stub
    for nothing in (..., None):
        with pytest.raises(
            checks.NotRight, match="dW is not there yet: put your answer in the place of the dots"
        ):
            checks.check("dW", nothing, np.ones(3))
    with pytest.raises(checks.NotRight, match="dW is no array of numbers"):
        checks.check("dW", "3 x", np.ones(3))


def test_it_takes_tensors_and_zeros():
    checks.check("x", tg.Tensor([1.0, 2.0]), np.array([1.0, 2.0]))
    checks.check("x", np.zeros(3), np.zeros(3))
    with pytest.raises(checks.NotRight, match="x is off by the same number everywhere"):
        checks.check("x", np.ones(3), np.zeros(3))
    with pytest.raises(checks.NotRight, match="x is off by one number along axis 1"):
        checks.check("x", np.array([[1.0, 2.0], [5.0, 7.0]]), np.array([[0.0, 1.0], [3.0, 5.0]]))


def test_a_notebook_finds_the_checks_beside_it():
    code = "from checks import check; check('x', 1, 1)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=make_student.STUDENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "✓ x\n"


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_it_runs_when_the_answers_are_filled_in(path, monkeypatch, tmp_path):
    """The code of a student's notebook, with right answers behind the stubs, in a plain Python."""
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(make_student.STUDENT)
    monkeypatch.syspath_prepend(str(make_student.STUDENT))
    lines = []
    rights = {
        task.stub.strip(): ANSWERS[path.stem, name].right or MARKED[path.stem, name][1]
        for name, task in TASKS.get(path.stem, {}).items()
    }
    for cell in json.loads((make_student.STUDENT / path.name).read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            text = "".join(cell["source"])
            for stub, right in rights.items():
                text = text.replace(stub, f"{stub}\n{right}")
            lines += [text, "plt.close('all')" if "plt" in text else ""]
    (tmp_path / "notebook.py").write_text("\n".join(lines), "utf-8")
    done = subprocess.run([sys.executable, "-W", "ignore", tmp_path / "notebook.py"], cwd=make_student.STUDENT, capture_output=True, text=True,
                          env={**__import__("os").environ, "MPLBACKEND": "Agg", "PYTHONPATH": f"{make_student.LEARN.parent.parent}:{make_student.STUDENT}"})  # fmt: skip
    assert done.returncode == 0, done.stderr
