"""The random numbers of all that is given no generator: manual_seed."""

import numpy as np

from nn.config import Seed, argument_text

_root: list[np.random.Generator] = []  # empty, or the one that all others come from


def manual_seed(seed: int) -> None:
    """Fix the random numbers of everything that is made from now on without an `rng` or a `seed`.

    These are the weights of layers, dropout, the order of samples, and synthetic data. NumPy's own
    np.random.seed has no effect on them.
    Raises: ValueError if the seed is not an integer of at least 0.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"a seed must be an integer of at least 0, not {seed!r}")
    _root[:] = [np.random.default_rng(seed)]


def generator(rng: Seed = None) -> np.random.Generator:
    """Return a generator: the one given, one from this seed or, for None, a new one.

    After `manual_seed`, new ones follow from its seed.
    Raises: TypeError or ValueError if no generator can be made of it.
    """
    if rng is None and _root:
        return _root[0].spawn(1)[0]
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "rng and seed take an integer of at least 0 or a numpy.random.Generator, not "
            f"{rng if isinstance(rng, int) else argument_text(rng)}: {error}"
        ) from error
