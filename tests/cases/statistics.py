"""Calls of averages, order statistics, covariances, and reductions that skip NaN."""

import numpy as np

from tensorgrad.ops.quantiles import ranked
from tests.cases import c, call, holes, r, zeros

METHODS = (
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
    "lower",
    "higher",
    "midpoint",
    "nearest",
)

# fmt: off
MEDIAN = [call(r(5)), call(r(4)), call(r(2, 3)), call(r(2, 3), axis=1), call(r(2, 3, 2), axis=(0, -1)), call(r(2, 4), 0, keepdims=True),
          call(r(2, 3), keepdims=True), call(r())]
HOLES = [call(holes(2, 4)), call(holes(2, 4), axis=1), call(holes(4, 2), 0), call(holes(2, 4), axis=1, keepdims=True)]
WHERE = np.array([[True, True, True, False], [True, False, True, True]])

QUANTILE = [call(r(5), 0.3), call(r(4), [0.25, 0.9]), call(r(2, 5), 0.35, axis=1), call(r(2, 5), [[0.2], [0.8]], axis=(0, 1)), call(r(5), 0.0), call(r(5), 1.0),
            call(r(2, 5), [0.4, 0.7], 1, keepdims=True), *(call(r(2, 5), [0.33, 0.77], axis=1, method=method) for method in METHODS),
            call(r(5), np.array(0.3)), call(r(2, 5), np.array([[0.35], [0.8]]), axis=1), *(call(r(5), np.array([0.33, 0.77]), method=method) for method in METHODS),
            call(r(5), np.array([0.01, 0.99]), method="hazen"),
            call(r(5), [0.3, 0.6], weights=r(5, low=0.1), method="inverted_cdf"), call(r(2, 4), 0.4, axis=1, weights=[[1, 2, 1, 3], [2, 1, 1, 1]], method="inverted_cdf"),
            call(r(2, 3), 0.55, weights=np.array([[1, 2, 3], [3, 0, 1]]), method="inverted_cdf")]

CASES = {
    np.median:        MEDIAN,
    ranked:           [call(r(5), np.array([1, 3])), call(r(2, 4), np.array([[2, 0]]))],
    np.quantile:      [*QUANTILE, call(r(2, 4), 0.4, axis=1, weights=[1, 2, 1, 3], method="inverted_cdf")],
    np.percentile:    [call(r(5), 30), call(r(4), np.array(35.0)), call(r(2, 5), [25.0, 90.0], axis=1), call(r(2, 4), 35, 0, keepdims=True), call(r(5), 40, method="hazen")],
    np.nanmedian:     [*MEDIAN, *HOLES],
    np.nanquantile:   [*QUANTILE, call(holes(2, 4), 0.3), call(holes(3, 4), [0.25, 0.9], axis=1), call(holes(3, 4), 0.4, axis=0, keepdims=True),
                       call(holes(3, 4), np.array([0.4, 0.9]), axis=1), call(holes(2, 4), 0.4, axis=1, weights=[[1, 2, 3, 1], [1, 1, 2, 1]], method="inverted_cdf"),
                       call(r(2, 3, 2), [[0.2, 0.4, 0.7], [0.1, 0.8, 0.9]], axis=(0, 2))],
    np.nanpercentile: [call(r(5), 30), call(holes(2, 4), 30), call(holes(3, 4), [25, 90], axis=1), call(r(2, 3, 2), [[20, 40, 70], [10, 80, 90]], axis=(-1, 0), keepdims=True)],

    np.nansum:        [*HOLES, call(c(3)), call(r(3)), call(holes(2, 4), where=WHERE), call(holes(2, 4), initial=1.0)],
    np.nanprod:       [*HOLES, call(c(3)), call(r(3)), call(holes(2, 4), where=WHERE), call(holes(2, 4), initial=2.0)],
    np.nanmean:       [*HOLES, call(c(3)), call(r(3)), call(holes(2, 4), where=WHERE)],
    np.nanvar:        [*HOLES, call(holes(2, 4), correction=1), call(holes(2, 4), axis=1, mean=[[0.1], [0.2]]), call(holes(2, 5), axis=1, ddof=2), call(c(3)), call(r(3)), call(holes(2, 4), where=WHERE), call(holes(2, 4), ddof=1)],
    np.nanstd:        [*HOLES, call(holes(2, 4), correction=1), call(holes(2, 4), axis=1, mean=[[0.1], [0.2]]), call(c(3)), call(r(3)), call(holes(2, 4), where=WHERE), call(holes(2, 4), ddof=1)],
    np.nanmax:        [*HOLES, call(r(3)), call(holes(2, 4), where=WHERE, initial=-9.0)],
    np.nanmin:        [*HOLES, call(r(3)), call(holes(2, 4), where=WHERE, initial=9.0)],
    np.nancumsum:     [call(c(3)), call(holes(5)), call(holes(2, 4), axis=1), call(holes(2, 4))],
    np.nancumprod:    [call(c(3)), call(holes(5)), call(holes(2, 4), axis=1), call(zeros(5))],

    np.average:       [call(r(4)), call(r(2, 3), axis=1), call(r(4), weights=r(4, low=0.1)), call(r(2, 3), axis=1, weights=r(3, low=0.1)), call(r(2, 3), weights=r(2, 3, low=0.1)),
                       call(r(2, 3), 1, r(3, low=0.1), True), call(r(2, 3, 4), axis=(2, 0), weights=r(4, 2, low=0.1)), call(r(2, 3), axis=0, weights=[1, 2], keepdims=True),
                       call(c(3), weights=r(3, low=0.1))],
    np.cov:           [call(r(2, 4)), call(r(4)), call(r(4), r(4)), call(r(4, 2), rowvar=False), call(r(2, 4), bias=True), call(r(2, 4), ddof=0), call(c(2, 4)),
                       call(r(2, 4), fweights=[1, 2, 1, 3]), call(r(2, 4), aweights=r(4, low=0.2)), call(r(2, 4), r(4), fweights=[1, 2, 1, 3], aweights=r(4, low=0.2))],
    np.corrcoef:      [call(r(3, 5)), call(r(5), r(5)), call(r(5, 2), rowvar=False), call(c(2, 5))],
}
# fmt: on
