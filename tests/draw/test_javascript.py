"""The rules of the sandbox in JavaScript: every row against NumPy, and against finite differences."""

import itertools
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.draw import javascript, page
from tensorgrad.draw.formula_tables import ELEMENTWISE_FORMULAS
from tensorgrad.draw.formulas import computations, slot_name
from tensorgrad.draw.notation import NOTATION
from tensorgrad.engine.state import STATE, Observer, with_state
from tests import cases
from tests.draw.equations import FAMILIES
from tests.ops.test_kinks import KINKS

SANDBOX = Path(page.__file__).parent / "sandbox"
ARRAYS = "".join((SANDBOX / f"{name}.js").read_text("utf-8") for name in ("arrays", "functions"))
COMPUTED = (
    "linalg",
    "norms",
    "convolution",
    "pooling",
    "normalization",
)  # whose equations are in words


class Calls(Observer):
    """Every recorded call of float64, and the gradients that its rules returned."""

    def __init__(self, trace):
        super().__init__(trace)
        self.trace, self.values, self.sums, self.rows = trace, {}, {}, []

    def compute(self, op, values, kwargs):
        computed = super().compute(op, values, kwargs)
        self.given = list(values)
        return computed

    def returned(self, op, args, kwargs, t):
        super().returned(op, args, kwargs, t)
        if t.node is not None:
            self.values[t.node] = self.given, t.data

    def backward(self, node, i, given, contribution):
        super().backward(node, i, given, contribution)
        to = node if i is None else node.parents[i]
        if i is None:
            self.sums = {}
        else:
            vertex = self.trace.reader.vertices[node.serial]
            self.rows.append((vertex, *self.values[node], i, self.sums[node], contribution))
        self.sums[to] = self.sums.get(to, 0) + contribution


