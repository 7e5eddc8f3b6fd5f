"""Augmentation: what changes, what stays, the same numbers for the same seed, and the errors."""

from functools import partial

import numpy as np
import pytest

import nn
from nn.augment import AugmentedBatches, crop, erase, flip, mixup, rotate, shift

RNG = np.random.default_rng(0)
X = RNG.random((40, 6, 8, 3)).astype(np.float32)
AUGMENTATIONS = [flip, shift, rotate, erase, partial(crop, size=5, padding=1)]
every = pytest.mark.parametrize(
    "f", AUGMENTATIONS, ids=["flip", "shift", "rotate", "erase", "crop"]
)


@every
def test_the_same_seed_gives_the_same_pictures_and_leaves_the_others(f):
    before = X.copy()
    found = f(X, rng=3)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(f(X, rng=np.random.default_rng(3)), found)
    assert not np.array_equal(f(X, rng=4), found)
    assert found.dtype == X.dtype
    assert len({picture.tobytes() for picture in found}) == len(X)  # none is lost or repeated


@every
def test_gray_pictures_and_bytes(f):
    gray = (X[..., 0] * 255).astype(np.uint8)
    found = f(gray, rng=0)
    assert found.dtype == np.uint8
    assert found.ndim == 3
    np.testing.assert_array_equal(f(gray[..., None], rng=0)[..., 0], found)


@every
def test_no_pictures(f):
    assert len(f(X[:0], rng=0)) == 0


def test_flip_mirrors_some():
    found = flip(X, rng=0)
    mirrored = [bool(np.array_equal(a, b[:, ::-1])) for a, b in zip(found, X)]
    same = [bool(np.array_equal(a, b)) for a, b in zip(found, X)]
    assert all(m != s for m, s in zip(mirrored, same))
    assert 10 < sum(mirrored) < 30
    np.testing.assert_array_equal(flip(X, probability=1, vertical=True), X[:, ::-1])
    np.testing.assert_array_equal(flip(X, probability=0), X)


def test_shift_moves_within_its_limit_and_fills():
    found = shift(X, pixels=2, fill=-1, rng=0)
    padded = np.pad(X, [(0, 0), (2, 2), (2, 2), (0, 0)], constant_values=-1)
    seen = set()
    for i, picture in enumerate(found):
        places = [
            (y, x) for y in range(5) for x in range(5)
            if np.array_equal(padded[i, y : y + 6, x : x + 8], picture)
        ]  # fmt: skip
        assert len(places) == 1
        seen.update(places)
    assert {y for y, _ in seen} == {x for _, x in seen} == set(range(5))


def test_crop_takes_a_part():
    found = crop(X, (4, 3), rng=0)
    assert found.shape == (40, 4, 3, 3)
    corners = set()
    for picture, whole in zip(found, X):
        corners |= {
            (y, x) for y in range(3) for x in range(6)
            if np.array_equal(whole[y : y + 4, x : x + 3], picture)
        }  # fmt: skip
    assert {y for y, _ in corners} == {0, 1, 2}
    assert {x for _, x in corners} == set(range(6))
    np.testing.assert_array_equal(crop(X, (6, 8)), X)


def test_rotate_is_opencvs():
    cv2 = pytest.importorskip("cv2")
    image = cv2.GaussianBlur(RNG.random((1, 21, 17, 1)).astype(np.float32)[0], (5, 5), 1)[
        None, ..., None
    ]
    found = rotate(image, degrees=20, fill=0.5, rng=7)[0, ..., 0]
    angle = np.random.default_rng(7).uniform(-20, 20)
    turn = cv2.getRotationMatrix2D((8, 10), -angle, 1)
    expected = cv2.warpAffine(image[0, ..., 0], turn, (17, 21), borderValue=0.5)
    assert np.abs(found - expected).max() < 0.02
    assert np.abs(image[0, ..., 0] - expected).max() > 0.1
    np.testing.assert_allclose(rotate(X, degrees=0), X, atol=1e-6)


def test_erase_leaves_a_rectangle():
    found = erase(X, probability=1, area=(0.1, 0.4), fill=7, rng=0)
    for picture, before in zip(found, X):
        gone = np.all(picture == 7, axis=-1)
        rows, columns = np.flatnonzero(gone.any(1)), np.flatnonzero(gone.any(0))
        assert gone[np.ix_(rows, columns)].all()
        assert gone.sum() == len(rows) * len(columns)
        assert 0.05 < gone.mean() < 0.5
        np.testing.assert_array_equal(picture[~gone], before[~gone])
    np.testing.assert_array_equal(erase(X, probability=0), X)


def test_mixup_mixes_pictures_as_their_targets():
    y = np.arange(40) % 4
    mixed, targets = mixup(X, y, alpha=1.0, rng=2)
    assert targets.shape == (40, 4)
    assert targets.dtype == X.dtype
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    onehot = np.eye(4, dtype=np.float32)[y]
    again, same = mixup(X, onehot, alpha=1.0, rng=2)
    np.testing.assert_array_equal(again, mixed)
    np.testing.assert_array_equal(same, targets)
    # Of one-hot pictures, the mean is the distribution itself.
    np.testing.assert_allclose(*mixup(onehot, y, rng=1), rtol=1e-6)
    assert mixup(X, y, n_classes=6)[1].shape == (40, 6)


