"""The disagreements that are known, each with its reason: what is not here fails the test.

A name may end in `*`. The long form fails too where an entry no longer occurs.
"""

# fmt: off
KNOWN = {  # (function, kind of disagreement): why
    ("isscalar", "value"): "a tensor is never a scalar to NumPy, as a 0-d array is none",
    ("linalg.lstsq", "value"): "residuals that are 0 but for rounding",
    ("ndarray.tobytes", "raises"): "a tensor is no buffer of bytes; its .data is",
}
# fmt: on


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
    stem = name.partition(".")[0] + ".*"
    return next((entry for entry in ((name, kind), (stem, kind)) if entry in KNOWN), None)
