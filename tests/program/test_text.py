"""The text of programs, piece by piece: operators, constants, line breaks."""

import ast
import shutil
import subprocess

import numpy as np
import pytest

import tensorgrad as tg
from tensorgrad.program.cutting.specialised import NotCut

SYMBOLS = ["|", "^", "&", "<<", "+", "-", "*", "/", "//", "%", "@", "**", "<", "=="]
SHAPES = [
    "(a {} b) {} c", "a {} (b {} c)", "-(a {} b) {} c", "(-a {} b) {} c", "(~a) {} b {} c",
    "a {} ~(b {} c)",
]  # fmt: skip


def defined(name, parameters, lines):
    """Return the function with these lines."""
    space = {"np": np, "tg": tg}
    body = "".join(f"    {line}\n" for line in lines)
    exec(f"def {name}({', '.join(parameters)}):\n{body}", space)
    return space[name]


def run_alone(source, name, *args):
    space = {}
    exec(source, space)
    return space[name](*args)


@pytest.mark.parametrize("first", SYMBOLS)
def test_expressions_have_the_parentheses_that_they_need(first):
    operands = np.array([[1, 2], [3, 1]]), np.array([[2, 1], [1, 2]]), np.array([[3, 1], [2, 3]])
    lines, args = [], {}
    for symbol in SYMBOLS:
        for shape in SHAPES:
            expression = shape.format(first, symbol)
            try:
                with np.errstate(all="raise"):
                    eval(expression, dict(zip("abc", operands, strict=True)))
            except (TypeError, ValueError, FloatingPointError):  # as floats have no bits
                continue
            k = len(lines)
            for name, x in zip("abc", operands, strict=True):
                args[f"{name}{k}"] = x
                expression = expression.replace(name, f"{name}{k}")
            lines.append(f"r{k} = {expression}")
    results = ", ".join(f"r{k}" for k in range(len(lines)))
    f = defined("f", args, [*lines, f"return [{results}]"])
    source = tg.compile(f).program(*args.values()).source.replace(" ", "").splitlines()
    assert len(lines) > 20
    for line in lines:
        assert ast.unparse(ast.parse(line)).replace(" ", "") in source


class Own:
    """A class of a user, which a text can only name."""

    def __repr__(self):
        return "Own()"


@tg.impure
def kept(x, value):
    return x * 1


# Constants, and how they are written if not in the same way.
CONSTANTS = {
    "1": None, "-1.5": None, "-0.0": None, "True": None, "2j": None, "complex(-0.0, 1.0)": None,
    "np.inf": None, "-np.inf": None, "np.nan": None, "complex(1.0, np.nan)": None, "None": None,
    "...": None, r'"say \"é\""': None, "b'a'": None, "()": None, "(1,)": None, "[2.0, (3, 4)]": None,
    '{"a": 1, 2: (3,)}': None, "slice(1, None, None)": None, "slice(0, 5, 2)": None,
    "int": None, "float": None, "abs": None, "np.float32": None, "np.bool_": "np.bool",
    "np.dtype(np.float32)": None, "np.dtype(bool)": None, 'np.dtype(">f4")': None,
    'np.dtype("<M8[25s]")': None, 'np.dtype("<U3")': None, "np.bool_(True)": None,
    "np.int8(-3)": None, "np.float32(0.1)": None,
    "np.complex64(1j)": None, 'np.datetime64("2020-01-01", "D")': None, 'np.datetime64("NaT")': None,
    'np.timedelta64(-3, "25s")': None, 'np.timedelta64("NaT", "m")': None, "np.exp": None,
    "np.add.reduce": None, "np.linalg.inv": None, 'np.str_("a")': '"a"', 'np.void(b"a")': "void",
    "np.arange(8)": None, "np.arange(8.0)[1:3]": "np.array([1.0, 2.0])",
    "np.arange(3, dtype=np.int32)": "np.array([0, 1, 2], np.int32)", "np.eye(3, dtype=np.int8)": None, "np.eye(3)": None,
    "np.full((3, 4), 2.5)": None, "np.full(7, -3)": None, "np.full(7, np.float32(0.5))": None,
    "np.full((2, 4), -0.0)": None, "np.full((2, 4), np.nan)": None,
    "np.eye(3)[:2]": "np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])",
    "np.zeros(9, np.float32)": None, "np.ones((4, 2), bool)": None, "np.array([[1, 2], [3, 4]]).T": None,
    "np.array([True, False])": None, "np.array([0.0, -0.0])": None, "np.array([-0.0, -0.0])": None,
    "np.array([1.0, 1.0j])": "np.array([(1+0j), 1j], np.complex128)", "np.array(2.0)": None,
    "np.broadcast_to(np.float32(3.0), (4, 5))": None, "np.arange(7) * 0.1": "constant",
    "np.zeros((3, 0))": "constant", 'np.array(["a"])': "constant", "np.arange(9)[::2]": "constant",
    "Own": "own", "Own()": "own",
}  # fmt: skip