def test_batches_are_shuffled_anew_and_reproducible():
    y = np.arange(40)
    batches = AugmentedBatches(X, y, [partial(shift, fill=2.0), flip], batch_size=16, rng=0)
    assert len(batches) == 3
    first, second = list(batches), list(batches)
    assert [len(targets) for _, targets in first] == [16, 16, 8]
    for epoch in (first, second):
        assert sorted(np.concatenate([targets for _, targets in epoch])) == list(range(40))
    assert not np.array_equal(first[0][1], second[0][1])
    again = AugmentedBatches(X, y, [partial(shift, fill=2.0), flip], batch_size=16, rng=0)
    for (a, b), (c, d) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


def test_batches_mix_at_the_end():
    batches = AugmentedBatches(X, np.arange(40) % 5, batch_size=25, mixup=0.4, rng=0)
    assert [targets.shape for _, targets in batches] == [(25, 5), (15, 5)]


# fmt: off
WRONG = [
    (lambda: flip(np.ones((3, 4))),                  r"take pictures as an array \(N, H, W\) .* got ndarray of shape \(3, 4\)"),
    (lambda: flip(X, probability=2),                 "probability must be between 0 and 1, not 2"),
    (lambda: crop(X, 9),                             "a part of 9 by 9 pixels does not fit in pictures of 6 by 8"),
    (lambda: shift(X, pixels=0),                     "pixels must be an integer of at least 1, not 0"),
    (lambda: erase(X, area=(0.5, 0.1)),              r"area must be two fractions of the picture in order, not \(0\.5, 0\.1\)"),
    (lambda: mixup(X, np.arange(40), alpha=0),       "alpha of mixup must be above 0, not 0"),
    (lambda: AugmentedBatches(X, np.arange(3)),      "X has 40 samples but y has 3"),
    (lambda: AugmentedBatches(X, np.arange(40), batch_size=0), "batch_size must be an integer of at least 1"),
]
# fmt: on


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_network_learns_from_augmented_batches():
    """The loop of one's own; `Model.train` is in tests/nn/training."""
    X, y, *_ = nn.datasets.synthetic_garments(200, 10, rng=0)
    batches = AugmentedBatches(
        X.astype(np.float32)[..., None] / 255, y, [flip, shift], batch_size=50, rng=0
    )
    net = nn.Sequential(nn.Conv2D(1, 4, 3, stride=2, rng=0), nn.ReLU(), nn.Flatten(),
                        nn.Dense(784, 10, initializer="he", rng=0))  # fmt: skip
    loss_of = nn.CategoricalCrossentropy(from_logits=True)
    optimizer = nn.Adam(net.parameters(), learning_rate=5e-3)
    losses = []
    for _ in range(4):
        for inputs, targets in batches:
            loss = loss_of(net(inputs), targets)
            net.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert np.mean(losses[-4:]) < 0.75 * np.mean(losses[:4])


# Integers


@pytest.mark.parametrize("shape", [(6, 5, 7), (6, 5, 7, 3)])
def test_bytes_are_rounded_means(shape):
    X = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for change in (nn.augment.rotate, lambda X, rng: nn.augment.mixup(X, np.arange(6), rng=rng)[0]):
        found, exact = change(X, rng=1), change(X.astype(np.float64), rng=1)
        assert found.dtype == np.uint8
        np.testing.assert_allclose(found, exact, atol=0.51)
        assert np.any(found != exact)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("y", [np.array([0, 1, 2, 1]), np.eye(3, dtype=int)[[0, 1, 2, 1]]])
def test_mixed_targets_of_bytes_are_fractions(dtype, y):
    X = np.zeros((4, 2, 2), dtype)
    _, mixed = nn.augment.mixup(X, y, alpha=1.0, rng=2)
    _, exact = nn.augment.mixup(X.astype(np.float64), np.eye(3)[[0, 1, 2, 1]], alpha=1.0, rng=2)
    np.testing.assert_allclose(mixed, exact, rtol=1e-6)
    assert mixed.dtype.kind == "f"
    assert 0.5 <= mixed.max(axis=1).min() < 1


P = np.zeros((2, 4, 4), np.uint8)
# fmt: off
WRONG = [
    (lambda: nn.augment.shift(P, fill=300),         ValueError, "fill is 300, which pictures of dtype uint8 cannot hold"),
    (lambda: nn.augment.erase(P, fill=0.5),         ValueError, "fill is 0.5"),
    (lambda: nn.augment.rotate(P * 1.0, fill=np.nan), ValueError, "fill is nan, which pictures of dtype float64"),
    (lambda: nn.augment.crop(P, 2, padding=-1),     ValueError, "padding must be an integer of at least 1, not -1"),
    (lambda: nn.augment.rotate(P, degrees=-5),      ValueError, "degrees must be a number of at least 0, not -5"),
    (lambda: nn.augment.mixup(P, np.array([0])),    ValueError, "X has 2 samples but y has 1"),
    (lambda: nn.augment.mixup(P, np.array([0, 2]), n_classes=2), ValueError, "y has classes from 0 to 2, but n_classes is 2"),
    (lambda: nn.augment.mixup(P, np.array([0, -1])), ValueError, "y has classes from -1 to 0"),
    (lambda: nn.augment.AugmentedBatches(P, P, nn.augment.flip), TypeError, r"must be a list of functions .* such as \[nn.augment.flip\]"),
    (lambda: nn.augment.AugmentedBatches(P, P, ["flip"]), TypeError, r"not \['flip'\]"),
]
# fmt: on


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_what_pictures_cannot_become_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
