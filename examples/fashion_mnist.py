"""Fashion-MNIST: train a network, evaluate it, and classify your own pictures.

Run: python -m examples.fashion_mnist [train|evaluate|predict] [--help]
"""

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import nn
from examples.networks import augmented, cnn, load_data, mlp, pictures, scaled
from examples.options import (
    CHECKPOINT,
    DATA,
    IMAGES,
    MODEL,
    OUT,
    OUT_FOLDER,
    SAVED,
    SYNTHETIC_OUT,
    TRAIN,
    parser_of,
    report_ignored,
    set_defaults,
)
from examples.photo import read_photo
from examples.pictures import input_figure, save_figure
from examples.results import FILES, NAMES, draw_results, draw_step, write_predictor, write_step
from examples.terminal import bar, run, silence
from tensorgrad.files import check_output, write_file

DASHBOARD = "run.html"


def build(args: argparse.Namespace, steps: int) -> nn.Model:
    """Build the network, with a loss and an optimizer for a training of so many steps."""
    rng = np.random.default_rng(args.seed)
    rate = args.learning_rate
    if args.schedule == "one-cycle":
        rate = nn.schedules.one_cycle(rate, max(steps, 2))
    elif args.schedule == "decay":
        rate = nn.schedules.inverse_time(rate, args.decay)
    model = nn.Model((cnn if args.network == "cnn" else mlp)(args, rng))
    model.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.Adam(learning_rate=rate),
        accuracy=nn.CategoricalAccuracy(),
    )
    model.finalize()
    return model


