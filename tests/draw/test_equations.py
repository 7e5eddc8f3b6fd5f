"""Every equation that the page prints holds: its text is evaluated, and compared with the result."""

import functools
import importlib
import itertools
import re
import warnings
from importlib.util import find_spec

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.draw.formula_tables import ELEMENTWISE_FORMULAS
from tensorgrad.draw.layers import LAYERS
from tensorgrad.draw.notation import NOTATION
from tests import cases
from tests.draw import page_fixtures as fixtures
from tests.draw.equations import FAMILIES, value_of

ALL_FAMILIES = (*FAMILIES, "linalg", "norms", "statistics", "calculus", "fourier")
# Descriptions in words, and equations such as out = x whose only line is the result; they come as (op, is it `out`?).
IN_WORDS_OR_EQUAL = {
    ("copy", False), ("copy", True), ("positive", False), ("positive", True), ("fmax", False), ("fmin", False),
    ("imag", False), ("max", False), ("max", True), ("min", False), ("min", True), ("ndtr", True), ("unwrap", False), ("unwrap", True),
    ("assign", False), ("assign", True), ("bessel", False), ("bessel", True), ("sinc", False),
    *itertools.product(("sort", "prod", *(name for name, *_ in LAYERS)), (False, True)),
}  # fmt: skip
SMALL = 16


@pytest.fixture(scope="module")
def open_page(browser, tmp_path_factory):
    yield from fixtures.opener(browser, tmp_path_factory.mktemp("equations"))


def run(function, args, kwargs, rng):
    """Call a function on leaves, and run backward from random gradients."""
    leaves = [
        tg.Tensor(a, requires_grad=True)
        if isinstance(a, np.ndarray) and a.dtype.kind in "fc" and a.size <= SMALL
        else a
        for a in args
    ]
    if not any(isinstance(a, tg.Tensor) for a in leaves):
        return
    try:
        results = function(*leaves, **kwargs)
    except (TypeError, ValueError, NotImplementedError):
        return  # a case of another kind of argument
    for out in results if isinstance(results, (tuple, list)) else [results]:
        if isinstance(out, tg.Tensor) and out.node is not None and out.size <= SMALL:
            g = rng.normal(size=out.shape)
            out.backward(
                g + 1j * g[::-1] if out.ndim and out.dtype.kind == "c" else g, retain_graph=True
            )


def broadcast_calls():
    """Return calls of operands that are broadcast, by rules that are printed from their source."""
    x, y = (tg.Tensor(v, requires_grad=True) for v in ([0.5, 2.0], 3.0))
    calls = [
        functools.partial(np.einsum, "ij,ij->i", x.reshape(2, 1), np.ones((2, 3)) * y),
        functools.partial(np.einsum, "ij,kj->i", np.ones((2, 3)) * y, x.reshape(2, 1)),
    ]
    if find_spec("scipy"):
        special = importlib.import_module("scipy.special")
        calls += [functools.partial(f, x, y) for f in (special.xlogy, special.xlog1py)]
        calls += [functools.partial(special.erf, x)]
    return calls


@pytest.fixture(scope="module")
def equations(open_page):
    """All equations of a page on which every elementwise and linear case was traced."""
    rng = np.random.default_rng(0)
    tables = [getattr(cases, family).CASES for family in ALL_FAMILIES]
    with warnings.catch_warnings(), np.errstate(all="ignore"), tg.trace() as t:
        warnings.simplefilter("ignore")
        for function, calls in itertools.chain(*(table.items() for table in tables)):
            # Its numbers differ from 1 by less than is printed, and are compared with 1.
            for call in calls if function is not np.corrcoef else ():
                run(function, call.args, call.kwargs, rng)
        for call in broadcast_calls():
            call().backward(rng.normal(size=call().shape))
    document = t.draw().document
    opened = open_page(document)
    found = opened("() => app.graph.nodes.map(node => [node.op, tg.equations(node.id)])")
    assert opened.complaints == []
    return [(op, entry) for op, entries in found for entry in entries]


def right_sides(entry, key):
    """Return the printed right sides of an equation, with the formula if it has no letters."""
    return [line.split("= ", 1)[1] for line in entry[key]]


def is_words(entry):
    return not entry["formula"].startswith(f"{entry['name']} = ")


def test_every_equation_holds_with_all_digits(equations):
    checked = set()
    for op, entry in equations:
        sides = right_sides(entry, "exact")
        if is_words(entry) or len(sides) < 2:
            continue
        for side in sides[:-1]:
            try:
                value = value_of(side)
            except NameError:
                continue
            np.testing.assert_allclose(
                np.ravel(value), np.ravel(value_of(sides[-1])), 2e-5, 1e-7, err_msg=f"{op}: {entry}"
            )
            checked.add((op, entry["name"] == "out"))
    missing = {
        (op, out)
        for op, out in itertools.product(
            ELEMENTWISE_FORMULAS.keys() | NOTATION.keys(), (True, False)
        )
        if (op, out) not in checked
    }
    assert missing == IN_WORDS_OR_EQUAL


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_equation_holds_as_printed(equations):
    """Rounded operands move a result by no more than changes of their last digit do."""
    rng = np.random.default_rng(0)
    count = 0
    for op, entry in equations:
        sides = right_sides(entry, "lines")
        if is_words(entry) or len(sides) < 2:
            continue
        for side in sides[:-1]:
            try:
                value = np.ravel(value_of(side))
            except NameError:
                continue
            moved = [np.ravel(value_of(jittered(side, rng))) for _ in range(8)]
            printed = np.ravel(value_of(sides[-1]))
            spread = 4 * np.max(np.abs(np.array(moved) - value), axis=0)
            room = np.where(np.isfinite(spread), spread, np.inf) + 6e-4 * np.abs(printed) + 1e-12
            close = (np.abs(value - printed) <= room) | (value == printed) | np.isnan(printed)
            assert np.all(close), (op, entry)
            count += 1
    assert count > 300


def jittered(text, rng):
    """Change every rounded number by up to half a unit of its last digit."""

    def change(found):
        digits = found[0].replace("−", "-")
        size = abs(float(digits)) or 1.0
        moved = float(digits) + rng.uniform(-0.5, 0.5) * 10 ** (np.floor(np.log10(size)) - 3)
        return repr(float(moved)).replace("-", "−")

    # 1.2 too, which may stand for 1.2004.
    return re.sub(r"(?<![\w.])\d+\.\d+(?:e−?\d+)?", change, text)
