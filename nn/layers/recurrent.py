"""Recurrent layers: a state that is carried from step to step, in cells and over sequences."""

from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import Seed, argument_text, count, register
from nn.layers.init import Initializer, initialize
from nn.layers.parts import WithBiases, check_input, check_mask, floating
from nn.seeding import generator


class Recurrent(WithBiases):
    """Base of recurrent cells and layers, with the weights of inputs and of states.

    Raises: ValueError if a size is not a positive integer.
    """

    n_gates: ClassVar[int]
    n_states: ClassVar[int] = 1  # arrays in a state
    recurrent_weights: tg.Tensor
    recurrent_biases: tg.Tensor

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        *,
        initializer: str | Initializer = "glorot",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        kind = type(self).__name__
        self.n_inputs = count(n_inputs, f"n_inputs of {kind}")
        self.n_neurons = count(n_neurons, f"n_neurons of {kind}")
        self._draw("", initializer, generator(rng), np.dtype(dtype))

    def _draw(
        self, prefix: str, initializer: str | Initializer, rng: np.random.Generator, dtype: np.dtype
    ) -> None:
        """Draw the parameters of one direction, each gate by itself."""
        D, H, gates = self.n_inputs, self.n_neurons, range(self.n_gates)
        W = [initialize(initializer, (D, H), rng, dtype) for _ in gates]
        R = [initialize("orthogonal", (H, H), rng, dtype) for _ in gates]
        first = {
            "weights": np.concatenate(W, axis=1), "recurrent_weights": np.concatenate(R, axis=1),
            "biases": self._first_biases(dtype),
            "recurrent_biases": np.zeros(self.n_gates * H, dtype),
        }  # fmt: skip
        for name, array in first.items():
            setattr(self, prefix + name, tg.Tensor(array, requires_grad=True))

    def _first_biases(self, dtype: np.dtype) -> np.ndarray:
        return np.zeros(self.n_gates * self.n_neurons, dtype)

    def _run(
        self, x: tg.Tensor, state: tuple[Any, ...], mask: Any, prefix: str = ""
    ) -> tuple[tg.Tensor, tuple[tg.Tensor, ...]]:
        """Return the outputs of all steps, and the arrays of the last state.

        Shapes: x (N, T, D), state of (N, H) -> (N, T, H), of (N, H).
        """
        raise NotImplementedError

    def _parameters(self, prefix: str) -> list[tg.Tensor]:
        names = ("weights", "recurrent_weights", "biases", "recurrent_biases")
        return [getattr(self, prefix + name) for name in names]

    def _first_state(self, state: Any, N: int, width: int) -> tuple[Any, ...]:
        """Return the arrays of a state that was given, or zeros.

        Raises: TypeError if it has another form; ValueError if it has another shape.
        """
        if state is None:
            return (np.zeros((N, width), self.dtype),) * self.n_states
        several = self.n_states > 1
        if several and not (isinstance(state, tuple | list) and len(state) == self.n_states):
            raise TypeError(
                f"the state of {self!r} is a pair (h, c) of arrays of shape ({N}, {width}), not "
                f"{argument_text(state)}"
            )
        arrays = tuple(state) if several else (state,)
        for array in arrays:
            if np.shape(array) != (N, width):
                raise ValueError(
                    f"{self!r} was given a state of shape {np.shape(array)}, but {N} samples need "
                    f"one of shape ({N}, {width})"
                )
        return tuple(
            floating(a if hasattr(a, "dtype") else np.asarray(a), self.dtype) for a in arrays
        )


class RNNSteps(Recurrent):
    """Base of RNNCell and RNN: h ← tanh(x W + b + h R + c)."""

    n_gates = 1

    def _run(
        self, x: tg.Tensor, state: tuple[Any, ...], mask: Any, prefix: str = ""
    ) -> tuple[tg.Tensor, tuple[tg.Tensor, ...]]:
        W, R, b, c = self._parameters(prefix)
        out = tg.rnn(x, state[0], W, R, b + c, mask)
        return out, (out[:, -1],)