def train(args: argparse.Namespace) -> None:
    """Train a network, save it, and draw its results."""
    if args.resume:
        report_ignored(args)
    set_defaults(args)
    processes = nn.distributed.MPI() if args.distributed else None
    follows = processes is not None and processes.rank > 0  # process 0 prints and writes
    if follows:
        silence()
    load = functools.partial(load_data, args)
    data = load() if processes is None else processes.first(load)
    choose_folder(args, data)
    steps = args.epochs * -(-len(data.X_train) // args.batch_size)
    model = nn.Model.load(args.resume) if args.resume else build(args, steps)
    if not follows:
        check_space(args.out, model)
    X, X_test = pictures(data.X_train), pictures(data.X_test)
    if isinstance(model.module[0], nn.Dense):  # which takes the pixels in a row
        X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    print(model.summary(X.shape[1:]))
    print("open", args.out / DASHBOARD, "in a browser to watch the training")
    fit(model, X, data.y_train, (X_test, data.y_test), args, processes)
    if not follows:
        write_results(model, X, data, args)


def fit(
    model: nn.Model,
    X: np.ndarray,
    y: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    args: argparse.Namespace,
    processes: nn.distributed.MPI | None,
) -> None:
    """Train the model, until the last epoch or an interruption after at least one step.

    Shapes: X (N, ...), y (N,).
    """
    # A resumed training continues with the order of samples of the file, as if not interrupted.
    seed = None if args.resume else args.seed
    samples = {"X": X, "y": y, "batch_size": args.batch_size, "seed": seed}
    if args.augment:
        samples = {"X": augmented(X, y, args)}
    try:
        model.train(
            **samples,
            epochs=args.epochs,
            validation_data=validation,
            print_every=100,
            callbacks=[
                nn.Dashboard(
                    args.out / DASHBOARD,
                    classes=NAMES,
                    image_shape=(28, 28),
                    graph="graph.html",
                    title="Training on Fashion-MNIST",
                ),
                nn.ModelCheckpoint(args.out / CHECKPOINT, args.checkpoint_every),
            ],
            distributed=processes,
        )
    except (KeyboardInterrupt, BrokenPipeError) as error:
        if not model.history.steps["loss"] or nn.is_half_step(error):
            raise
        if isinstance(error, BrokenPipeError):  # the model is worth more than its output
            silence()
        print("\ninterrupted: the model is saved as it is now")


def write_results(
    model: nn.Model, X: np.ndarray, data: nn.datasets.FashionMNIST, args: argparse.Namespace
) -> None:
    """Save the model, and draw and write its results.

    Shapes: X (N, ...).
    """
    try:
        model.save(args.out / MODEL)
    except OSError as error:
        if (args.out / CHECKPOINT).exists():
            error.add_note(f"the last checkpoint is in {args.out / CHECKPOINT}; see --resume")
        raise
    print("wrote", args.out / MODEL)
    print("wrote", args.out / DASHBOARD)
    (args.out / CHECKPOINT).unlink(missing_ok=True)  # the model is at least as far
    try:
        draw_results(model, data, args.out)
        batch = X[: args.batch_size], data.y_train[: args.batch_size]
        draw_step(model, *batch, args.out)
        write_step(model, *batch, args.out)
        write_predictor(model, args.out)
    except KeyboardInterrupt as error:
        error.add_note(f"the model is in {args.out / MODEL}; its pictures are not complete")
        raise
    if data.source == "synthetic":
        print(f"\nThe data were synthetic: the results in {args.out} say nothing of Fashion-MNIST.")


def choose_folder(args: argparse.Namespace, data: nn.datasets.FashionMNIST) -> None:
    """Make the output folder, one of its own for synthetic data, and check all files in it.

    Raises: OSError if it cannot be made, or a file cannot be written.
    """
    if args.out is None:
        args.out = OUT if data.source != "synthetic" else SYNTHETIC_OUT
        if args.out != OUT:
            print(f"The data are synthetic: the output goes to {args.out}, not to {OUT}.")
    make_folder(args.out)
    for name in (MODEL, CHECKPOINT, DASHBOARD, *FILES):
        check_output(args.out / name)


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there.

    Raises: OSError if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the output folder cannot be made ({error.strerror}); name another one by --out"
        raise OSError(error.errno, reason, str(folder)) from error


def check_space(out: Path, model: nn.Model) -> None:
    """Check before the training that the disk has space for the model and its pictures.

    Raises: OSError if it has not.
    """
    # The parameters, the states of Adam, a second file before it replaces the first, and pictures.
    needed = 8 * sum(a.nbytes for a in model.get_parameters().values()) + (4 << 20)
    trial = out / f"{MODEL}.space"
    try:
        write_file(trial, bytes(needed))
    except OSError as error:
        raise OSError(
            error.errno, f"{needed / 1e6:.0f} MB cannot be written ({error.strerror})", str(out)
        ) from error
    finally:
        trial.unlink(missing_ok=True)


def evaluate(args: argparse.Namespace) -> None:
    """Print the loss of a saved model on the test images, and its accuracy for each class."""
    model = load_model(args)
    data = load_data(args)
    model.evaluate(scaled(data.X_test), data.y_test)
    predicted = model.predict(scaled(data.X_test)).argmax(axis=1)
    for k, name in enumerate(NAMES):
        of_class = data.y_test == k
        if of_class.any():
            print(f"{name:>12}  {np.mean(predicted[of_class] == k):.3f}")


def predict(args: argparse.Namespace) -> None:
    """Classify pictures, of any size, with a saved model."""
    model = load_model(args)
    seen, failed = {}, []
    for path in args.images:
        try:
            seen[path] = read_photo(path)
        except (OSError, ValueError) as error:  # the other pictures can still be classified
            failed.append(f"error: {error}")
    make_folder(args.out)
    stems = [path.stem for path in seen]
    probabilities = model.predict(scaled(np.stack([*seen.values()]))) if seen else []
    for k, ((path, image), p) in enumerate(zip(seen.items(), probabilities, strict=True)):
        print(f"\n{path}: {NAMES[p.argmax()]}")
        for c in np.argsort(-p):
            print(f"  {NAMES[c]:>12} {bar(float(p[c]))} {p[c]:7.2%}")
        number = f"_{k}" if stems.count(path.stem) > 1 else ""
        picture = args.out / f"seen_{path.stem}{number}.png"
        save_figure(input_figure(image, p, NAMES), picture)
        print(f"  the network's input: {picture}")
    if failed:
        raise SystemExit("\n".join(failed))


def load_model(args: argparse.Namespace) -> nn.Model:
    """Load the saved model; exit with an error if there is none."""
    args.out = args.out or OUT
    path = args.model or args.out / MODEL
    if not Path(path).exists():
        raise SystemExit(
            f"error: there is no model at {path}; train one first with "
            "python -m examples.fashion_mnist train"
        )
    return nn.Model.load(path)


COMMANDS = {
    "train": (train, TRAIN | DATA | OUT_FOLDER),
    "evaluate": (evaluate, SAVED | DATA | OUT_FOLDER),
    "predict": (predict, IMAGES | SAVED | OUT_FOLDER),
}


def parser() -> argparse.ArgumentParser:
    """Build the parser from the table of commands and their options."""
    return parser_of("python -m examples.fashion_mnist", sys.modules[__name__], COMMANDS)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and run the command, `train` if there is none."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv.insert(0, "train")
    args = parser().parse_args(argv)
    run(lambda: args.function(args))


if __name__ == "__main__":
    main()
