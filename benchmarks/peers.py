"""The peers: one row each, with the packages and programs that it needs and the function that sets its threads."""

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


def _blas(n: int) -> None:
    _controller().limit(limits=n, user_api="blas")


@cache
def _controller() -> Any:
    import numpy  # noqa: F401  the controller finds only libraries that are loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _torch(n: int) -> None:
    import torch

    torch.set_num_threads(n)


def _own(_n: int) -> None:
    """Do nothing: JAX chooses its threads when it starts, and micrograd has only one."""


@dataclass(frozen=True)
class Peer:
    """A library or an implementation to compare with."""

    title: str
    needs: tuple[str, ...] = ()
    set_threads: Callable[[int], None] = _blas
    slow: bool = False  # takes seconds to begin, and is omitted by --quick


# fmt: off
PEERS = {
    "tensorgrad":     Peer("tensorgrad"),
    "compiled":       Peer("tensorgrad, compiled"),
    "torch":          Peer("PyTorch", ("torch",), _torch),
    "torch last":     Peer("PyTorch, channels last", ("torch",), _torch),
    "torch compiled": Peer("torch.compile", ("torch", "g++"), _torch, slow=True),
    "jax":            Peer("JAX jit", ("jax",), _own),
    "jax eager":      Peer("JAX eager", ("jax",), _own),
    "autograd":       Peer("HIPS autograd", ("autograd",)),
    "mygrad":         Peer("MyGrad", ("mygrad",)),
    "micrograd":      Peer("micrograd", ("micrograd",), _own),
    "tangent":        Peer("tangent-ad", ("tangent",)),
    "hand":           Peer("by hand"),
    "floor":          Peer("floor"),
    "numpy":          Peer("NumPy"),
    "smaller":        Peer("tensorgrad, 10⁵ nodes"),
}
# fmt: on


def missing(peer: str) -> str:
    """Return the first required package or program that is not installed, or an empty string."""
    return next((name for name in PEERS[peer].needs if not _installed(name)), "")


def _installed(name: str) -> bool:
    """Return True if there is such a package, or for a name that no package can have, such a program."""
    if name.isidentifier():
        return importlib.util.find_spec(name) is not None
    return shutil.which(name) is not None
