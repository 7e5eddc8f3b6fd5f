"""Data as arrays of finite numbers: what is converted, and what is refused with a remedy."""

import decimal

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn.data.samples import samples

FLOAT32 = np.dtype(np.float32)
ROWS = np.array([[1.5, 0.0, 2.0], [3.0, 1.0, 4.0]])


NUMBERS = {
    "lists": ROWS.tolist(),
    "objects": ROWS.astype(object),
    "of a table of several dtypes": np.array([[1.5, False, 2], [3.0, True, 4]], object),
    "tensors": [ROWS[0], tg.Tensor(ROWS[1])],
    "big-endian": ROWS.astype(">f8"),
    "long": ROWS.astype(np.longdouble),
    "columns": np.asfortranarray(ROWS),
}


@pytest.mark.parametrize("data", NUMBERS.values(), ids=NUMBERS)
def test_numbers_of_every_kind_are_converted(data):
    array = samples(data, "X", FLOAT32)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, ROWS)


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.5, 3.0], "b": [False, True], "c": [2, 4]})
    np.testing.assert_array_equal(samples(table, "X", FLOAT32), ROWS)
    nullable = table.astype({"b": "boolean", "c": "Int64"})
    np.testing.assert_array_equal(samples(nullable, "X", FLOAT32), ROWS)
    table["d"], nullable["b"] = ["x", "y"], pandas.array([True, None], "boolean")
    with pytest.raises(TypeError, match=r"X must be .* DataFrame .*; its columns \['d'\] hold no"):
        samples(table, "X", FLOAT32)
    with pytest.raises(TypeError, match="values are missing; fill them, or remove those samples"):
        samples(nullable, "X", FLOAT32)
    with pytest.raises(ValueError, match=r"1 values that are NaN .* the first at \(1, 0\)"):
        samples(pandas.DataFrame({"a": [1, None]}), "X", FLOAT32)


# fmt: off
NO_NUMBERS = [
    (np.array(["cat", "dog"]),           r"dtype <U3; write names, X = np\.unique\(X, return_inverse=True\)"),
    (np.array(["cat", "dog"], object),   r"write names, X = np\.unique"),
    (ROWS.astype(str),                   r"dtype <U32; write X\.astype\(float\) if the texts are numbers"),
    (ROWS + 1j,                          r"dtype complex128; write np\.stack\(\[X\.real, X\.imag\], axis=-1\)"),
    (np.array(["2026-11-28"], "M8[D]"),  r"write \(X - X\.min\(\)\) / np\.timedelta64\(1, 's'\)"),
    (np.array([1], "m8[s]"),             r"write X / np\.timedelta64\(1, 's'\) for seconds"),
    ((row for row in ROWS),                   r"it is generator .* write np\.array\(list\(X\)\) for what an iterator yields"),
    ([[1.0, None]],                      "give all samples the same shape and convert their values to numbers"),
    ([decimal.Decimal(1)],               "it is list of dtype object; give all samples"),
    ({1.0, 2.0},                         "it is set of dtype object"),
    (np.array([(1, 2.0)], "i4,f4"),      "X must be an array of real numbers"),
]
# fmt: on


@pytest.mark.parametrize(("data", "message"), NO_NUMBERS)
def test_other_data_are_refused(data, message):
    with pytest.raises(TypeError, match=message):
        samples(data, "X", FLOAT32)


def test_the_remedies_are_right():
    times = np.array(["2026-11-28", "2026-11-29"], "M8[D]")
    seconds = (times - times.min()) / np.timedelta64(1, "s")
    assert samples(seconds, "X", FLOAT32).tolist() == [0, 86400]
    z = ROWS + 1j
    assert samples(np.stack([z.real, z.imag], axis=-1), "X", FLOAT32).shape == (2, 3, 2)
    assert samples(np.array(list(map(abs, ROWS))), "X", FLOAT32).shape == (2, 3)


@pytest.mark.parametrize("X", [[ROWS[:1], ROWS], [[1.0, 2.0, 3.0], [1.0]]])
def test_arrays_of_several_lengths_are_named_in_predictions_too(X):
    model = nn.Model(nn.Dense(3, 2, rng=0))
    with pytest.raises(ValueError, match=r"X is not one array of numbers: .*inhomogeneous"):
        model.predict(X)