def whole(*_args):
    """Leave copied functions as they are, with parameters that nobody reads."""
    raise NotCut


@pytest.mark.parametrize("source", CONSTANTS)
def test_constants_are_written_out_where_that_says_all(monkeypatch, source):
    monkeypatch.setattr("tensorgrad.program.functions.specialised", whole)
    made = eval(source) if source.startswith("Own") else None

    def f(x):
        return kept(x, eval(source) if made is None else made)

    text = tg.compile(f).program(np.ones(2)).source
    (line,) = [line for line in text.splitlines() if line.startswith("    kept_2 = kept(")]
    written = line[len("    kept_2 = kept(x, ") : -1]
    assert written == (CONSTANTS[source] or source)
    if "." in written:  # or a literal, so no name of what the text cannot say
        found, expected = eval(written), eval(source)
        assert type(found) is type(expected)
        assert repr(found) == repr(expected)
        assert getattr(found, "strides", None) == getattr(expected, "strides", None)


SHAPE = (2, 3, 4)
# fmt: off
REPEATED = {
    "x * np.broadcast_to(b, SHAPE)":          "x * b",
    "np.broadcast_to(b, SHAPE) / x":          "b / x",
    "x * np.broadcast_to(np.sum(b), SHAPE)":  "x * np.sum(b)",
    "x[0] + np.broadcast_to(b, SHAPE)":       "x[0] + np.broadcast_to(b, (2, 3, 4))",
    "np.broadcast_to(b, SHAPE) - x[0]":       "np.broadcast_to(b, (2, 3, 4)) - x[0]",
    "x[:, :, :1] * np.broadcast_to(b, SHAPE)": "x[:, :, :1] * np.broadcast_to(b, (2, 3, 4))",
    "np.copy(x, order='F') * np.broadcast_to(b, SHAPE)":
        'np.copy(x, order="F") * np.broadcast_to(b, (2, 3, 4))',
    "np.copy(x, order='F') * np.broadcast_to(np.sum(b), SHAPE)": 'np.copy(x, order="F") * np.sum(b)',
    "np.broadcast_to(b, SHAPE) * np.broadcast_to(b[:1], SHAPE)":
        "np.broadcast_to(b, (2, 3, 4)) * np.broadcast_to(b[:1], (2, 3, 4))",
    "x * np.full(SHAPE, 2.0) + np.full(4, 3.0)": "x * 2.0 + 3.0",
    "x[:, :1] * np.full((1, 3, 4), 3.0)":     "x[:, :1] * np.full((1, 3, 4), 3.0)",
    "np.copy(x, order='F') * np.full(SHAPE, 2.0)": 'np.copy(x, order="F") * np.full((2, 3, 4), 2.0)',
}
# fmt: on


@pytest.mark.parametrize("call", REPEATED)
def test_what_is_repeated_is_written_once_if_the_result_is_the_same(call):
    f = defined("f", ["x", "b"], [f"SHAPE = {SHAPE}", f"return {call}"])
    x, b = np.random.default_rng(0).standard_normal(SHAPE), np.arange(1.0, 5)
    program = tg.compile(f).program(x, b)
    assert program.source.splitlines()[-1] == f"    return {REPEATED[call]}"
    for found, expected in [(program(x, b), f(x, b)), (program(b * x, -b), f(b * x, -b))]:
        assert found.tobytes() == expected.tobytes()
        assert found.strides == expected.strides


def test_views_of_arrays_from_outside_are_written_by_their_names_only_if_whole():
    A = np.random.default_rng(0).standard_normal((10, 12))
    B = np.random.default_rng(1).standard_normal((12, 12))

    def f(x):
        return A.T[:, :5], A.T, A.T[:5], B.T, B[::-1].T, B.view(np.int64).T, B[1:, 1:].T

    def g(x):
        return [np.sum(x[0] * array) for array in f(x)]

    program = tg.compile(g).program(np.ones(2))
    assert program(np.full(2, 3.0)) == g(np.full(2, 3.0))
    assert program.source.count("A.T)") == program.source.count("B.T)") == 1


@tg.impure
def in_parts(x):
    """Return its argument, or parts of it, for some values only."""
    return (
        x * 1,
        [x if x[0] > 0 else x * 2, (x[:1] if x[0] > 0 else x[:1] * 2,)],
        (),
        None,
        [(x * 3, x * 4)],
    )


@tg.impure
def seen(x):
    return x if x[0] > 0 else x * 2


def written_later(x):
    y = x * 1
    z = seen(y)
    z += 3
    return y * z


# fmt: off
OF_STEPS = {
    "itself":     lambda x: seen(x) * x,
    "in a list":  lambda x: in_parts(x)[1][0] * x,
    "a part":     lambda x: in_parts(x)[1][1][0] * x + in_parts(x)[0],
    "in a tuple": lambda x: in_parts(x)[4][0][1] * x,
    "written":    written_later,
}
# fmt: on


