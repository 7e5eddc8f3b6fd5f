"""A small transformer learns to add numbers of three digits, and shows where it looks.

Run: python -m examples.addition [--help]
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import nn
import tensorgrad as tg
from examples.options import common_options, parse, positive
from examples.pictures import save_figure
from examples.terminal import run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SYMBOLS = "0123456789+="
OUT = Path("runs/addition")
ANSWER = 4  # digits of a sum, the last one first, because a carry comes from behind


def problems(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the symbols of sums such as 123+456= with their answers, the last digit first.

    Shapes: a and b (N,) -> (N, 12).
    """
    plus, equals = (np.full((len(a), 1), SYMBOLS.index(symbol)) for symbol in "+=")
    powers = 10 ** np.arange(3)[::-1]
    digits = [x[:, None] // powers % 10 for x in (a, b)]
    answers = (a + b)[:, None] // 10 ** np.arange(ANSWER) % 10
    return np.concatenate([digits[0], plus, digits[1], equals, answers], axis=1)


def network(*, n_features: int = 64, n_blocks: int = 2, seed: int = 0) -> nn.Sequential:
    """Return a transformer that predicts the next symbol at each step.

    Shapes: x (N, T) of integers -> logits (N, T, 12).
    """
    rng, n = np.random.default_rng(seed), len(SYMBOLS)
    blocks = [nn.TransformerBlock(n_features, 4, causal=True, rng=rng) for _ in range(n_blocks)]
    return nn.Sequential(
        nn.Embedding(n, n_features, rng=rng),
        nn.PositionalEncoding(n_features),
        *blocks,
        nn.LayerNorm(n_features),
        nn.Dense(n_features, n, initializer="lecun", rng=rng),
    )


def samples(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw n different pairs of numbers up to 999. Shapes: -> (n,), (n,)."""
    pairs = rng.choice(1_000_000, n, replace=False)
    return pairs // 1000, pairs % 1000


def train(
    net: nn.Sequential, symbols: np.ndarray, *, epochs: int, batch_size: int = 128, seed: int = 0
) -> None:
    """Train on the digits of the answers, in an explicit loop.

    Shapes: symbols (N, 12).
    """
    rng, loss_of = np.random.default_rng(seed), nn.CategoricalCrossentropy(from_logits=True)
    steps = epochs * -(-len(symbols) // batch_size)
    rate = nn.schedules.one_cycle(3e-3, max(steps, 2))
    optimizer = nn.Adam(net.parameters(), learning_rate=rate, clip_norm=1.0)
    for epoch in range(epochs):
        order, total = rng.permutation(len(symbols)), 0.0
        for start in range(0, len(symbols), batch_size):
            part = symbols[order[start : start + batch_size]]
            logits = net(part[:, :-1])[:, -ANSWER:]  # the problem itself is not to be predicted
            loss = loss_of(logits, part[:, -ANSWER:])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item() * len(part)
        print(f"epoch: {epoch + 1}, loss: {total / len(symbols):.4f} nats per digit", flush=True)


def accuracy(net: nn.Sequential, symbols: np.ndarray) -> float:
    """Return the fraction of problems whose answer is right in all digits.

    Shapes: symbols (N, 12).
    """
    found = nn.generate(net, symbols[:, :-ANSWER], ANSWER, temperature=0)
    return float(np.mean(np.all(found == symbols, axis=1)))


def attention_figure(net: nn.Sequential, a: int, b: int) -> "Figure":
    """Draw where each head of each block looks while it writes an answer."""
    from matplotlib.figure import Figure

    symbols = problems(np.array([a]), np.array([b]))
    blocks = [layer for layer in net if isinstance(layer, nn.TransformerBlock)]
    figure = Figure(figsize=(11.5, 2.5 * len(blocks)), layout="constrained")
    axes = figure.subplots(len(blocks), blocks[0].n_heads, squeeze=False)
    names = [SYMBOLS[i] for i in symbols[0]]
    with tg.no_grad():
        h = net[1](net[0](symbols[:, :-1]))
        for i, block in enumerate(blocks):
            _, weights = block.attention(block.norm_1(h), causal=True, return_weights=True)
            h = block(h)
            for ax, shares in zip(axes[i], weights.data[0, :, -ANSWER:], strict=True):
                ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
                ax.set_xticks(range(shares.shape[1]), names[:-1])
                ax.set_yticks(range(ANSWER), names[-ANSWER:])
            axes[i, 0].set_ylabel(f"block {i + 1}\nwrites")
    for k, ax in enumerate(axes[0]):
        ax.set_title(f"head {k + 1}", fontsize=10)
    figure.suptitle(f"{a} + {b} = {a + b}, written from its last digit: where each head looks")
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Train, measure on problems that were not seen, and draw the attention."""
    options = common_options(epochs=14, out=OUT) | {
        "--problems": {"type": positive, "default": 20_000, "help": "sums to learn from"},
        "--features": {"type": positive, "default": 64, "help": "features of each step"},
    }
    args = parse("addition", __doc__, options, argv)
    symbols = problems(*samples(np.random.default_rng(args.seed), args.problems + 2000))
    net = network(n_features=args.features, seed=args.seed)
    train(net, symbols[2000:], epochs=args.epochs, seed=args.seed)
    print(f"right answers to 2000 problems that were not seen: {accuracy(net, symbols[:2000]):.2%}")
    args.out.mkdir(parents=True, exist_ok=True)
    save_figure(attention_figure(net, 356, 847), args.out / "attention.png")
    print("wrote", args.out / "attention.png")


if __name__ == "__main__":
    run(main)
