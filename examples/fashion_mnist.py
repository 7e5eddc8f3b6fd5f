"""Fashion-MNIST end to end: train the book's network, evaluate it, show it pictures of your own.

Run: python -m examples.fashion_mnist [train|evaluate|predict] [--help]
"""

import argparse
import itertools
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import nn
import tensorgrad as tg
from examples.photo import read_photo
from examples.pictures import (
    confusion_figure,
    confusion_matrix,
    predictions_figure,
    save_figure,
    seen_figure,
)

NAMES = nn.datasets.FASHION_MNIST_CLASSES
OUT = Path("runs/fashion_mnist")
MODEL = "model.safetensors"


def scaled(images: np.ndarray) -> np.ndarray:
    """Pixels as the network takes them.

    Shapes: (N, 28, 28) -> (N, 784).
    Units: 0..255 -> -1..1.
    """
    return (images.reshape(len(images), -1).astype(np.float32) - 127.5) / 127.5


def build(args: argparse.Namespace) -> nn.Model:
    """The book's network: Dense and ReLU as often as there are hidden sizes, then Softmax."""
    rng = np.random.default_rng(args.seed)
    model = nn.Model()
    sizes = [784, *args.hidden]
    for n, m in itertools.pairwise(sizes):
        dense = nn.Dense(n, m, weight_regularizer_l2=args.l2, initializer=args.initializer, rng=rng)
        model.add(dense)
        model.add(nn.ReLU())
        if args.dropout:
            model.add(nn.Dropout(args.dropout, rng=rng))
    model.add(nn.Dense(sizes[-1], len(NAMES), initializer=args.initializer, rng=rng))
    model.add(nn.Softmax())
    model.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.Adam(learning_rate=args.learning_rate, decay=args.decay),
        accuracy=nn.CategoricalAccuracy(),
    )
    model.finalize()
    return model


