"""The differences and the refusals that docs/coverage.md names; all else fails the test.

So does, in the long form, an entry that no longer occurs.
"""

import re

from docs.refusals import DIFFERENCES, REFUSALS
from tensorgrad.rules import UNSUPPORTED

LISTED = [*REFUSALS, *map(re.escape, set(UNSUPPORTED.values()))]


def unnamed(refusals):
    """Return the refusals that say what no entry of the table says."""
    return sorted(text for text in refusals if not any(re.search(r, text) for r in LISTED))


def entry_of(name, kind, text):
    """Return the entry of the table that a disagreement falls under, None if it is not known."""
    for functions, kinds, part in DIFFERENCES:
        if re.fullmatch(functions, name) and re.fullmatch(kinds, kind) and re.search(part, text):
            return functions, kinds, part
    return None


def stale(known):
    """Return the entries that none of the disagreements found falls under."""
    return sorted(entry for entry in DIFFERENCES if " · ".join(entry) not in known)
