"""The options of the examples, their defaults, and the parsers that read them."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Options = dict[str, dict[str, Any]]  # the arguments of add_argument for each option
OUT, SYNTHETIC_OUT = Path("runs/fashion_mnist"), Path("runs/synthetic")
MODEL, CHECKPOINT = "model.safetensors", "checkpoint.safetensors"


def at_least(least: int) -> Callable[[str], int]:
    """Return the function that parses an integer of at least this size."""

    def integer(text: str) -> int:
        if (n := int(text)) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, not {n}")
        return n

    return integer


positive, seed = at_least(1), at_least(0)


def expanded(text: str) -> Path:
    """Parse a path; a shell leaves the ~ of `--out=~/run` as it is."""
    return Path(text).expanduser()


def common_options(epochs: int, out: Path | None = None) -> Options:
    """Return the options that most programs have, with the defaults of one of them."""
    options: Options = {
        "--epochs": dict(type=positive, default=epochs, help="passes through the data"),
        "--seed": dict(type=seed, default=0, help="seed of all random numbers"),
    }
    if out is not None:
        options["--out"] = dict(type=expanded, default=out, help="folder for the results")
    return options


# fmt: off
OUT_FOLDER: Options = {"--out": dict(type=expanded, help=f"folder for the model and the pictures; {OUT}, or {SYNTHETIC_OUT} of synthetic data")}
DATA: Options = {
    "--data":          dict(type=expanded, help="folder or zip file of the data, instead of $TENSORGRAD_DATA, the cache or a download"),
    "--offline":       dict(action="store_true", help="do not look for the data in the network"),
}
SAVED: Options = {"--model": dict(type=expanded, help=f"file of the model, instead of {MODEL} in --out")}
TRAIN: Options = {
    "--network":       dict(choices=["mlp", "cnn"], default="mlp", help="the book's network, or a convolutional one"),
    "--epochs":        dict(type=positive, default=10, help="number of passes through the data"),
    "--batch-size":    dict(type=positive, default=128, help="samples per step"),
    "--channels":      dict(type=positive, nargs="+", default=[16, 32], help="channels of the convolutions"),
    "--hidden":        dict(type=positive, nargs="+", help="sizes of the hidden layers; 128 128, or 128 after convolutions"),
    "--batch-norm":    dict(action="store_true", help="a batch norm after each layer with weights, of the CNN"),
    "--augment":       dict(type=positive, metavar="PIXELS", help="mirror half of the pictures, and move all by up to so many pixels"),
    "--initializer":   dict(choices=["book", "he", "glorot"], help="initial values of the weights; book, or he of the CNN"),
    "--learning-rate": dict(type=float, help="learning rate of Adam, or the highest; 0.001, or 0.003 of the CNN"),
    "--schedule":      dict(choices=["decay", "one-cycle", "constant"], help="course of the learning rate; decay, or one-cycle of the CNN"),
    "--decay":         dict(type=float, default=1e-3, help="the decaying learning rate at a step is rate / (1 + decay * step)"),
    "--dropout":       dict(type=float, default=0.0, help="fraction of units dropped after each hidden layer"),
    "--l2":            dict(type=float, default=0.0, help="L2 regularization of the hidden weights"),
    "--seed":          dict(type=seed, default=0, help="seed of the weights, dropout and the order of samples"),
    "--checkpoint-every": dict(type=positive, metavar="STEPS", help=f"steps between two files {CHECKPOINT} in --out, from which --resume goes on after a crash; one epoch"),
    "--distributed":   dict(action="store_true", help="train in all processes of mpirun, each with its share of every batch"),
    "--resume":        dict(type=expanded, help="saved model to continue from, with its own settings"),
}
NETWORKS = {  # the defaults that depend on the network
    "mlp": dict(hidden=[128, 128], initializer="book", learning_rate=1e-3, schedule="decay"),
    "cnn": dict(hidden=[128],      initializer="he",   learning_rate=3e-3, schedule="one-cycle"),
}
IMAGES: Options = {"images": dict(type=expanded, nargs="+", metavar="IMAGE", help="picture files of any size")}
# fmt: on


def parse(
    example: str, description: str | None, options: Options, argv: Sequence[str] | None
) -> argparse.Namespace:
    """Parse the command line of an example without commands."""
    parser = argparse.ArgumentParser(prog=f"python -m examples.{example}", description=description)
    add_options(parser, options)
    return parser.parse_args(argv)


def parser_of(
    program: str, documented: Any, commands: Mapping[str, tuple[Callable[..., None], Options]]
) -> argparse.ArgumentParser:
    """Build the parser of a program from its documented module and the table of its commands."""
    top = argparse.ArgumentParser(prog=program, description=summary_of(documented))
    parsers = top.add_subparsers(dest="command")
    for name, (function, options) in commands.items():
        summary = summary_of(function)
        command = parsers.add_parser(name, help=summary, description=summary)
        command.set_defaults(function=function)
        add_options(command, options)
    return top


def add_options(parser: argparse.ArgumentParser, options: Options) -> None:
    """Add options to a parser; their help ends with their defaults."""
    for option, details in options.items():
        default = details.get("default")
        end = "" if default is None else f" (default: {default})"
        parser.add_argument(option, **details | {"help": details["help"] + end})


def summary_of(documented: Any) -> str:
    """Return the first line of a docstring, which PYTHONOPTIMIZE=2 removes."""
    return (documented.__doc__ or "Fashion-MNIST").splitlines()[0]


def report_ignored(args: argparse.Namespace) -> None:
    """Print the options that a resumed training does not use, because the file has them."""
    used = (
        "--epochs",
        "--batch-size",
        "--checkpoint-every",
        "--augment",
        "--resume",
        "--distributed",
    )
    given = [
        option
        for option, details in TRAIN.items()
        if option not in used
        and getattr(args, option[2:].replace("-", "_"))
        != details.get("default", details.get("action") and False)
    ]
    if given:
        print(f"--resume continues with the settings in {args.resume}; ignored: {', '.join(given)}")


def set_defaults(args: argparse.Namespace) -> None:
    """Set the options that were not given to those of the network."""
    for name, value in NETWORKS[args.network].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
