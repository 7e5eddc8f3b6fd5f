"""The checker that stands at every call: NumPy's result goes to the test, the verdicts to the report."""

import copy
import functools
import traceback
import warnings
from collections import Counter

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.rules import COMPOSITE, RULES
from tests.numpy_suite.calls import (
    WRITERS,
    LeftOut,
    as_constants,
    as_function,
    as_leaves,
    copied,
    determined,
    is_checked,
    key_of,
    name_of,
    returning_target,
    text_of,
    without_undefined,
)
from tests.numpy_suite.compare import Outcome, compared_arrays, verdict
from tests.numpy_suite.gradients import checked_gradients
from tests.numpy_suite.known import entry_of

# They are given a function, and call it.
CALLERS = {
    np.testing.assert_raises, np.testing.assert_raises_regex, np.testing.assert_warns,
    np.testing.assert_no_warnings, pytest.raises, pytest.deprecated_call,
}  # fmt: skip
PER_TEST = 100  # calls of one function that are compared in one test, which may loop over thousands


class Checker:
    """Counts of verdicts per function, and the disagreements."""

    def __init__(self):
        self.inside = False
        self.seen = set()
        self.calls = Counter()  # of each function in the present test
        self.report = Report()

    def __call__(self, f, /, *args, **kwargs):
        if self.inside:
            return f(*args, **kwargs)
        name = name_of(f)
        if name is None:
            if args and is_caller(f):
                args = [functools.partial(self, a) if name_of(a) else a for a in args]
            return f(*args, **kwargs)
        function, operands = as_function(f, args)
        call = self.copy_of(name, operands, kwargs)
        plain = Outcome(f, args, kwargs)
        if call is not None:
            self.inside = True
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.check(name, function, call, plain, (operands, kwargs))
            except Exception:
                self.report.broken.append(f"{text_of(name, *call)}\n{traceback.format_exc()}")
            finally:
                self.inside = False
        if plain.error is not None:
            try:
                raise plain.error
            finally:
                del plain
        return plain.result

    def copy_of(self, name, args, kwargs):
        """Return the arguments as they are before the call; None if it was checked already, or cannot be."""
        if not is_checked(name, args, kwargs):
            return None
        if name == "ndarray.view" and not args[0].flags.forc:  # as its copy would be
            return None
        if self.calls[name] >= PER_TEST:
            self.report.left_out += 1
            return None
        try:
            call = copied((tuple(args), kwargs), name in WRITERS)
            key = hash((name, key_of(call)))
        except Exception as error:
            self.report.left_out += isinstance(error, LeftOut)
            return None
        if key in self.seen:
            return None
        self.seen.add(key)
        self.calls[name] += 1
        return call

    def check(self, name, function, call, plain, after):
        """Make the call with leaves and with constants, and differentiate it."""
        if isinstance(plain.error, Warning):  # which a filter of the test made an error
            return
        text = text_of(name, *call)
        if name in WRITERS:
            function = returning_target(function)
            if plain.result is None and plain.error is None:
                plain = copy.copy(plain)
                plain.result = after[0][0]
        whole = determined(function)
        plain = copy.copy(plain)
        plain.result = without_undefined(function, *call, plain.result)
        has_gradient = False
        for mode, convert in (("leaves", as_leaves), ("constants", as_constants)):
            converted, pairs = convert(copied(call))
            if pairs:
                found = Outcome(whole, *converted)
                kind, detail = verdict(plain, found)
                compare_writes = plain.error is None and name not in WRITERS
                if kind == "agree" and compare_writes and not call[1].get("overwrite_input"):
                    kind, detail = written(pairs, convert, after)
                self.report.add(name, mode, kind, detail, text)
                if mode == "leaves" and kind == "agree" and plain.error is None:
                    has_gradient = is_differentiable(name, function, found.result)
        if has_gradient:
            orders = checked_gradients(whole, call)
            for mode, (kind, detail) in zip(("first", "second"), orders):
                self.report.add(name, mode, kind, detail, text)


def is_caller(f):
    return any(f is g for g in CALLERS)


def is_differentiable(name, function, result):
    """Return True if a gradient is promised."""
    if isinstance(function, np.ufunc) or not name.startswith(
        ("operator.", "ndarray.", "builtins.")
    ):
        return function in RULES or function in COMPOSITE
    return isinstance(result, tg.Tensor)


def written(pairs, convert, after):
    """Return the verdict on what the call wrote into its arguments."""
    _, originals = convert(after)
    for (_, t), (right, _) in zip(pairs, originals, strict=True):
        kind, detail = compared_arrays(right, t.data)
        if kind != "agree":
            return kind, f"written: {detail}"
    return "agree", ""


class Report:
    """Counts by function, mode and verdict, with an example or a few of each disagreement."""

    EXAMPLES = 6
    GOOD = {"agree", "refused", "checked", "skipped"}

    def __init__(self):
        self.counts = {}
        self.examples = {}  # of disagreements that are not known
        self.known = []  # the entries of the table of known disagreements that were needed
        self.refusals = {}
        self.broken = []
        self.left_out = 0

    def add(self, name, mode, kind, detail, text):
        row = self.counts.setdefault(name, {}).setdefault(mode, {})
        row[kind] = row.get(kind, 0) + 1
        if kind == "refused":
            self.refusals.setdefault(detail, [0, text])[0] += 1
        elif entry := kind not in self.GOOD and entry_of(name, kind, f"{text}: {detail}"):
            self.known.append(" · ".join(entry))
        elif kind not in self.GOOD:
            found = self.examples.setdefault(f"{name} {mode} {kind}", [])
            found.append([text, " ".join(detail.split())[:300]])
            found.sort(key=lambda example: len(example[0]))
            del found[self.EXAMPLES :]

    def as_dict(self):
        return {
            "counts": self.counts,
            "examples": self.examples,
            "known": sorted(set(self.known)),
            "refusals": self.refusals,
            "broken": self.broken[:20],
            "left_out": self.left_out,
        }
