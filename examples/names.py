"""A character LSTM invents names, and predicts names that it has not seen better than trigrams do.

Run: python -m examples.names [--help]
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

import nn
from examples.options import common_options, parse, positive
from examples.terminal import run
from nn.data import pad

END, LETTERS = 0, "abcdefghijklmnopqrstuvwxyz"
# fmt: off
FIRST = ("al", "bel", "bran", "cor", "dar", "el", "fen", "gal", "hal", "is", "kel", "lor", "mar",
         "nor", "or", "per", "quin", "ros", "sel", "tor", "ul", "ver", "wil", "yor")
MIDDLE = ("", "a", "an", "e", "en", "i", "in", "o", "or", "u")
LAST = (("a", "ia", "elle", "ine", "wyn", "ra", "issa"),
        ("ric", "don", "mund", "as", "win", "gar", "eth"))
# fmt: on


def make_names(seed: int = 0) -> list[str]:
    """Return names, each once, made of three parts: how a name ends depends on how it begins.

    Names with a first part of an even number end softly, the others hard, and a vowel is left out
    beside another, so that what comes next depends on what came long before.
    """
    names = []
    for (i, first), middle in product(enumerate(FIRST), MIDDLE):
        for last in LAST[i % 2]:
            joined = first + middle
            if joined[-1] in "aeiou" and last[0] in "aeiou":
                joined = joined[:-1]
            names.append(joined + last)
    names = list(dict.fromkeys(names))
    return [names[k] for k in np.random.default_rng(seed).permutation(len(names))]


def encoded(names: Sequence[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return letters as integers with the mask of those that count, and the next ones.

    A name begins and ends with END. Shapes: -> x and mask (N, T), y (N, T).
    """
    ids = [[END, *(LETTERS.index(letter) + 1 for letter in name), END] for name in names]
    symbols, mask = pad(ids)
    return {"x": symbols[:, :-1], "mask": mask[:, 1:]}, symbols[:, 1:]


def network(n_neurons: int = 64, seed: int = 0) -> nn.Sequential:
    """Return an LSTM that predicts the next letter at each step."""
    rng, n = np.random.default_rng(seed), len(LETTERS) + 1
    return nn.Sequential(
        nn.Embedding(n, 16, rng=rng),
        nn.LSTM(16, n_neurons, return_sequences=True, rng=rng),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(n_neurons, n, initializer="lecun", rng=rng),
    )


def trigram_loss(known: Sequence[str], unseen: Sequence[str]) -> float:
    """Return the loss of counts: of three letters, two, one and none, in shares that fit best.

    The shares are chosen for the unseen names themselves, which flatters the baseline.
    Units: nats per letter.
    """
    X, y = encoded(known)
    Z, z = encoded(unseen)
    n = len(LETTERS) + 1

    def contexts(x: np.ndarray, k: int) -> np.ndarray:
        """Count the last k letters as one number. Shapes: x (N, T) -> (N, T)."""
        code = np.zeros_like(x)
        for back in range(k):
            before = np.pad(x, ((0, 0), (back, 0)))[:, : x.shape[1]]
            code = code * n + before
        return code

    right = []
    for k in range(4):
        counts = np.zeros((n**k, n))
        np.add.at(counts, (contexts(X["x"], k)[X["mask"]], y[X["mask"]]), 1)
        rows = counts[contexts(Z["x"], k)[Z["mask"]]]
        total = rows.sum(axis=1)
        chosen = rows[np.arange(len(rows)), z[Z["mask"]]]
        right.append(np.where(total > 0, chosen / np.maximum(total, 1), 1 / n))
    right.append(np.full(len(rows), 1 / n))
    shares = np.full(5, 0.2)
    for _ in range(200):  # the EM algorithm of a mixture
        parts = shares[:, None] * np.array(right)
        shares = np.mean(parts / parts.sum(axis=0), axis=1)
    return float(-np.mean(np.log(shares @ np.array(right))))


def invented(model: nn.Model, n: int, **settings: Any) -> list[str]:
    """Draw n names that end."""
    rows = nn.generate(model, np.full((n, 1), END), 20, **settings)[:, 1:]
    ends = np.where((rows == END).any(axis=1), (rows == END).argmax(axis=1), rows.shape[1])
    return ["".join(LETTERS[i - 1] for i in row[:k]) for row, k in zip(rows, ends, strict=True)]


def main(argv: Sequence[str] | None = None) -> None:
    """Train, compare with trigrams on unseen names, and invent some."""
    options = common_options(epochs=40)
    options |= {"--neurons": {"type": positive, "default": 64, "help": "neurons of the LSTM"}}
    args = parse("names", __doc__, options, argv)
    names = make_names()
    known, unseen = names[300:], names[:300]
    model = nn.Model(network(args.neurons, args.seed))
    rate: Any = nn.schedules.one_cycle(1e-2, args.epochs * -(-len(known) // 64))
    model.set(
        loss=nn.CategoricalCrossentropy(from_logits=True),
        optimizer=nn.Adam(learning_rate=rate),
        metrics=[nn.Perplexity(from_logits=True)],
    )
    model.finalize()
    model.train(*encoded(known), epochs=args.epochs, batch_size=64, print_every=0, seed=args.seed)
    found = model.evaluate(*encoded(unseen), verbose=False)
    print(f"{len(known)} names to learn from, {len(unseen)} that were not seen")
    print(f"trigrams  loss {trigram_loss(known, unseen):.3f} nats per letter")
    perplexity = found.metrics["perplexity"]
    print(f"LSTM      loss {found.loss:.3f} nats per letter, perplexity {perplexity:.2f}")
    for temperature in (0.5, 1.0):
        drawn = invented(model, 12, temperature=temperature, rng=args.seed)
        new = sum(name not in known for name in drawn)
        print(f"temperature {temperature}: {', '.join(drawn)} ({new} of them new)")


if __name__ == "__main__":
    run(main)
