"""The disagreements that are known and the refusals that are meant, each with its reason.

What is in no table fails the test; so does, in the long form, an entry that no longer occurs.
"""

import re

from tensorgrad.rules import UNSUPPORTED

# fmt: off
KNOWN = {  # (functions, kinds, part of the call or of what was found), as regular expressions: why
    ("array|asarray", "accepts", "Unable to avoid copy"): "copy=False of a tensor hands its own array over, in the order asked for",
    ("array|asarray", "raises", "Unable to avoid copy"): "a 0-d tensor holds a number, of which an array can only be a copy",
    ("array|asarray", "value", "Tensor"): "an array of objects holds the tensors themselves",
    ("array|asarray|f(max|min).*|(maxi|mini)mum.*", "value|raises", "longdouble"): "a list of 0-d tensors goes through float, which is shorter",
    ("concatenate|stack", "dtype", ">f8, found float64"): "the result has the machine's byte order",
    ("corrcoef", "wrong", ""): "collinear data lie on the bound to which NumPy clips, where the second derivative jumps",
    ("isscalar", "value", "True, found False"): "a tensor is never a scalar to NumPy, as a 0-d array is none",
    ("linalg.lstsq", "value", "e-3[0-9]"): "residuals that are 0 but for rounding",
    ("ndarray.tobytes", "raises|exception", "no attribute"): "a tensor is no buffer of bytes; its .data is",
    ("ndarray.getfield", "raises|exception", "no attribute"): "a part of a number's bytes has no gradient; its .data has it",
    ("operator.mul", "accepts|type", "sequence|list"): "a list times NumPy's number repeats the list, and a 0-d tensor multiplies it",
    ("operator.setitem|ndarray.fill|copyto", "raises|exception", "cannot convert (long)?(float|double)"): "an array of integers asks a tensor for an int, and Python's takes no NaN",
    ("pad", "value", "'empty'"): "what mode='empty' leaves undefined",
    ("quantile|percentile", "type", "Fraction"): "Fractions make an array of objects, and tensors hold numbers",
}
REFUSALS = {  # what a refusal says: why it is right
    "would lose the gradient": "a function that NumPy does not dispatch sees an array, which has no gradient",
    "cannot write": "a tensor is a value, and out= an array to write to",
    "takes no tensor as": "an axis, a mask or a count has no gradient, and is no part of the graph",
    "cannot be differentiated with the keyword": "a keyword that a rule does not know would be lost",
    "has no keyword|takes no|has no .*=": "a keyword that the composition does not know would be lost",
    "of tensors: (got an unexpected|too many)": "an argument that the composition does not know would be lost",
    "have no gradient|has no gradient": "nothing determines these vectors, or nobody declared a rule",
    "a tensor calculates with": "objects, texts, times, masks and units have no place in an array of numbers",
    **{re.escape(reason): "listed as unsupported in docs/coverage.md" for reason in set(UNSUPPORTED.values())},
}
# fmt: on


def unnamed(refusals):
    """Return the refusals that say what no entry of the table says."""
    return sorted(text for text in refusals if not any(re.search(r, text) for r in REFUSALS))


def entry_of(name, kind, text):
    """Return the entry of the table that a disagreement falls under, None if it is not known."""
    for functions, kinds, part in KNOWN:
        if re.fullmatch(functions, name) and re.fullmatch(kinds, kind) and re.search(part, text):
            return functions, kinds, part
    return None


def stale(known):
    """Return the entries that none of the disagreements found falls under."""
    return sorted(entry for entry in KNOWN if " · ".join(entry) not in known)
