"""The tasks of the students' notebooks: what stands in the place of a solution, and its check."""

from typing import NamedTuple


class Task(NamedTuple):
    """A solution that is cut out, by the name in its mark."""

    stub: str  # in its place
    check: str  # in the cell after it


TASKS = {
    "02_activations": {
        "derivatives": Task(
            stub="""
by_hand = {  # name -> (the function, its derivative, written by you)
    "ReLU": (tg.relu, lambda z: ...),
    "leaky ReLU": (lambda z: tg.leaky_relu(z, 0.1), lambda z: ...),
    "sigmoid": (tg.sigmoid, lambda z: ...),
    "tanh": (np.tanh, lambda z: ...),
    "softplus": (tg.softplus, lambda z: ...),
}
""",
            check="""
some = np.linspace(-4, 4, 200)  # does not contain 0
for name, (f, derivative) in by_hand.items():
    factors = {"1 - f(z)": 1 - f(some)}
    right = tg.elementwise_grad(f)(some)
    check(f"the derivative of {name}", derivative(some), right, factors=factors)
""",
        ),
        "softmax": Task(
            stub="""
def softmax(z):  # z (N, C) -> (N, C)
    return ...
""",
            check="""
for some in (np.array([[2.0, 1.0, 0.1], [-5.0, 0.0, 5.0]]), np.array([[1002.0, 1001.0, 1000.1]])):
    check("softmax", softmax(some), tg.softmax(some))
""",
        ),
    },
    "03_loss": {
        "stable": Task(
            stub="""
def cross_entropy(z, y):  # z (N, C), y (N,) -> ()
    return ...
""",
            check="""
some, right = np.array([[2.0, 1.0, 0.1], [0.5, -1.0, 3.0], [1.0, 0.0, 0.0]]), np.array([0, 2, 1])
factors, terms = {"1 / N": 1 / 3}, {"- z_y": -np.mean(some[np.arange(3), right])}
for shift in (0.0, 800.0):
    found = cross_entropy(some + shift, right)
    check("the loss", found, tg.softmax_cross_entropy(some, right), factors=factors, terms=terms)
""",
        ),
        "gradient": Task(
            stub="by_hand = ...  # (4, 3): the gradient of the loss in Z",
            check="""
factors, terms = {"1 / N": 1 / 4}, {"- Y, the one-hot rows": -np.eye(3)[y] / 4}
right = tg.grad(tg.softmax_cross_entropy)(Z, y)
check("the gradient", by_hand, right, factors=factors, terms=terms)
""",
        ),
    },
    "04_optimization": {
        "last_layer": Task(
            stub="""
G = ...  # (N, 3): the gradient in Z, from A, P and y; Y = np.eye(3)[y]
dW = ...  # the gradient in the weights of the last layer
db = ...  # and in its biases
""",
            check="""
N = len(y)
options = {"factors": {"1 / N": 1 / N}, "tolerance": 1e-2}  # the network computes in float32
terms = {"- Y / N, the one-hot rows": -np.eye(3)[y] / N}
logits = A @ last.weights.data + last.biases.data
check("G", G, tg.grad(tg.softmax_cross_entropy)(logits, y), terms=terms, **options)
check("dW", dW, last.weights.grad, **options)
check("db", db, last.biases.grad, **options)
""",
        ),
    },
    "06_backpropagation": {
        "neuron": Task(
            stub="""
dz = ...  # () the gradient in z
dw = ...  # (3,) in the weights
dx = ...  # (3,) in the inputs
db = ...  # () in the bias
""",
            check="""
check("dw", dw, w.grad, factors={"[z > 0]": float(z.data > 0)})
check("dx", dx, x.grad)
check("db", db, b.grad)
""",
        ),
        "layer": Task(
            stub="""
dW = ...  # (D, H)
dX = ...  # (N, D)
db = ...  # (H,)
""",
            check="""
check("dW", dW, W.grad, factors={"1 / N": 1 / N})
check("dX", dX, X.grad)
check("db", db, b.grad, factors={"1 / N": 1 / N})
""",
        ),
        "jacobian": Task(
            stub="J = ...  # (4, 4): J[k, j] is the derivative of p[k] by z[j]",
            check="""
terms = {"- p_k p_j": -np.outer(p, p), "p_k where k = j": np.diag(p)}
check("J", J, tg.jacobian(tg.softmax)(z), terms=terms)
""",
        ),
        "network": Task(
            stub="""
dZ2 = ...  # (N, 3)
dW2 = ...  # (16, 3)
db2 = ...  # (3,)
dA = ...  # (N, 16)
dZ1 = ...  # (N, 16)
dW1 = ...  # (2, 16)
db1 = ...  # (16,)
""",
            check="""
def loss_of(W1, b1, W2, b2):
    return tg.softmax_cross_entropy(tg.relu(X @ W1 + b1) @ W2 + b2, y)


rights = tg.grad(loss_of, argnums=(0, 1, 2, 3))(W1, b1, W2, b2)
arriving = tg.grad(tg.softmax_cross_entropy)(Z2, y)
of_the_mean, terms = {"1 / N": 1 / N}, {"- Y / N, the one-hot rows": -np.eye(3)[y] / N}
check("dZ2", dZ2, arriving, factors=of_the_mean, terms=terms)
check("dW2", dW2, rights[2], factors=of_the_mean)
check("db2", db2, rights[3], factors=of_the_mean)
check("dA", dA, arriving @ W2.T)
check("dZ1", dZ1, arriving @ W2.T * (Z1 > 0), factors={"[Z1 > 0]": Z1 > 0})
check("dW1", dW1, rights[0], factors=of_the_mean)
check("db1", db1, rights[1], factors=of_the_mean)
""",
        ),
    },
    "07_build_the_engine": {
        "rules": Task(
            stub="""
OPS = {
    "add":      (np.add,      [lambda g, out, a, b: ..., lambda g, out, a, b: ...]),
    "multiply": (np.multiply, [lambda g, out, a, b: ..., lambda g, out, a, b: ...]),
    "matmul":   (np.matmul,   [lambda g, out, a, b: ..., lambda g, out, a, b: ...]),
    "power":    (np.power,    [lambda g, out, a, n: ...]),
    "exp":      (np.exp,      [lambda g, out, a: ...]),
    "log":      (np.log,      [lambda g, out, a: ...]),
    "relu":     (lambda a: np.maximum(a, 0), [lambda g, out, a: ...]),
    "sum":      (np.sum,      [lambda g, out, a: ...]),
    "row_sum":  (lambda a: a.sum(axis=1, keepdims=True), [lambda g, out, a: ...]),
}
""",
            check="""
a, b = np.array([[0.5, 2.0], [1.5, 0.3]]), np.array([[1.0, -2.0], [0.7, 3.0]])
for op, (function, rules) in OPS.items():
    args = {"power": (a, 3.0), "relu": (a - 1,)}.get(op, (a, b)[: len(rules)])
    out = function(*args)
    g = np.resize([1.0, 2.0, -1.0, 0.5], np.shape(out))  # any gradient
    _, pull = tg.vjp(function, *map(np.asarray, args))
    for k, (rule, right) in enumerate(zip(rules, pull(g))):
        check(f"rule {k} of {op}", rule(g, out, *args), right, factors={"g": g})
""",
        ),
        "unbroadcast": Task(
            stub="""
def unbroadcast(g, shape):
    \"\"\"Sum over what broadcasting repeated.\"\"\"
    return ...
""",
            check="""
g = np.arange(24.0).reshape(2, 3, 4)
for shape, right in {
    (2, 3, 4): g,
    (3, 4): g.sum(axis=0),
    (4,): g.sum(axis=(0, 1)),
    (3, 1): g.sum(axis=(0, 2)).reshape(3, 1),
    (2, 1, 4): g.sum(axis=1).reshape(2, 1, 4),
    (): g.sum(),
}.items():
    check(f"the gradient of shape {shape}", unbroadcast(g, shape), right)
""",
        ),
    },
    "15_convolution": {
        "one_dimension": Task(
            stub="""
y = ...  # (L - K + 1,)
dx = ...  # (L,)
dw = ...  # (K,)
db = ...  # ()
""",
            check="""
right, pull = tg.vjp(tg.conv, x.reshape(1, L, 1), w.reshape(K, 1, 1), np.array([b]))
arrived = [array.ravel() for array in pull(g.reshape(1, -1, 1))]
check("y", y, right.ravel(), terms={"b": b})
check("dx", dx, arrived[0])
check("dw", dw, arrived[1])
check("db", db, arrived[2][0], factors={"1 / the number of places": 1 / len(g)})
""",
        ),
        "as_a_product": Task(
            stub="""
dW = ...  # (K, K, C, out)
db = ...  # (out,)
dx = ...  # (N, H, width, C)
""",
            check="""
_, pull = tg.vjp(tg.conv, x, W, b)
for name, answer, right in zip(("dx", "dW", "db"), (dx, dW, db), pull(G)):
    check(name, answer, right, factors={"1 / N": 1 / N})
""",
        ),
    },
    "16_normalization": {
        "standardize": Task(
            stub="""
dx = ...  # (n,): the gradient in x, from g, hat and s
J = ...  # (n, n): J[i, j] is the derivative of hat[i] by x[j]
""",
            check="""
right, pull = tg.jacobian(tg.standardize)(x), tg.vjp(tg.standardize, x)[1]
terms = {"- mean(g) / s": -g.mean() / s, "- hat mean(g hat) / s": -hat * np.mean(g * hat) / s}
check("dx", dx, pull(g)[0], factors={"1 / s": 1 / s}, terms=terms)
terms = {"- 1 / (n s)": -1 / (n * s), "- hat_i hat_j / (n s)": -np.outer(hat, hat) / (n * s)}
check("J", J, right, factors={"1 / s": 1 / s}, terms=terms)
""",
        ),
        "batch_norm": Task(
            stub="""
by_hand = [..., ..., ...]  # the gradients in x (N, C), w (C,) and b (C,)
""",
            check="""
def normalized(x, w, b):
    return (x - np.mean(x, axis=0)) / np.sqrt(np.var(x, axis=0) + epsilon) * w + b


_, pull = tg.vjp(normalized, x, w, b)
for name, answer, right in zip(("dx", "dw", "db"), by_hand, pull(g)):
    check(name, answer, right, factors={"w": w, "1 / s": 1 / s, "1 / N": 1 / N})
""",
        ),
    },
    "17_recurrence": {
        "through_time": Task(
            stub="""
dx = ...  # (N, T, D)
dW = ...  # (D, H)
dR = ...  # (H, H)
db = ...  # (H,)
""",
            check="""
def states(x, W, R, b):
    state, out = np.zeros((N, H)), []
    for t in range(T):
        state = np.tanh(x[:, t] @ W + state @ R + b)
        out.append(state)
    return np.stack(out, axis=1)


_, pull = tg.vjp(states, x, W, R, b)
for name, answer, right in zip(("dx", "dW", "dR", "db"), (dx, dW, dR, db), pull(g)):
    check(name, answer, right, factors={"1 / T": 1 / T})
""",
        ),
    },
    "18_attention": {
        "gradient": Task(
            stub="by_hand = ..., ..., ...  # the gradients in q, k and v",
            check="""
_, pull = tg.vjp(lambda q, k, v: tg.attention(q, k, v, None, None), q, k, v)
without = P * (g @ v.swapaxes(1, 2)) / np.sqrt(d)  # what is left of dS without its sum
lost = pull(g)[0] - without @ k, pull(g)[1] - without.swapaxes(1, 2) @ q, np.zeros(1)
for name, answer, right, term in zip(("dq", "dk", "dv"), by_hand, pull(g), lost):
    terms = {"- sum of P D over the row": term}
    check(name, answer, right, factors={"1 / the root of d": 1 / np.sqrt(d)}, terms=terms)
""",
        ),
    },
}