def load_data(args: argparse.Namespace) -> nn.datasets.FashionMNIST:
    """The data set, with a word on where it came from; garments drawn here are announced loudly."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", nn.datasets.SyntheticDataWarning)
        data = nn.datasets.fashion_mnist(args.data)
    for warning in caught:
        print(f"\n*** {warning.message} ***\n", file=sys.stderr)
    print(f"data: {data.source}: {len(data.X_train):,} to learn from, {len(data.X_test):,} to test")
    return data


def train(args: argparse.Namespace) -> None:
    """Train, save the model, and draw what happened."""
    model = nn.Model.load(args.resume) if args.resume else build(args)
    args.out.mkdir(parents=True, exist_ok=True)
    data = load_data(args)
    X, X_test = scaled(data.X_train), scaled(data.X_test)
    print(model.summary((784,)))
    # Going on from a file goes on with its order of samples, too, as if there had been no pause.
    seed = None if args.resume else args.seed
    try:
        model.train(
            X,
            data.y_train,
            epochs=args.epochs,
            batch_size=args.batch_size,
            validation_data=(X_test, data.y_test),
            print_every=100,
            seed=seed,
        )
    except KeyboardInterrupt:
        if not model.history.steps["loss"]:
            raise
        print("\ninterrupted: keeping what was learned so far")
    model.save(args.out / MODEL)
    print("wrote", args.out / MODEL)
    draw_results(model, data, args.out)
    draw_step(model, X[: args.batch_size], data.y_train[: args.batch_size], args.out)


def draw_results(model: nn.Model, data: nn.datasets.FashionMNIST, out: Path) -> None:
    """The curves, some predictions, and what was taken for what."""
    model.history.plot(out / "history.png")
    probabilities = model.predict(scaled(data.X_test))
    wrong = probabilities.argmax(axis=1) != data.y_test
    # As they come, then some of the wrong ones, which teach more.
    shown = np.concatenate([np.arange(len(wrong))[:24], np.flatnonzero(wrong[24:])[:16] + 24])
    save_figure(
        predictions_figure(data.X_test[shown], probabilities[shown], data.y_test[shown], NAMES),
        out / "predictions.png",
    )
    matrix = confusion_matrix(probabilities.argmax(axis=1), data.y_test, len(NAMES))
    save_figure(confusion_figure(matrix, NAMES), out / "confusion.png")
    for name in ("history.png", "predictions.png", "confusion.png"):
        print("wrote", out / name)


def draw_step(model: nn.Model, X: np.ndarray, y: np.ndarray, out: Path) -> None:
    """The graph of one training step, which leaves the parameters as they are."""
    model.module.zero_grad()
    with tg.trace() as step:
        pictures, labels = tg.Tensor(X, name="pictures"), tg.Tensor(y, name="labels")
        loss = model.loss(model.module(pictures), labels)
        loss.name = "loss"
        loss.backward()
    model.module.zero_grad()
    drawing = step.draw(title="one step of Fashion-MNIST")
    for name in ("graph.dot", "graph.svg", "graph.html"):
        try:
            print("wrote", drawing.save(out / name))
        except (ImportError, RuntimeError) as note:
            print(f"no {name}: {note}")


def evaluate(args: argparse.Namespace) -> None:
    """The loss and accuracy of a saved model on the test pictures, class by class."""
    model = load_model(args)
    data = load_data(args)
    model.evaluate(scaled(data.X_test), data.y_test)
    predicted = model.predict(scaled(data.X_test)).argmax(axis=1)
    for k, name in enumerate(NAMES):
        of_class = data.y_test == k
        if of_class.any():
            print(f"{name:>12}  {np.mean(predicted[of_class] == k):.3f}")


def predict(args: argparse.Namespace) -> None:
    """What a saved model makes of pictures from files."""
    model = load_model(args)
    seen = np.stack([read_photo(path) for path in args.images])
    probabilities = model.predict(scaled(seen))
    args.out.mkdir(parents=True, exist_ok=True)
    stems = [path.stem for path in args.images]
    for k, (path, image, p) in enumerate(zip(args.images, seen, probabilities, strict=True)):
        print(f"\n{path}: {NAMES[p.argmax()]}")
        for c in np.argsort(-p):
            print(f"  {NAMES[c]:>12} {'█' * round(30 * float(p[c])):<30} {p[c]:7.2%}")
        number = f"_{k}" if stems.count(path.stem) > 1 else ""
        picture = args.out / f"seen_{path.stem}{number}.png"
        save_figure(seen_figure(image, p, NAMES), picture)
        print(f"  what the network saw: {picture}")


def load_model(args: argparse.Namespace) -> nn.Model:
    path = args.model or args.out / MODEL
    if not Path(path).exists():
        raise SystemExit(
            f"error: there is no model at {path}; train one first, with "
            "python -m examples.fashion_mnist train"
        )
    return nn.Model.load(path)


def positive(text: str) -> int:
    if (n := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {n}")
    return n


# fmt: off
OUT_FOLDER = {"--out": dict(type=Path, default=OUT, help="folder of the model and the pictures")}
DATA = {"--data": dict(type=Path, help="folder or zip of the data, instead of $TENSORGRAD_DATA, the cache or a download")}
SAVED = {"--model": dict(type=Path, help=f"the model's file, instead of {MODEL} in --out")}
TRAIN = {
    "--epochs":        dict(type=positive, default=10, help="how often to go through the data"),
    "--batch-size":    dict(type=positive, default=128, help="samples per step"),
    "--hidden":        dict(type=positive, nargs="+", default=[128, 128], help="sizes of the hidden layers"),
    "--initializer":   dict(choices=["book", "he", "glorot"], default="book", help="how weights start"),
    "--learning-rate": dict(type=float, default=1e-3, help="of Adam"),
    "--decay":         dict(type=float, default=1e-3, help="learning rate / (1 + decay * steps)"),
    "--dropout":       dict(type=float, default=0.0, help="fraction dropped after each hidden layer"),
    "--l2":            dict(type=float, default=0.0, help="L2 regularization of the hidden weights"),
    "--seed":          dict(type=int, default=0, help="of weights, dropout and the order of samples"),
    "--resume":        dict(type=Path, help="a saved model to go on from; its own settings hold"),
}
IMAGES = {"images": dict(type=Path, nargs="+", metavar="IMAGE", help="picture files of any size")}
COMMANDS = {
    "train":    (train,    TRAIN | DATA | OUT_FOLDER),
    "evaluate": (evaluate, SAVED | DATA | OUT_FOLDER),
    "predict":  (predict,  IMAGES | SAVED | OUT_FOLDER),
}
# fmt: on


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m examples.fashion_mnist", description=__doc__.splitlines()[0]
    )
    commands = top.add_subparsers(dest="command")
    for name, (function, options) in COMMANDS.items():
        summary = function.__doc__.splitlines()[0]
        command = commands.add_parser(
            name,
            help=summary,
            description=summary,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        command.set_defaults(function=function)
        for option, details in options.items():
            command.add_argument(option, **details)
    return top


def main(argv: Sequence[str] | None = None) -> None:
    """Parse and run; without a command, train."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv.insert(0, "train")
    args = parser().parse_args(argv)
    try:
        args.function(args)
    except (FloatingPointError, ImportError, OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