def observed(function, *args):
    """Call a function, and return the rows of its rules."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), tg.trace():
        warnings.simplefilter("ignore")
        calls = Calls(STATE.get().observer)
        with with_state(observer=calls):
            function(*args)
    return calls.rows


def leaves(args):
    return [
        tg.Tensor(a, requires_grad=True)
        if isinstance(a, np.ndarray) and a.dtype == float and a.size
        else a
        for a in args
    ]


def run(function, args, kwargs, rng):
    args = leaves(args)
    if not any(isinstance(a, tg.Tensor) for a in args):
        return
    try:
        results = function(*args, **kwargs)
    except (TypeError, ValueError, NotImplementedError):
        return
    for out in results if isinstance(results, (tuple, list)) else [results]:
        if isinstance(out, tg.Tensor) and out.node is not None and out.dtype == float:
            out.backward(rng.normal(size=out.shape), retain_graph=True)


def rows_of_the_op_table():
    rng = np.random.default_rng(0)
    tables = [getattr(cases, family).CASES for family in (*FAMILIES, *COMPUTED)]
    for function, calls in itertools.chain(*(table.items() for table in tables)):
        for call in calls:
            yield from observed(run, function, call.args, call.kwargs, rng)


def packed(value):
    """Return an operand as JSON: an array, a number, or nothing for an index in the formula."""
    if isinstance(value, (np.ndarray, np.generic, float, int)):
        array = np.asarray(value)
        if array.dtype.kind in "fbiu":
            data = [float(x) for x in array.ravel()]
            return {"shape": array.shape, "data": data, "truths": array.dtype.kind == "b"}
    return None


class Batch:
    """Cases for one evaluation in the browser, and what NumPy computed."""

    def __init__(self, rows):
        self.table, self.cases, self.expected, self.refused = {}, [], [], {}
        for vertex, args, out, slot, g, contribution in rows:
            numbers = [a for a in (*args, out, g) if isinstance(a, (np.ndarray, np.generic))]
            if any(a.dtype.kind == "c" for a in numbers) or vertex.dtype != float:
                continue
            names = tuple(slot_name(vertex.op, k) for k in range(len(args)))
            formulas = computations(vertex)
            try:
                javascript.rules_table([(names, [formulas[0], formulas[slot + 1]])])
            except javascript.Untranslatable as error:
                self.refused.setdefault(vertex.op.name, str(error))
                continue
            if formulas[0] is None or formulas[slot + 1] is None:
                self.refused.setdefault(vertex.op.name, "it has no formula to compute with")
                continue
            row = (names, (formulas[0], formulas[slot + 1]))
            number = self.table.setdefault(row, len(self.table))
            self.cases.append(
                {
                    "row": number,
                    "x": [packed(a) for a in args],
                    "g": packed(g),
                    "slot": slot,
                    "out": out.shape,
                }
            )
            self.expected.append((vertex.op.name, row, out, contribution))

    def evaluate(self, browser):
        page = browser.new_page()
        page.add_script_tag(content=f"{ARRAYS}\n{javascript.rules_table(list(self.table))}")
        found = page.evaluate(EVALUATE, self.cases)
        page.close()
        return found


EVALUATE = """(cases) => cases.map(({ row, x, g, slot, out }) => {
    const read = (a) => a && { shape: a.shape, data: Float64Array.from(a.data), truths: a.truths };
    const [forward, rule] = RULES[row];
    const operands = x.map(read);
    const value = (given) => np.reshape(forward(given), out);
    const gradient = rule(read(g), value(operands), operands);
    // The derivative of Σ g out by central differences.
    const loss = (data) => value(operands.map((a, k) => (k === slot ? { ...a, data } : a))).data
        .reduce((sum, y, k) => sum + y * g.data[k], 0);
    const { data } = operands[slot];
    const numeric = [...data].map((at, k) => {
        const h = 1e-6 * Math.max(1, Math.abs(at));
        return (loss(data.with(k, at + h)) - loss(data.with(k, at - h))) / (2 * h);
    });
    return { value: [...value(operands).data], gradient: [...gradient.data], numeric };
})"""


@pytest.fixture(scope="module")
def computed(browser):
    batch = Batch(rows_of_the_op_table())
    return batch, batch.evaluate(browser)


def assert_equal_to_numpy(batch, found):
    for (op, row, out, contribution), entry in zip(batch.expected, found, strict=True):
        for name, expected in (("value", out), ("gradient", contribution)):
            scale = np.max(np.abs(expected), initial=0.1, where=np.isfinite(expected))
            np.testing.assert_allclose(
                entry[name], np.ravel(expected), 1e-9, 1e-12 * scale, err_msg=f"{name}: {op} {row}"
            )


def test_every_row_computes_what_numpy_does(computed):
    batch, found = computed
    assert_equal_to_numpy(batch, found)
    assert len(batch.cases) > 300


def test_every_row_has_the_derivative_that_differences_show(computed):
    batch, found = computed
    for (op, row, _, _), entry in zip(batch.expected, found, strict=True):
        numeric = np.array(entry["numeric"])
        smooth = np.abs(numeric) < 1e5  # no jump, as of the angle at its branch cut, and no NaN
        scale = 1 + np.max(np.abs(numeric), initial=0, where=smooth)
        np.testing.assert_allclose(
            np.array(entry["gradient"])[smooth],
            numeric[smooth],
            1e-5,
            1e-6 * scale,
            err_msg=f"{op} {row}",
        )


# What is told in words alone, and what the page has no function for.
IN_WORDS = {"unwrap", "bessel"}
NO_FUNCTION = {"imag", "nextafter", "sinc"}


def test_every_other_op_with_a_formula_has_javascript(computed):
    batch, _ = computed
    reached = {op for op, *_ in batch.expected}
    known = ELEMENTWISE_FORMULAS.keys() | NOTATION.keys()
    assert known - reached == IN_WORDS | NO_FUNCTION
    assert {op for op, why in batch.refused.items() if "JavaScript" in why} <= NO_FUNCTION


def test_the_kinks_are_the_engines(browser):
    rows = []
    for _, f, at, *_ in KINKS:
        x = tg.Tensor(np.asarray(at, np.result_type(*np.ravel(at), float)), requires_grad=True)
        rows += observed(lambda f, x: np.sum(f(x)).backward(), f, x)
    batch = Batch(rows)
    assert_equal_to_numpy(batch, batch.evaluate(browser))


def test_every_function_of_the_table_exists(browser):
    page = browser.new_page()
    page.add_script_tag(content=ARRAYS)
    missing = page.evaluate(
        "names => names.filter(name => !np[name])",
        [*javascript.ARRAY_FUNCTIONS, *javascript.ARRAY_OPERATORS.values()],
    )
    page.close()
    assert missing == []


def test_a_formula_with_an_unknown_function_is_refused():
    with pytest.raises(javascript.Untranslatable, match=r"eval has no JavaScript"):
        javascript.javascript("eval(x)", ("x",), False)
    with pytest.raises(javascript.Untranslatable, match="window is unknown"):
        javascript.javascript("x + window", ("x",), False)
    assert re.fullmatch(
        r"np.multiply\(g, x\[1\]\)", javascript.javascript("g · b", ("a", "b"), True)
    )