class GRUSteps(Recurrent):
    """Base of GRUCell and GRU, with the gates r, z and n."""

    n_gates = 3

    def _run(
        self, x: tg.Tensor, state: tuple[Any, ...], mask: Any, prefix: str = ""
    ) -> tuple[tg.Tensor, tuple[tg.Tensor, ...]]:
        W, R, b, c = self._parameters(prefix)
        out = tg.gru(x, state[0], W, R, b, c, mask)
        return out, (out[:, -1],)


class LSTMSteps(Recurrent):
    """Base of LSTMCell and LSTM, with the gates i, f, g and o."""

    n_gates = 4
    n_states = 2

    def _first_biases(self, dtype: np.dtype) -> np.ndarray:
        biases = super()._first_biases(dtype)
        biases[self.n_neurons : 2 * self.n_neurons] = 1  # f is open at first, and c is remembered
        return biases

    def _run(
        self, x: tg.Tensor, state: tuple[Any, ...], mask: Any, prefix: str = ""
    ) -> tuple[tg.Tensor, tuple[tg.Tensor, ...]]:
        W, R, b, c = self._parameters(prefix)
        out = tg.lstm(x, state[0], state[1], W, R, b + c, mask)
        return out[:, :-1], (out[:, -2], out[:, -1])


CELL_LAYOUT = {
    "weights": ("weight_ih", (1, 0)), "recurrent_weights": ("weight_hh", (1, 0)),
    "biases": ("bias_ih", None), "recurrent_biases": ("bias_hh", None),
}  # fmt: skip


class Cell(Recurrent):
    """Base of cells: one step of a recurrence, for loops of one's own."""

    torch_layout = CELL_LAYOUT

    def forward(self, x: tg.Tensor, state: Any = None) -> Any:
        """Return the state after a step; before the first one it is zeros.

        Shapes: x (N, D), state (N, H) -> (N, H); for an LSTM a state is a pair (h, c) of these.
        Raises: TypeError if x or the state is of another kind; ValueError if a shape does not fit.
        """
        check_input(x, self, 2, self.n_inputs)
        x = floating(x, self.dtype)
        arrays = self._first_state(state, x.shape[0], self.n_neurons)
        _, after = self._run(np.expand_dims(x, 1), arrays, None)
        return after if self.n_states > 1 else after[0]


@register
class RNNCell(RNNSteps, Cell):
    """One step of an `RNN`: cell(x, h) is the next h.

    Shapes: x (N, D), h (N, H) -> (N, H), with D = n_inputs and H = n_neurons.
    Raises: ValueError if a size is not a positive integer.
    """


@register
class GRUCell(GRUSteps, Cell):
    """One step of a `GRU`: cell(x, h) is the next h.

    Shapes: x (N, D), h (N, H) -> (N, H), with D = n_inputs and H = n_neurons.
    Raises: ValueError if a size is not a positive integer.
    """


@register
class LSTMCell(LSTMSteps, Cell):
    """One step of an `LSTM`: cell(x, (h, c)) is the next pair (h, c).

    Shapes: x (N, D), h and c (N, H) -> (N, H) each, with D = n_inputs and H = n_neurons.
    Raises: ValueError if a size is not a positive integer.
    """


