"""Where the values come from that a function takes from outside, and where it writes them."""

from typing import Any, NamedTuple

import numpy as np


class Source(NamedTuple):
    """A tensor."""

    tensor: Any

    def read(self) -> Any:
        """Return the array at present."""
        return self.tensor._value

    def write(self, value: Any) -> None:
        """Give it another array."""
        self.tensor._value = value

    def name(self, known: dict[int, str]) -> str:
        """Return the name of the array in a program."""
        return self.tensor.name or known.get(id(self.tensor)) or "parameter"

    def path(self, known: dict[int, str]) -> str:
        """Return the dotted names of the objects that lead to the tensor, and its own."""
        whole, own = known.get(id(self.tensor)), self.tensor.name
        if own and whole and whole.rpartition(".")[2] != own:  # which the user gave
            return own
        return whole or self.name(known)


class GradSource(NamedTuple):
    """The gradient that a leaf holds."""

    tensor: Any

    def read(self) -> Any:
        """Return the array at present."""
        return self.tensor.grad._value

    def name(self, known: dict[int, str]) -> str:
        """Return the name of the array in a program."""
        return f"grad_{Source(self.tensor).name(known)}"

    def path(self, known: dict[int, str]) -> str:
        """Return the dotted names of the objects that lead to the tensor, and its own."""
        return f"grad_{Source(self.tensor).path(known)}"


class Fixed(NamedTuple):
    """An object that stays the same, such as a generator of random numbers."""

    value: Any

    def read(self) -> Any:
        """Return the object."""
        return self.value


class BufferSource(NamedTuple):
    """An array among the attributes of an object: a buffer, which its module writes to."""

    attributes: dict[str, Any]
    key: str

    def read(self) -> Any:
        """Return the array at present."""
        return self.attributes[self.key]

    def write(self, value: Any) -> None:
        """Give it another array."""
        self.attributes[self.key] = value

    def name(self, known: dict[int, str]) -> str:
        """Return the name of the array in a program."""
        return self.key

    def path(self, known: dict[int, str]) -> str:
        """Return the dotted names of the objects that lead to the array, and its own."""
        owner = known.get(id(self.attributes))
        return f"{owner}.{self.key}" if owner else self.key


def generator_state(generator: Any) -> Any:
    """Return a copy of a generator's state."""
    if isinstance(generator, np.random.RandomState):
        return generator.get_state()
    return generator.bit_generator.state


def set_generator_state(generator: Any, state: Any) -> None:
    """Put a generator's state back."""
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
