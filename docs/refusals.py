"""The refusals and the differences that the page of all NumPy functions names, each with its reason.

`tests/numpy_suite` runs NumPy's own tests on tensors and accepts nothing else than what stands here.
"""

# fmt: off
REFUSALS = {  # what the error says, as a regular expression: what is refused, why, and what to write
    "would lose the gradient": (
        "an ndarray or a Python number made of a tensor that requires a gradient, as functions marked with * make it",
        "neither has a gradient",
        "`.data` or `.item()` on purpose, `np.stack` for a list of tensors, `np.zeros_like(tensor)` to write tensors into"),
    "cannot write": (
        "`out=`, and `array += tensor`",
        "`out` is an array, and has no gradient",
        "the returned tensor, `array = array + tensor`"),
    "cannot be written to while recording": (
        "a write into a leaf",
        "it would stop being a leaf",
        "a write under `no_grad()`, to its `.data`, or into a copy"),
    "cannot take, in place": (
        "an operation in place whose result has another shape or dtype",
        "the tensor could not hold it",
        "`t = t @ other`"),
    "depends on the layout in memory": (
        "`order='A'` and `order='K'`",
        "the gradient would depend on the layout in memory",
        "`order='C'` or `order='F'`"),
    "takes no tensor as": (
        "a tensor as a keyword, such as an axis, a mask or a count",
        "only operands have a gradient",
        "its `.data` or `.item()`"),
    "cannot be differentiated with the keyword|has no keyword|has no mode|of tensors: (got an unexpected|too many|missing)": (
        "a keyword that a rule or a composite does not know",
        "it would be ignored",
        "the call without it, or `.data`"),
    "(columns|vectors) .*have no gradient|eigenvalues of a matrix without": (
        "the gradient of vectors that a decomposition is free to choose",
        "the matrix does not determine them",
        "`mode='reduced'`, `full_matrices=False`, absolute values"),
    "has no gradient rule|has no gradient with respect to|has no gradient in mode": (
        "a function, or an argument of it, without a rule",
        "the gradient would be lost",
        "`tensorgrad.rule`, or `.data`"),
    "in another dtype has no gradient|of dtype .* which has no gradient|objects, texts or times has no gradient": (
        "a view of a recorded tensor as numbers of another dtype, and its conversion to objects, texts or times",
        "bits, objects and texts have no gradient",
        "`.astype` to a dtype of numbers"),
    "a tensor calculates with": (
        "objects, texts, times, masked arrays, matrices and units as operands",
        "a tensor holds numbers, and would lose the rest",
        "floats, `np.asarray(…)`, `.filled(…)`"),
}
DIFFERENCES = {  # (functions, kinds of difference, part of the call or of the result), as regular expressions: why
    ("array|asarray", "accepts", "Unable to avoid copy"): "`np.asarray(tensor, copy=False)` returns the tensor's own array, in any order.",
    ("array|asarray", "raises", "Unable to avoid copy"): "A tensor without axes holds a number, so that an array of it is a copy, whatever `copy=` says.",
    ("array|asarray", "value", "Tensor|'object'"): "An array of objects made of tensors holds the tensors themselves.",
    ("array", "accepts|raises", "Inconsistent object|with a sequence"): "`np.array` does not convert a list of tensors without axes and texts, or of sequences that change meanwhile, as numbers.",
    ("array", "shape", r"dtype='\(|dtype\(\("): "A dtype with a shape, such as `'(2,)i'`, adds its axes twice.",
    ("array|asarray|f(max|min).*|(maxi|mini)mum.*", "value|raises", "longdouble|float128|complex256"): "NumPy converts a list of tensors without axes by `float`, so that a `longdouble` is rounded.",
    ("clip", "accepts", "missing 1 required"): "`np.clip` of a tensor takes a single bound, as the method does.",
    ("concatenate|stack", "dtype", ">f8, found float64"): "The result of `np.concatenate` and `np.stack` has the machine's byte order.",
    ("corrcoef", "wrong", ""): "Where data are collinear, `np.corrcoef` lies on the bound to which NumPy clips it, and a second derivative jumps.",
    ("isscalar", "value", "True, found False"): "`np.isscalar` of a tensor is False, as of an array without axes.",
    ("ndarray.getfield", "raises|exception", "no attribute"): "A tensor has no `getfield`, because a part of a number's bytes has no gradient; its `.data` has it.",
    ("operator.mul", "accepts|type", r"sequence|list|tuple|\(1, 2"): "A list times a tensor without axes is a product of arrays, where NumPy's number repeats the list.",
    (r"operator\..*|builtins.divmod", "type", "MyType"): "`tensor * other` is for `other` to compute if it has an `__array_ufunc__` of its own.",
    ("operator.setitem", "exception", "0-dimensional"): "A write at an index into a tensor without axes raises an IndexError, as for an array.",
    ("operator.setitem|ndarray.fill|copyto", "raises|exception", "cannot convert (long)?(float|double)"): "NaN or an infinity in a tensor raises an error if it is written into an array of integers.",
    ("minimum|maximum", "type", "in NumPy, but"): "The result of a tensor and an object with `__array_wrap__` is a tensor.",
    (".*", "raises", "must be an array|must be of ArrayType"): "`out=` takes no tensor without axes, which holds a number.",
    (".*", "dtype|type|accepts", r"object, found|object.* int, found int64|=object\)\).*arrays used as ind"): "An array of objects that are numbers is an array of numbers.",
    (".*", "type", "out=.*found int64"): "Of a tensor without axes, integers are returned as numbers, also with `out=`.",
    ("concatenate|std", "exception|type", "Other object|DuckArray"): "An object with `__array_function__` beside a tensor is converted to an array.",
    ("ndarray.astype", "value", r"dtype\('u?int"): "Numbers beyond an integer dtype become any integer, as C leaves it undefined.",
    ("multiply.reduce", "type", "StringDType"): "`dtype=` of a reduction makes no texts of numbers.",
    ("ndarray.astype", "accepts", "_CopyMode"): "`astype` returns a new tensor, whatever `copy=` says.",
    ("ndarray.choose", "accepts", "at most"): "`choose` takes any number of choices.",
    ("ndarray.conj", "dtype", "bool, found int8"): "`conj` of a boolean tensor is of int8, as that of `np.conj` is.",
    ("partition", "wrong", ""): "Where elements are equal, `np.partition` has no unique gradient.",
    ("format_float.*", "value", ""): "`np.format_float_positional` and `np.format_float_scientific` of a tensor format its `float`.",
    ("pad", "value", "'empty'"): "The elements that `np.pad` with `mode='empty'` leaves undefined differ.",
    ("quantile|percentile", "type", "Fraction"): "Quantiles of Fractions are floats.",
}
# fmt: on