@pytest.mark.parametrize("name", OF_STEPS)
@pytest.mark.parametrize("first", [1.0, -1.0])
def test_a_step_may_return_its_argument_for_some_values(name, first):
    f = OF_STEPS[name]
    compiled = tg.compile(f)
    for sign in (first, -first, first):
        x = np.array([sign, 2.0])
        expected = f(x.copy())
        np.testing.assert_array_equal(compiled(x), expected)
        assert x.tolist() == [sign, 2]


def test_parts_of_a_result_have_names_where_they_are_read():
    source = tg.compile(OF_STEPS["in a tuple"]).program(np.ones(2)).source
    assert "    _, (_, (_,)), _, _, ((_, parts),) = in_parts(x)\n" in source


METHODS = {
    "np.swapaxes(x, 0, 1)": "x.T", "np.swapaxes(x, -1, axis2=-2)": "x.T", "np.transpose(x)": "x.T",
    "np.swapaxes(x, 0, 0)": "np.swapaxes(x, 0, 0)", "np.swapaxes(x, 0, -2)": "np.swapaxes(x, 0, -2)",
    "np.transpose(x, (0, 1))": "np.transpose(x, (0, 1))",
    "np.add.reduce(x)": "x.sum(axis=0)", "np.add.reduce(x, 1)": "x.sum(axis=1)",
    "np.multiply.reduce(x, axis=(0, 1))": "x.prod(axis=(0, 1))", "np.minimum.reduce(x, axis=(1,))": "x.min(axis=1)",
    "np.maximum.reduce(x, 0, None, None, True)": "x.max(axis=0, keepdims=True)",
    "np.add.reduce(x, 1, np.float32)": "x.sum(axis=1, dtype=np.float32)",
    "np.maximum.reduce(x, 1, np.float32)": "np.maximum.reduce(x, axis=1, dtype=np.float32)",
    "np.add.reduce(x, initial=1)": "np.add.reduce(x, initial=1)", "np.add.reduce(x, axis=None)": "x.sum(axis=None)",
    "np.minimum.reduce(x[0])": "x[0].min()", "np.dot(x, x[0])": "x.dot(x[0])",
    "np.add.reduce(x[0], keepdims=True)": "x[0].sum(axis=0, keepdims=True)",
    "np.copy(x * 2, order='F') / 3": 'np.copy(x * 2, order="F") / 3', "np.copy(x * 2) / 3": "x * 2 / 3",
    "np.sum(x).copy() / 3": "np.sum(x) / 3", "x[()] * 2": "x * 2", "(x * 2).astype(float) / 3": "x * 2 / 3",
    "(x * 2).astype('f4') / 3": "(x * 2).astype(np.float32) / 3", "np.zeros_like(x, shape=4)": "np.zeros(4, np.float64)",
    "np.zeros_like(x, shape=(4, 2))": "np.zeros((4, 2), np.float64)",
    "x[0:2, ..., None]": "x[0:2, ..., None]", "x[::-1]": "x[::-1]", "x[(1,)]": "x[1,]", "x[-1:]": "x[-1:]",
}  # fmt: skip


@pytest.mark.parametrize("call", METHODS)
def test_calls_are_written_as_a_person_would(call):
    f = defined("f", ["x"], [f"return {call}"])
    x = np.random.default_rng(0).standard_normal((3, 4))
    program = tg.compile(f).program(x)
    assert program.source.splitlines()[-1] == f"    return {METHODS[call]}"
    assert program(x).tobytes() == f(x).tobytes()
    assert program(x).strides == f(x).strides


def texts_of_all_lengths():
    """Yield texts whose lines would be shorter and longer than a formatter leaves them."""
    x = np.ones(2)
    for n in range(20, 60):
        name, other = "v" * n, "w" * (n // 2)
        result = defined("f", [name], [f"return {name} * 2, {name} * 3"])
        yield tg.compile(result).program(x).source
        signature = defined("f", [name, other], [f"return {name} * 2"])
        yield tg.compile(signature).program(x, x).source
        check = f'tg.check(np.all(x > 0), ValueError, "{name} is {{}}, not {{}}", np.min(x), 1)'
        yield tg.compile(defined("f", ["x"], [check, "return x * 2"])).program(x).source
    for n in range(1, 40):
        numbers = np.random.default_rng(0).integers(10, 99, (3, 2, n))
        for array in (numbers[0, 0], numbers[0], numbers, numbers[0].T):
            yield tg.compile(lambda x, array=array: kept(x, array)).program(x).source


@pytest.mark.skipif(shutil.which("ruff") is None, reason="needs ruff")
def test_lines_are_broken_where_a_formatter_breaks_them(tmp_path):
    for k, source in enumerate(texts_of_all_lengths()):
        (tmp_path / f"text_{k}.py").write_text(source)
    formatted = ["ruff", "format", "--isolated", "--diff", "--line-length", "100", "."]
    done = subprocess.run(formatted, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not done.stdout, done.stdout
