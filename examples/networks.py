"""The networks for Fashion-MNIST, of the book and convolutional, and their inputs."""

import argparse
import functools
import itertools
import warnings
from typing import Any

import numpy as np

import nn
from examples.terminal import say

CLASSES = len(nn.datasets.FASHION_MNIST_CLASSES)


def mlp(args: argparse.Namespace, rng: np.random.Generator) -> nn.Sequential:
    """Build the book's network: Dense and ReLU for each hidden size, then Dense and Softmax."""
    network = nn.Sequential()
    sizes = [784, *args.hidden]
    for n, m in itertools.pairwise(sizes):
        dense = nn.Dense(n, m, weight_regularizer_l2=args.l2, initializer=args.initializer, rng=rng)
        network.append(dense)
        network.append(nn.ReLU())
        if args.dropout:
            network.append(nn.Dropout(args.dropout, rng=rng))
    network.append(nn.Dense(sizes[-1], CLASSES, initializer=args.initializer, rng=rng))
    network.append(nn.Softmax())
    return network


def cnn(args: argparse.Namespace, rng: np.random.Generator) -> nn.Sequential:
    """Build a convolutional network: convolutions that halve the picture, then dense layers.

    With `--batch-norm`, each layer with weights but the last has one after it, and no biases.
    """
    plain, size = not args.batch_norm, 28
    network = nn.Sequential(nn.Reshape(28, 28, 1))
    for C, O in itertools.pairwise([1, *args.channels]):  # noqa: E741
        network.append(nn.Conv2D(C, O, 3, bias=plain, initializer=args.initializer, rng=rng))
        if size > 7:
            network.append(nn.MaxPool2D())
            size //= 2
        finish(network, O, args.batch_norm)
    network.append(nn.Flatten())
    for n, m in itertools.pairwise([size * size * args.channels[-1], *args.hidden]):
        if args.dropout:
            network.append(nn.Dropout(args.dropout, rng=rng))
        dense = nn.Dense(
            n, m, weight_regularizer_l2=args.l2, bias=plain, initializer=args.initializer, rng=rng
        )
        network.append(dense)
        finish(network, m, args.batch_norm)
    if args.dropout:
        network.append(nn.Dropout(args.dropout, rng=rng))
    network.append(nn.Dense(args.hidden[-1], CLASSES, initializer=args.initializer, rng=rng))
    network.append(nn.Softmax())
    return network


def finish(network: nn.Sequential, n_features: int, batch_norm: bool) -> None:
    """Add the end of a layer: a ReLU, after a batch norm if one is wanted."""
    if batch_norm:
        network.append(nn.BatchNorm(n_features))
    network.append(nn.ReLU())


def load_data(args: argparse.Namespace) -> nn.datasets.FashionMNIST:
    """Load the data set and print its source, with a clear warning if the garments are drawn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", nn.datasets.SyntheticDataWarning)
        data = nn.datasets.fashion_mnist(args.data, download=not args.offline)
    for warning in caught:
        say(f"\n*** {warning.message} ***\n")
    print(f"data: {data.source}")
    print(f"{len(data.X_train):,} training images, {len(data.X_test):,} test images")
    return data


def pictures(images: np.ndarray) -> np.ndarray:
    """Scale pixels to the range of the network's inputs, as pictures.

    Shapes: (N, 28, 28) -> (N, 28, 28).
    Units: 0..255 -> -1..1.
    """
    return scaled(images).reshape(images.shape)


def scaled(images: np.ndarray) -> np.ndarray:
    """Scale pixels to the range of the network's inputs.

    Shapes: (N, 28, 28) -> (N, 784).
    Units: 0..255 -> -1..1.
    """
    return (images.reshape(len(images), -1).astype(np.float32) - 127.5) / 127.5


def augmented(
    X: np.ndarray, y: np.ndarray, args: argparse.Namespace
) -> nn.augment.AugmentedBatches:
    """Return batches of pictures, some of them mirrored, all moved by up to `--augment` pixels.

    Shapes: X (N, 28, 28) or (N, 784), y (N,).
    """
    shift = functools.partial(nn.augment.shift, pixels=args.augment, fill=-1.0)

    def reshape(pictures: np.ndarray, rng: Any) -> np.ndarray:
        return pictures.reshape(len(pictures), *X.shape[1:])

    changes: list[nn.augment.Augmentation] = [nn.augment.flip, shift, reshape]
    pictures = X.reshape(len(X), 28, 28)
    return nn.augment.AugmentedBatches(
        pictures, y, changes, batch_size=args.batch_size, rng=args.seed
    )
