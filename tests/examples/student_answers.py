"""Answers to the tasks of the students' notebooks: right ones, and typical wrong ones with what the check must say."""

from typing import NamedTuple


class Answers(NamedTuple):
    wrong: dict[str, str]  # code, run after the right answer -> words of the check
    right: str = ""  # an answer, where the solution in the full notebook has other names
    needs: str = ""  # what earlier cells define


ANSWERS = {
    ("02_activations", "derivatives"): Answers(
        wrong={
            'by_hand["sigmoid"] = (tg.sigmoid, lambda z: sigma(z))': r"sigmoid lacks the factor 1 - f\(z\)",
            'by_hand["tanh"] = (np.tanh, lambda z: np.tanh(z) ** 2 - 1)': "tanh has the wrong sign",
            'by_hand["ReLU"] = (tg.relu, lambda z: 1.0)': r"ReLU has shape \(\), but should have \(200,\)",
            'by_hand["leaky ReLU"] = (by_hand["leaky ReLU"][0], lambda z: np.where(z > 0, 1.0, 0.0))': "leaky ReLU is right in 100 of 200 elements",
            'by_hand["softplus"] = (tg.softplus, lambda z: 2 * sigma(z))': "softplus is 2 times the right one",
            'by_hand["softplus"] = (tg.softplus, lambda z: ...)': "softplus is not there yet",
        },
    ),
    ("02_activations", "softmax"): Answers(
        wrong={
            "softmax = lambda z: np.exp(z) / np.exp(z).sum()": "off by one factor along axis 1",
            "softmax = lambda z: np.exp(z).sum(axis=1)": "summed over axis 1, which should stay",
            "softmax = lambda z: np.errstate(all='ignore')(lambda: np.exp(z) / np.exp(z).sum(1, keepdims=True))()": "softmax is nan at .* an exponential that overflows",
            "softmax = lambda z: np.exp(z - z.max(1, keepdims=True))": "off by one factor along axis 1",
            "softmax = lambda z: z - np.log(np.exp(z).sum(1, keepdims=True))": "softmax is wrong: at",
            "softmax = lambda z: tg.softmax(z).T": "softmax is transposed",
        },
    ),
    ("03_loss", "stable"): Answers(
        wrong={
            "good = cross_entropy\ncross_entropy = lambda z, y: len(y) * good(z, y)": "lacks the factor 1 / N",
            "good = cross_entropy\ncross_entropy = lambda z, y: -good(z, y)": "has the wrong sign",
            "cross_entropy = lambda z, y: np.mean(np.log(np.sum(np.exp(z), axis=1)))": "lacks the term - z_y",
            "cross_entropy = lambda z, y: np.errstate(all='ignore')(lambda: np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(len(y)), y]))()": "the loss is inf",
            "good = cross_entropy\ncross_entropy = lambda z, y: np.full(len(y), good(z, y))": r"has shape \(3,\), but should have \(\): a sum over axis 0 is missing",
            "cross_entropy = lambda z, y: ...": "not there yet",
        },
    ),
    ("03_loss", "gradient"): Answers(
        wrong={
            "by_hand = by_hand * 4": "the gradient lacks the factor 1 / N",
            "by_hand = -by_hand": "has the wrong sign",
            "by_hand = by_hand.T": r"is transposed: it has shape \(3, 4\)",
            "by_hand = tg.softmax(Z) / 4": "lacks the term - Y, the one-hot rows",
            "by_hand = (Z - np.eye(3)[y]) / 4": "is wrong: at|is right in",
            "by_hand = by_hand.sum(axis=0)": "summed over axis 0, which should stay",
        },
    ),
    ("04_optimization", "last_layer"): Answers(
        right="""
G = (P - np.eye(3)[y]) / len(y)
dW = A.T @ G
db = G.sum(axis=0)
""",
        needs="""
X, y = nn.datasets.spiral(100, 3, rng=0)
net = nn.Sequential(nn.Dense(2, 64, rng=0), nn.ReLU(), nn.Dense(64, 3, rng=1))
def network():
    return net
spiral = X, y
""",
        wrong={
            "G = G * len(y)": "G lacks the factor 1 / N",
            "G = P / len(y)": "G lacks the term - Y / N",
            "dW = G.T @ A": r"dW is transposed: it has shape \(3, 64\)",
            "dW = -dW": "dW has the wrong sign",
            "dW = dW / len(y)": "dW has the factor 1 / N too often",
            "db = G": r"db has shape \(300, 3\), but should have \(3,\): a sum over axis 0 is missing",
        },
    ),
    ("06_backpropagation", "neuron"): Answers(
        right="""
dz = g * (z.data > 0)
dw, dx, db = dz * x.data, dz * w.data, dz
""",
        needs="""
x = tg.Tensor([1.0, -2.0, 3.0], requires_grad=True)
w = tg.Tensor([-3.0, -1.0, 2.0], requires_grad=True)
b = tg.Tensor(1.0, requires_grad=True)
z = np.sum(x * w) + b
tg.relu(z).backward()
""",
        wrong={
            "dw = dz * w.data": "dw is (wrong|right in)",
            "dw = -dw": "dw has the wrong sign",
            "dw = dz": r"dw has shape \(\), but should have \(3,\): it is summed over axis 0",
            "dx = dx * z.data": "dx is 6 times the right one",
            "db = dz * x.data": r"db has shape \(3,\), but should have \(\)",
            "db = 0.0": "db is wrong: it is 0, but should be 1",
        },
    ),
    ("06_backpropagation", "layer"): Answers(
        right="dW, dX, db = X.data.T @ G, G @ W.data.T, G.sum(axis=0)",
        wrong={
            "dW = G.T @ X.data": r"dW is transposed: it has shape \(3, 4\), but should have \(4, 3\)",
            "dW = X.data.T @ G / N": "dW has the factor 1 / N too often",
            "dX = -G @ W.data.T": "dX has the wrong sign",
            "dX = 2 * G @ W.data.T": "dX is 2 times the right one",
            "db = G": r"db has shape \(5, 3\), but should have \(3,\): a sum over axis 0 is missing",
            "db = G.mean(axis=0)": "db has the factor 1 / N too often",
            "db = G.sum()": r"db has shape \(\), .* summed over axis 0, which should stay",
        },
    ),
    ("06_backpropagation", "jacobian"): Answers(
        wrong={
            "J = np.diag(p)": "J lacks the term - p_k p_j",
            "J = -np.outer(p, p)": "J lacks the term p_k where k = j",
            "J = np.diag(p) + np.outer(p, p)": "J has the wrong sign at the term - p_k p_j",
            "J = -J": "J has the wrong sign",
            "J = p * (1 - p)": r"J has shape \(4,\), but should have \(4, 4\)",
            "J = np.diag(p * (1 - p))": "J is right in 4 of 16 elements",
        },
    ),
    ("06_backpropagation", "network"): Answers(
        wrong={
            "dZ2 = P - np.eye(3)[y]": "dZ2 lacks the factor 1 / N",
            "dZ2 = P / N": "dZ2 lacks the term - Y / N",
            "dZ2 = (np.eye(3)[y] - P) / N": "dZ2 has the wrong sign",
            "dW2 = dZ2.T @ A": "dW2 is transposed",
            "dZ1 = dA": r"dZ1 lacks the factor \[Z1 > 0\]",
            "db1 = dZ1.sum()": r"db1 has shape \(\)",
            "db2 = dZ2.mean(axis=0)": "db2 has the factor 1 / N too often",
            "dW1 = X.T @ dA": "dW1 is (wrong|right in)",
        },
    ),
    ("07_build_the_engine", "rules"): Answers(
        needs="import inspect, time, weakref",
        wrong={
            'OPS["multiply"] = (np.multiply, [lambda g, out, a, b: b, OPS["multiply"][1][1]])': "rule 0 of multiply lacks the factor g",
            'OPS["multiply"] = (np.multiply, [OPS["multiply"][1][1], OPS["multiply"][1][0]])': "rule 0 of multiply is (wrong|right in)",
            'OPS["matmul"] = (np.matmul, [lambda g, out, a, b: (g @ b.T).T, OPS["matmul"][1][1]])': "rule 0 of matmul is transposed",
            'OPS["power"] = (np.power, [lambda g, out, a, n: g * a ** (n - 1)])': "rule 0 of power is 0.3333 times the right one",
            'OPS["log"] = (np.log, [lambda g, out, a: -g / a])': "rule 0 of log has the wrong sign",
            'OPS["sum"] = (np.sum, [lambda g, out, a: g])': r"rule 0 of sum has shape \(\), .* which should stay",
        },
    ),
    ("07_build_the_engine", "unbroadcast"): Answers(
        wrong={
            "unbroadcast = lambda g, shape: g": r"of shape \(3, 4\) has shape \(2, 3, 4\), .* a sum over axis 0 is missing",
            "unbroadcast = lambda g, shape: g.sum(axis=tuple(range(g.ndim - len(shape))))": r"of shape \(3, 1\) has shape \(3, 4\), .* a sum over axis 1 is missing",
            "unbroadcast = lambda g, shape: g.mean(axis=tuple(range(g.ndim - len(shape))))": r"of shape \(3, 4\) is 0.5 times the right one",
            "unbroadcast = lambda g, shape: np.sum(g)": r"of shape \(2, 3, 4\) has shape \(\), .* which should stay",
            "good = unbroadcast\nunbroadcast = lambda g, shape: good(g, shape).reshape(-1)": r"has shape \(24,\)",
        },
    ),
    ("15_convolution", "one_dimension"): Answers(
        wrong={
            "y = y - b": "y lacks the term b",
            "dx = dx[::-1]": "dx is (wrong|right in)",
            "dx = np.convolve(g, w, 'valid')": r"dx has shape \(3,\), but should have \(7,\)",
            "dw = -dw": "dw has the wrong sign",
            "dw = np.array([g @ x[: len(g)]] * K)": "dw is right in 1 of 3 elements",
            "db = g.mean()": "db has the factor 1 / the number of places too often",
            "db = g": r"db has shape \(5,\), but should have \(\): a sum over axis 0 is missing",
        },
    ),
    ("15_convolution", "as_a_product"): Answers(
        needs="rng = np.random.default_rng(0)",
        wrong={
            "dW = columns.T @ flat": r"dW has shape \(27, 4\), but should have \(3, 3, 3, 4\)",
            "dW = dW / N": "dW has the factor 1 / N too often",
            "dx = -dx": "dx has the wrong sign",
            "dx = 0 * dx\ndx[:, : rows, : places] = dcolumns[:, :, :, 0, 0]": "dx is right in",
            "db = flat": r"db has shape \(24, 4\), but should have \(4,\): a sum over axis 0",
            "db = flat.sum()": r"db has shape \(\), .* which should stay",
        },
    ),
    ("16_normalization", "standardize"): Answers(
        wrong={
            "dx = (g - hat * np.mean(g * hat)) / s": r"dx lacks the term - mean\(g\) / s",
            "dx = (g - g.mean()) / s": r"dx lacks the term - hat mean\(g hat\) / s",
            "dx = dx * s": "dx lacks the factor 1 / s",
            "dx = (g - g.mean() + hat * np.mean(g * hat)) / s": "dx has the wrong sign at the term - hat",
            "dx = -dx": "dx has the wrong sign",
            "J = (np.eye(n) - 1 / n) / s": "J lacks the term - hat_i hat_j",
            "J = np.eye(n) / s": "J is (wrong|right in)",
        },
    ),
    ("16_normalization", "batch_norm"): Answers(
        needs="rng, epsilon = np.random.default_rng(0), 1e-5",
        wrong={
            "by_hand[0] = by_hand[0] * s": "dx lacks the factor 1 / s",
            "by_hand[0] = (g - g.mean(axis=0) - hat * np.mean(g * hat, axis=0)) / s": "dx lacks the factor w",
            "by_hand[0] = (dhat - dhat.mean(axis=1, keepdims=True) - hat * np.mean(dhat * hat, axis=0)) / s": "dx is",
            "by_hand[1] = g * hat": r"dw has shape \(8, 3\), but should have \(3,\): a sum over axis 0 is missing",
            "by_hand[1] = np.mean(g * hat, axis=0)": "dw has the factor 1 / N too often",
            "by_hand[2] = -by_hand[2]": "db has the wrong sign",
            "by_hand[2] = g.sum(axis=1)": r"db has shape \(8,\), but should have \(3,\)",
        },
    ),
    ("17_recurrence", "through_time"): Answers(
        wrong={
            "dx = np.stack([(g[:, t] * (1 - h[t + 1] ** 2)) @ W.T for t in range(T)], 1)": "dx is right in 12 of 72",
            "dW = dW.T": r"dW is transposed: it has shape \(5, 3\)",
            "dR = dR.T": "dR is transposed",
            "dR = dR / T": "dR has the factor 1 / T too often",
            "db = -db": "db has the wrong sign",
            "db = np.tile(db, (N, 1))": r"db has shape \(4, 5\), but should have \(5,\): a sum over axis 0",
            "dx = dx[:, -1]": r"dx has shape \(4, 3\), .* summed over axis 1, which should stay",
        },
    ),
    ("18_attention", "gradient"): Answers(
        needs="rng = np.random.default_rng(0)",
        wrong={
            "by_hand = (by_hand[0] * np.sqrt(d), *by_hand[1:])": "dq lacks the factor 1 / the root of d",
            "by_hand = ((P * D) @ k / np.sqrt(d), *by_hand[1:])": "dq lacks the term - sum of P D",
            "by_hand = (by_hand[0], dS @ q / np.sqrt(d), by_hand[2])": "dk is (wrong|right in)",
            "by_hand = (*by_hand[:2], P @ g)": "dv is (wrong|right in)",
            "by_hand = (*by_hand[:2], -by_hand[2])": "dv has the wrong sign",
            "by_hand = (*by_hand[:2], by_hand[2].swapaxes(1, 2))": r"dv has shape \(2, 4, 5\)",
        },
    ),
}