class OverSequences(Recurrent):
    """Base of the layers that run over whole sequences, in one node of the graph."""

    torch_layout = {
        prefix + ours: (f"{theirs}_l0{'_reverse' * bool(prefix)}", axes)
        for prefix in ("", "reverse_")
        for ours, (theirs, axes) in CELL_LAYOUT.items()
    }

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
        initializer: str | Initializer = "glorot",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        rng = generator(rng)
        super().__init__(n_inputs, n_neurons, initializer=initializer, rng=rng, dtype=dtype)
        self.return_sequences = bool(return_sequences)
        self.bidirectional = bool(bidirectional)
        if bidirectional:
            self._draw("reverse_", initializer, rng, np.dtype(dtype))

    def forward(
        self, x: tg.Tensor, state: Any = None, *, mask: Any = None, return_state: bool = False
    ) -> Any:
        """Return the last output, or that of each step with `return_sequences`.

        `state` is the one before the first step, zeros by default. `mask` is True for the steps
        that count; at others the state, which is the output, stays as it is. With `return_state`
        the result is a pair (outputs, state after the last step). Of a bidirectional layer, states
        are as wide as outputs.

        Shapes: x (N, T, D), state (N, S), mask (N, T) -> (N, S) or (N, T, S), with S = H, or 2 H if
        bidirectional; for an LSTM a state is a pair (h, c) of these.
        Raises: TypeError if x or the state is of another kind; ValueError if a shape does not fit.
        """
        check_input(x, self, 3, self.n_inputs)
        N, T, _ = x.shape
        if not T:
            raise ValueError(f"{self!r} takes sequences of one step or more, not of {x.shape}")
        x, mask = floating(x, self.dtype), check_mask(mask, (N, T), self)
        H = self.n_neurons
        arrays = self._first_state(state, N, 2 * H if self.bidirectional else H)
        if not self.bidirectional:
            out, after = self._run(x, arrays, mask)
        else:
            out, after = self._both_ways(x, arrays, mask)
        if not self.return_sequences:
            out = after[0]
        if not return_state:
            return out
        return out, (after if self.n_states > 1 else after[0])

    def _both_ways(
        self, x: tg.Tensor, state: tuple[Any, ...], mask: Any
    ) -> tuple[tg.Tensor, tuple[tg.Tensor, ...]]:
        """Run forward and, with the weights `reverse_...`, from the end; put the outputs together.

        Shapes: x (N, T, D), state of (N, 2 H) -> (N, T, 2 H), of (N, 2 H).
        """
        H = self.n_neurons
        out, after = self._run(x, tuple(s[:, :H] for s in state), mask)
        turned = None if mask is None else np.flip(mask, 1)
        behind = tuple(s[:, H:] for s in state)
        back, last = self._run(np.flip(x, 1), behind, turned, "reverse_")
        both = [np.concatenate(pair, axis=-1) for pair in zip(after, last, strict=True)]
        return np.concatenate([out, np.flip(back, 1)], axis=-1), tuple(both)


@register
class RNN(RNNSteps, OverSequences):
    """The simple recurrent layer h ← tanh(x W + b + h R + c) over sequences.

    The output is the last state h, or with `return_sequences` that of each step; a bidirectional
    layer runs from both ends and puts the outputs of each step together. W, R, b and c are
    `weights`, `recurrent_weights`, `biases` and `recurrent_biases`, and of the run from the end
    `reverse_weights` and so on. `initializer` is for W, as of `Dense`; R is drawn orthogonal.

    Shapes: x (N, T, D) -> (N, H) or (N, T, H), with D = n_inputs and H = n_neurons, 2 H if
    bidirectional.
    Raises: ValueError if a size is not a positive integer.
    Source: Elman (1990), Finding structure in time.
    """


@register
class GRU(GRUSteps, OverSequences):
    """The gated recurrent unit over sequences: h ← (1 - z) n + z h.

    The gates are r, z = σ(x W + b + h R + c) and n = tanh(x W + b + r (h R + c)), each with its own
    third of the weights. The arguments are as of `RNN`.

    Shapes: x (N, T, D) -> (N, H) or (N, T, H), with D = n_inputs and H = n_neurons, 2 H if
    bidirectional.
    Raises: ValueError if a size is not a positive integer.
    Source: Cho et al. (2014), arXiv:1406.1078, with r after the product, as in PyTorch.
    """


@register
class LSTM(LSTMSteps, OverSequences):
    """The long short-term memory over sequences: c ← f c + i g, h ← o tanh(c).

    The gates i, f, o = σ(x W + b + h R + c') and g = tanh(x W + b + h R + c') have each its own
    fourth of the weights, in the order i, f, g, o; the biases of f are 1 at first. A state is a
    pair (h, c). The arguments are as of `RNN`.

    Shapes: x (N, T, D) -> (N, H) or (N, T, H), with D = n_inputs and H = n_neurons, 2 H if
    bidirectional.
    Raises: ValueError if a size is not a positive integer.
    Source: Hochreiter and Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber and Cummins
    (2000), Learning to forget.
    """
