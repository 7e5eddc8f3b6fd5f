"""The disagreements that are known and the refusals that are meant, each with its reason.

What is in no table fails the test; so does, in the long form, an entry that no longer occurs.
"""

import re

from tensorgrad.rules import UNSUPPORTED

# fmt: off
KNOWN = {  # (function, kind of disagreement): why
    ("isscalar", "value"): "a tensor is never a scalar to NumPy, as a 0-d array is none",
    ("linalg.lstsq", "value"): "residuals that are 0 but for rounding",
    ("ndarray.tobytes", "raises"): "a tensor is no buffer of bytes; its .data is",
}
REFUSALS = {  # what a refusal says: why it is right
    "would lose the gradient": "a function that NumPy does not dispatch sees an array, which has no gradient",
    "cannot write": "a tensor is a value, and out= an array to write to",
    "takes no tensor as": "an axis, a mask or a count has no gradient, and is no part of the graph",
    "cannot be differentiated with the keyword": "a keyword that a rule does not know would be lost",
    "has no keyword|takes no|has no .*=": "a keyword that the composition does not know would be lost",
    "of tensors: (got an unexpected|too many)": "an argument that the composition does not know would be lost",
    "have no gradient|has no gradient": "nothing determines these vectors, or nobody declared a rule",
    "a tensor calculates with numbers": "an array of objects, texts or times has no gradient",
    **{re.escape(reason): "listed as unsupported in docs/coverage.md" for reason in set(UNSUPPORTED.values())},
}
# fmt: on


def unnamed(refusals):
    """The refusals that say what no entry of the table says."""
    return sorted(text for text in refusals if not any(re.search(r, text) for r in REFUSALS))


def unknown(found):
    """The disagreements that the table does not have, of the keys of a report's examples."""
    return sorted(key for key in found if entry_of(key) is None)


def stale(found):
    """The entries of the table that nothing found needs."""
    needed = {entry_of(key) for key in found}
    return sorted(entry for entry in KNOWN if entry not in needed)


def entry_of(key):
    """The entry for "function mode kind"."""
    name, _mode, kind = key.split()
    return (name, kind) if (name, kind) in KNOWN else None
