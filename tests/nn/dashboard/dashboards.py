"""Trainings for the tests of dashboards, and what their pages hold."""

import json
import re

import numpy as np

import nn

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5)).astype(np.float32)
y = np.arange(60) % 3
VALIDATION = (X[:30] + 0.1, y[:30])


def model(**settings):
    rng = np.random.default_rng(1)
    layers = [nn.Dense(5, 8, rng=rng), nn.BatchNorm(8), nn.ReLU(), nn.Dropout(0.2, rng=rng)]
    made = nn.Model(nn.Sequential(*layers, nn.Dense(8, 3, rng=rng), nn.Softmax()))
    parts = {
        "loss": nn.CategoricalCrossentropy(),
        "optimizer": nn.Adam(learning_rate=0.05),
        "accuracy": nn.CategoricalAccuracy(),
    }
    made.set(**parts | settings)
    return made


def train(made, *callbacks, epochs=3, data=(X, y), **options):
    settings = {
        "batch_size": 12,
        "print_every": 0,
        "seed": 0,
        "validation_data": VALIDATION,
    } | options
    made.train(*data, epochs=epochs, callbacks=callbacks, **settings)
    return made


def read(path):
    """Return the data and the records in a page."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    text = path.read_text("utf-8")
    found = [
        re.search(f'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
        for name in ("data", "records")
    ]
    return [json.loads(match[1], parse_constant=refuse) for match in found]
