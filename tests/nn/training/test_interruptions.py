"""Interruptions: a step is whole or not begun, and nothing stays switched off, at any line."""

import ast
import functools
import gc
import hashlib
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nn
import tensorgrad as tg
from nn import archive
from nn.training import interruptions, loop
from tensorgrad.engine.state import STATE

pytest.importorskip("safetensors", reason="the models are saved")

ROOT = Path(nn.__file__).parents[1]
START = STATE.get()
SAMPLE = 40  # of the lines, of which the long tests take all
PARTS = 12  # of the longest test
rng = np.random.default_rng(0)
X, y = rng.normal(size=(24, 5)).astype(np.float32), np.arange(24) % 3


@nn.register
class Counting(nn.Module):
    """A layer with state that each step changes."""

    def __init__(self) -> None:
        self.buffer("seen", np.zeros((), np.int64))

    def forward(self, x):
        if self.training:
            self.seen = self.seen + len(x)
        return x


def model() -> nn.Model:
    rng = np.random.default_rng(1)
    layers = [nn.Dense(5, 8, rng=rng), Counting(), nn.ReLU(), nn.Dropout(0.3, rng=rng)]
    made = nn.Model(nn.Sequential(*layers, nn.Dense(8, 3, rng=rng), nn.Softmax()))
    made.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.Adam(learning_rate=0.01),
        accuracy=nn.CategoricalAccuracy(),
    )
    made.rng = np.random.default_rng(2)
    return made


def train(model: nn.Model, epochs: int = 2) -> None:
    model.train(X, y, epochs=epochs, batch_size=8, print_every=0, validation_data=(X, y))


def digest(model: nn.Model) -> str:
    """Return a checksum of everything that a step changes."""
    optimizer = model.optimizer  # which has no parameters before the training
    parts = [model.get_parameters(), optimizer.iterations and optimizer.state_dict()]
    parts += [g.bit_generator.state for g in (model.rng, model.module[3].rng)]
    parts += [{k: np.array(v, float) for k, v in model.history.steps.items() if k != "time"}]
    with np.printoptions(floatmode="unique", threshold=sys.maxsize):
        return hashlib.sha256(repr(parts).encode()).hexdigest()


@functools.cache
def reference() -> dict[int, str]:
    """Map the number of steps to the digest after so many steps of an uninterrupted training."""
    watched = model()
    table = {0: digest(watched)}
    take = loop.take_step

    def take_step(*args):
        figures = take(*args)
        table[watched.optimizer.iterations] = digest(watched)
        return figures

    loop.take_step = take_step
    try:
        train(watched)
    finally:
        loop.take_step = take
    assert len(table) == 7
    return table


def stop_after(model: nn.Model, steps: int) -> None:
    """Train until so many steps are taken, then stop as Ctrl-C does."""
    add = model.history.add_step

    def add_step(*args):
        add(*args)
        if model.optimizer.iterations == steps:
            signal.raise_signal(signal.SIGINT)

    model.history.add_step = add_step
    try:
        with pytest.raises(KeyboardInterrupt):
            train(model, 2 - len(model.history))
    finally:
        del model.history.add_step


# At every line


@functools.cache
def undoing(file: str) -> set[int]:
    """Return the lines of a file that lie in a `finally` or an `__exit__`."""
    lines = set()
    for node in ast.walk(ast.parse(Path(file).read_text("utf-8"))):
        body = getattr(node, "finalbody", [])
        if isinstance(node, ast.FunctionDef) and node.name == "__exit__":
            body = node.body
        for part in body:
            lines.update(range(part.lineno, part.end_lineno + 1))
    return lines


@functools.cache
def first_undoing(file: str) -> set[int]:
    """Return the first line of each `finally` of a file.

    Python handles no signal between the end of a call in `try` and the first call in `finally`.
    """
    nodes = ast.walk(ast.parse(Path(file).read_text("utf-8")))
    return {node.finalbody[0].lineno for node in nodes if getattr(node, "finalbody", None)}


@functools.cache
def names_in_with(file: str) -> dict:
    """Map the lines of a file that have a `with` of a variable to the expressions of these."""
    nodes = ast.walk(ast.parse(Path(file).read_text("utf-8")))
    items = [(node.lineno, node.items[0].context_expr) for node in nodes if type(node) is ast.With]
    return {
        line: compile(ast.Expression(expression), file, "eval")
        for line, expression in items
        if isinstance(expression, ast.Name | ast.Attribute)
    }


@functools.cache
def lines_with(file: str) -> set[int]:
    """Return the lines of a file that have a `with`, to which Python comes back as it leaves."""
    nodes = ast.walk(ast.parse(Path(file).read_text("utf-8")))
    return {node.lineno for node in nodes if type(node) is ast.With}


LOCKS = type(threading.Lock()), type(threading.RLock())


def is_locking(frame) -> bool:
    """Return True at a `with` of a lock, which no signal can end before its `__exit__`, in C."""
    expression = names_in_with(frame.f_code.co_filename).get(frame.f_lineno)
    if expression is None:
        return False
    return isinstance(eval(expression, frame.f_globals, frame.f_locals), LOCKS)


@functools.cache
def is_library(file: str) -> bool:
    return file.startswith((str(ROOT / "nn"), str(ROOT / "tensorgrad")))


def is_undoing(frame) -> bool:
    """Return True in a `finally` or an `__exit__` of the library, and in what these call."""
    while frame is not None:
        file = frame.f_code.co_filename
        if is_library(file) and frame.f_lineno in undoing(file):
            return True
        frame = frame.f_back
    return False


class At:
    """A trace function that acts when a line of the library is about to run for the n-th time.

    With `between_bytecodes`, lines are places between two bytecodes.
    """

    def __init__(self, action, line=None, count=1, *, also_undoing=False, between_bytecodes=False):
        self.action, self.line, self.left = action, line, count
        self.also_undoing, self.between_bytecodes = also_undoing, between_bytecodes
        self.lines = {}  # (file, line) -> how often it ran

    def __call__(self, frame, event, _):
        file = frame.f_code.co_filename
        if not is_library(file) or (self.line and file != self.line[0]):
            return None
        # Once for each call, because who called it does not go on meanwhile.
        excluded = first_undoing(file) if self.also_undoing else undoing(file)
        if not self.also_undoing and is_undoing(frame.f_back):
            return None
        if self.between_bytecodes:
            frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def reached(frame, event, _):
            here = event in ("line", "opcode") and frame.f_lineno not in excluded
            if here and not is_locking(frame):
                self.reach((file, self._place(frame)))
            return reached

        return reached

    def _place(self, frame):
        if self.between_bytecodes:
            return frame.f_code.co_qualname, frame.f_code.co_firstlineno, frame.f_lasti
        return frame.f_lineno

    def reach(self, line) -> None:
        if self.line is None:
            self.lines[line] = self.lines.get(line, 0) + 1
        elif line == self.line:
            self.left -= 1
            if self.left == 0:
                self.action()

    def run(self, function):
        sys.settrace(self)
        try:
            function()
        finally:
            sys.settrace(None)


class Stop(BaseException):
    """An interruption, which no handler of errors catches."""


# Raised in the callback of a weak reference, it can only be reported; and a file of the system that
# was open at the moment is closed by the garbage collection.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collected():
    """Collect the garbage of each test here, so that no warning comes in one of another file."""
    yield
    gc.collect()


def stop():
    raise Stop


def assert_switched_on(model: nn.Model, before: dict) -> None:
    state = STATE.get()
    STATE.set(START)
    assert state is START
    assert switches(model) == before


def switches(model: nn.Model) -> dict:
    found = {"modes": [m.training for m in model.module.modules()]}
    found["handlers"] = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    found["forward"] = ["forward" in vars(m) for m in model.module.modules()]
    found["errors"] = np.geterr()
    found["threads"] = [library.num_threads for library in blas_libraries()]
    return found


@functools.cache
def blas_libraries() -> list:
    try:
        import threadpoolctl
    except ImportError:
        return []
    return threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers


x = tg.Tensor(np.arange(1.0, 4), requires_grad=True)


def transforms() -> None:
    def f(v):
        return np.sum(v**3)

    tg.value_and_grad(f)(np.ones(2))
    tg.hessian(f)(np.ones(2))
    tg.jvp(f, (np.ones(2),), (np.ones(2),))
    tg.vjp(f, np.ones(2))[1](1.0)
    tg.check_grads(f, np.ones(2))
    np.sum(tg.checkpoint(lambda v: np.exp(v) * v)(x)).backward()
    tg.no_grad(f)(x)
    copied = x * 1
    view = copied[:2]
    copied[0] = 5.0
    np.sum(view).backward()


def operations() -> None:
    """Call what sets NumPy's handling of errors for its own numbers."""
    a = np.arange(1.0, 7).reshape(2, 3)
    v = tg.Tensor(a, requires_grad=True)
    values = [tg.logsumexp(v), np.median(v), np.quantile(v, 0.3), np.pad(v, 1, "linear_ramp")]
    values += [np.add.accumulate(v), np.nanmean(v), np.sqrt(v), np.log(v)]
    functools.reduce(np.add, map(np.sum, values)).backward()
    logs = tg.compile(tg.grad(lambda x: np.sum(np.log(x))))
    for _ in range(2):
        logs(a)
    network = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.Dense(4, 1))
    optimizer = nn.SGD(network.parameters(), learning_rate=0.1, clip_norm=1.0)
    np.sum(network(a.astype(np.float32))).backward()
    optimizer.step()


ACTIONS = {
    "train": train,
    "predict": lambda m: m.predict(X),
    "evaluate": lambda m: m.evaluate(X, y, verbose=False),
    "summary": lambda m: m.summary((5,)),
    "draw": lambda m: m.draw(X),
    "transforms": lambda _: transforms(),
    "operations": lambda _: operations(),
}


def lines_of(action, **options) -> dict:
    probe = At(None, **options)
    made = model()
    probe.run(lambda: action(made))
    return probe.lines


def places(action, every: bool, **options):
    """Yield lines, with the number of the time.

    These are all lines, each at its first two times, one in the middle and the last; or a sample
    of lines at the first time, and each line with a `with` as it leaves that.
    """
    for k, (line, count) in enumerate(lines_of(action, **options).items()):
        if every:
            yield from ((line, n) for n in sorted({1, min(2, count), (count + 1) // 2, count}))
        elif k % SAMPLE == 0:
            yield line, 1
        elif count > 1 and line[1] in lines_with(line[0]):
            yield line, 2


def raised_at_every_line(name: str, every: bool) -> int:
    action = ACTIONS[name]
    action(model())  # what is loaded at first use
    hits = 0
    for line, count in places(action, every):
        made = model()
        before = switches(made)
        try:
            At(stop, line, count).run(lambda m=made: action(m))
        except Stop:
            hits += 1
        assert_switched_on(made, before)
    return hits


@pytest.mark.parametrize("name", ACTIONS)
def test_what_is_switched_off_is_on_again_after_an_error_at_any_line(name):
    assert raised_at_every_line(name, every=False) > 3


@pytest.mark.long
@pytest.mark.parametrize("name", ACTIONS)
def test_what_is_switched_off_is_on_again_after_an_error_at_all_lines(name):
    assert raised_at_every_line(name, every=True) > 100


def interrupted(places, **options) -> int:
    """Send Ctrl-C at each place, and compare the model with the reference."""
    train(model())
    table, hits = reference(), 0
    for line, count in places:
        made = model()
        before = switches(made)
        at = At(lambda: signal.raise_signal(signal.SIGINT), line, count, **options)
        try:
            at.run(lambda m=made: train(m))
        except KeyboardInterrupt:
            hits += 1
        else:
            continue  # it does not run in each training
        assert_switched_on(made, before)
        assert digest(made) == table[made.optimizer.iterations], line
        if len(made.history) < 2:
            train(made, 2 - len(made.history))
            assert digest(made) == table[6], line
    return hits


LINES = {"also_undoing": True}  # `finally` included
BYTECODES = LINES | {"between_bytecodes": True}


def test_a_signal_at_any_line_leaves_a_whole_step():
    assert interrupted(places(train, False, **LINES), **LINES) > 10


def test_a_signal_between_two_bytecodes_leaves_a_whole_step():
    sample = [*places(train, True, **BYTECODES)][:: 10 * SAMPLE]
    assert interrupted(sample, **BYTECODES) > 10


@pytest.mark.long
def test_a_signal_at_all_lines_leaves_a_whole_step():
    assert interrupted(places(train, True, **LINES), **LINES) > 2000


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_a_signal_between_any_two_bytecodes_leaves_a_whole_step(part):
    every = [*places(train, True, **BYTECODES)]
    assert interrupted(every[part::PARTS], **BYTECODES) > 1000


# Callbacks with a state


def watched_train(made: nn.Model) -> nn.Callback:
    """Train for what is left of two epochs with callbacks that have states."""
    average = nn.ExponentialMovingAverage(0.9)
    patient = nn.EarlyStopping("val_loss", patience=1, restore_best=True)
    epochs = 2 - len(made.history)
    if epochs:
        options = {"batch_size": 8, "print_every": 0, "validation_data": (X, y)}
        made.train(X, y, epochs=epochs, callbacks=[average, patient], **options)
    return average


@functools.cache
def watched_reference() -> tuple[str, list[bytes]]:
    made = model()
    average = watched_train(made)
    return digest(made), [a.tobytes() for a in average.averages.values()]


def resumed_with_callbacks(places) -> int:
    """Interrupt a training with callbacks at each place, resume it, and compare the end."""
    watched_train(model())
    whole, hits = watched_reference(), 0
    for line, count in places:
        made = model()
        before = switches(made)
        at = At(lambda: signal.raise_signal(signal.SIGINT), line, count, **LINES)
        try:
            at.run(lambda m=made: watched_train(m))
        except KeyboardInterrupt:
            hits += 1
        assert_switched_on(made, before)
        if len(made.history) < 2:
            average = watched_train(made)
            assert [a.tobytes() for a in average.averages.values()] == whole[1], line
        assert digest(made) == whole[0], line
    return hits


def test_a_signal_at_any_line_loses_no_step_of_a_callback():
    assert resumed_with_callbacks(places(watched_train, False, **LINES)) > 10


@pytest.mark.long
def test_a_signal_at_all_lines_loses_no_step_of_a_callback():
    assert resumed_with_callbacks(places(watched_train, True, **LINES)) > 2000


def test_a_callback_may_evaluate_the_model_inside_a_step():
    """The signal waits for the end of the step all the same."""
    made, seen = model(), []

    class Evaluating(nn.Callback):
        def state_dict(self):
            return {"seen": len(seen)}

        def on_step_end(self, run):
            signal.raise_signal(signal.SIGINT)
            made.evaluate(X, y, verbose=False)
            seen.append(run.step)

    with pytest.raises(KeyboardInterrupt):
        made.train(X, y, batch_size=8, print_every=0, callbacks=[Evaluating()])
    assert seen == [1]


# What is loaded


def stepped() -> tuple[nn.Sequential, nn.Optimizer]:
    """Make a network and an optimizer with states, after two steps."""
    rng = np.random.default_rng(1)
    network = nn.Sequential(nn.Dense(3, 4, rng=rng), nn.BatchNorm(4), nn.Dense(4, 2, rng=rng))
    optimizer = nn.SGD(network.parameters(), learning_rate=0.1, momentum=0.9, nesterov=True)
    for _ in range(2):
        optimizer.zero_grad()
        np.sum(network(rng.normal(size=(5, 3)).astype(np.float32)) ** 2).backward()
        optimizer.step()
    return network, optimizer


def parts_of(network, optimizer):
    arrays = [a.tobytes() for a in network.state_dict().values()]
    same = {id(p) for group in optimizer.groups for p in group["parameters"]}
    assert same == {*map(id, optimizer.parameters)}
    state = optimizer.state_dict()
    states = [a.tobytes() for arrays in state["states"].values() for a in arrays]
    return arrays, state["settings"], state["iterations"], states, len(optimizer.parameters)


def load_network(network, _):
    network.load_state_dict({name: a + 1 for name, a in network.state_dict().items()})


def load_optimizer(_, optimizer):
    state = optimizer.state_dict()
    settings = state["settings"] | {"learning_rate": 0.5, "nesterov": False}
    states = {name: [a + 1 for a in arrays] for name, arrays in state["states"].items()}
    optimizer.load_state_dict({"settings": settings, "iterations": 9, "states": states})


def give_parameters(network, optimizer):
    optimizer.parameters = network.parameters()[:2]


def loaded_all_or_nothing(load, **options):
    probe, made = At(None, **options), stepped()
    before = parts_of(*made)
    probe.run(lambda: load(*made))
    after, seen = parts_of(*made), set()
    assert before != after
    for place in probe.lines:
        made = stepped()
        try:
            At(stop, place, 1, **options).run(lambda made=made: load(*made))
        except Stop:
            found = parts_of(*made)
            assert found in (before, after), place
            seen.add(found == before)
    assert True in seen
    made[1].step()  # the last of them is as good as new


LOADINGS = [(load_network, LINES), (load_optimizer, LINES), (give_parameters, BYTECODES)]


@pytest.mark.parametrize(("load", "options"), LOADINGS, ids=["network", "optimizer", "parameters"])
def test_an_interruption_loads_all_or_nothing(load, options):
    loaded_all_or_nothing(load, **options)


@pytest.mark.long
@pytest.mark.parametrize("load", [load_network, load_optimizer], ids=["network", "optimizer"])
def test_an_interruption_between_any_two_bytecodes_loads_all_or_nothing(load):
    loaded_all_or_nothing(load, **BYTECODES)


# At random moments


def randomly_interrupted(times: int) -> int:
    """Stop so many trainings by a real signal of a timer; return how many left half a step."""
    table, torn, hits, tries = reference(), 0, 0, 0
    moments = np.random.default_rng(3)
    duration = 0.05  # of a training, in seconds, measured at each that was not stopped

    def handle(*_):
        raise Stop

    old = signal.signal(signal.SIGALRM, handle)
    try:
        while hits < times:
            tries += 1
            assert tries < 10 * times
            made = model()
            before = switches(made)
            began = time.perf_counter()
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, moments.uniform(1e-4, 1.2 * duration))
                    train(made)
                    duration = time.perf_counter() - began
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Stop:  # also one that came in the last line
                hits += 1
            torn += digest(made) != table[made.optimizer.iterations]
            assert_switched_on(made, before)
    finally:
        signal.signal(signal.SIGALRM, old)
    return torn


needs_timer = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")


@needs_timer
def test_a_signal_at_a_random_moment_leaves_a_whole_step():
    assert randomly_interrupted(60) == 0


@needs_timer
@pytest.mark.long
def test_a_thousand_signals_leave_whole_steps():
    assert randomly_interrupted(1000) == 0


# The guard


def test_every_handler_waits_for_the_end_of_a_step_and_is_given_back():
    seen, guard = [], interruptions.StepGuard()

    def handler(number, _):
        seen.append(number)

    old = {n: signal.signal(n, handler) for n in (signal.SIGINT, signal.SIGTERM)}
    try:

        def step():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert seen == []

        def run():
            guard.step(step)
            assert seen == [signal.SIGTERM, signal.SIGINT]
            signal.raise_signal(signal.SIGTERM)  # between steps it does not wait
            assert len(seen) == 3

        guard.call(run, lambda: None)
        assert all(signal.getsignal(n) is handler for n in old)
    finally:
        for number, before in old.items():
            signal.signal(number, before)


def test_a_handler_that_was_set_during_the_training_stays():
    guard = interruptions.StepGuard()
    old = signal.getsignal(signal.SIGTERM)
    mine = lambda *_: None
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        guard.call(lambda: signal.signal(signal.SIGTERM, mine), lambda: None)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_second_interruption_stops_at_once_and_says_so(capsys):
    guard, reached = interruptions.StepGuard(), []

    def step():
        signal.raise_signal(signal.SIGINT)
        reached.append(1)
        signal.raise_signal(signal.SIGINT)
        reached.append(2)

    with pytest.raises(KeyboardInterrupt) as caught:
        guard.call(lambda: guard.step(step), lambda: None)
    assert reached == [1]
    assert interruptions.is_half_step(caught.value)
    assert "may hold half of the step; load the last checkpoint" in capsys.readouterr().err
    assert not interruptions.is_half_step(KeyboardInterrupt())
    guard.call(lambda: guard.step(lambda: None), lambda: None)  # nothing is left waiting


def test_a_training_inside_a_training():
    """As in a callback: the inner one defers, and gives the handlers back to the outer one."""
    outer, inner, seen = interruptions.StepGuard(), interruptions.StepGuard(), []
    old = signal.signal(signal.SIGTERM, lambda n, _: seen.append(n))

    def inside():
        signal.raise_signal(signal.SIGTERM)
        assert seen == []

    def run():
        inner.call(lambda: inner.step(inside), lambda: None)
        assert len(seen) == 1
        outer.step(inside_outer)

    def inside_outer():
        signal.raise_signal(signal.SIGTERM)
        assert len(seen) == 1

    try:
        outer.call(run, lambda: None)
        assert len(seen) == 2
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_model_with_its_guard_is_copied_and_pickled():
    import copy
    import pickle

    made = model()
    stop_after(made, 4)
    for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert again.guard is not made.guard
        train(again, 1)
        assert digest(again) == reference()[6]


def test_ctrl_c_before_the_first_step_leaves_the_model():
    made = model()

    class Raising(np.ndarray):
        def __array_finalize__(self, other):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        made.train(X.view(Raising), y, print_every=0)
    assert digest(made) == reference()[0]


# Threads


def test_a_file_saved_while_another_thread_trains_is_of_one_step(tmp_path):
    made = model()
    enough = threading.Event()

    def run():
        while not enough.is_set():
            train(made, 1)

    thread = threading.Thread(target=run)
    thread.start()
    seen = set()
    try:
        for _ in range(2000):  # however fast each of the two is
            if not thread.is_alive() or (len(seen) >= 20 and any(steps % 3 for steps in seen)):
                break
            made.save(tmp_path / "m")
            arrays, metadata = archive.read_archive(tmp_path / "m")
            steps = len(arrays["history.steps.loss"])
            assert steps == metadata["iterations"] == arrays["parameters.1.seen"] / 8
            seen.add(steps)
    finally:
        enough.set()
        thread.join()
    assert len(seen) >= 20
    assert any(steps % 3 for steps in seen)  # inside an epoch


def test_blas_threads_come_back_after_trainings_in_several_threads():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def numbers():
        infos = threadpoolctl.threadpool_info()
        return [info["num_threads"] for info in infos if info["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = numbers()
        models = [model() for _ in range(4)]
        threads = [threading.Thread(target=train, args=(m, 3 + k)) for k, m in enumerate(models)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert numbers() == before


# Resuming inside an epoch


@pytest.mark.parametrize("step", range(1, 6))
def test_a_file_from_inside_an_epoch_resumes_bit_for_bit(step, tmp_path):
    made = model()
    stop_after(made, step)
    made.save(tmp_path / "m")
    loaded = nn.Model.load(tmp_path / "m")
    loaded.save(tmp_path / "again")  # also when it is saved before it goes on
    whole = model()
    train(whole)
    for resumed in (made, loaded, nn.Model.load(tmp_path / "again")):
        train(resumed, 2 - len(resumed.history))
        assert digest(resumed) == reference()[6]
        for name, numbers in whole.history.epochs.items():
            if name != "time":
                assert resumed.history.epochs[name] == numbers


def test_other_batches_or_a_seed_begin_a_new_epoch():
    for change in ({"batch_size": 6}, {"shuffle": False}, {"seed": 5}, {"n": 16}):
        made = model()
        stop_after(made, 1)
        n = change.pop("n", 24)
        settings = {"batch_size": 8, "print_every": 0} | change
        made.train(X[:n], y[:n], **settings)
        size = settings["batch_size"]
        assert len(made.history.steps["loss"]) == 1 + n // size


WRONG_EPOCHS = [
    ({"step": 0}, "the step of its epoch cannot be 0"),
    ({"step": 99}, "its epoch cannot have 99 steps"),
    ({"step": True}, "the step of its epoch cannot be True"),
    ({"samples": 2**60}, "the samples of its epoch cannot be 1152921504606846976"),
    ({"batch_size": 0}, "the batch_size of its epoch cannot be 0"),
    ({"seconds": float("nan")}, "the seconds of its epoch cannot be nan"),
    ({"shuffle": 1}, "the shuffle of its epoch cannot be 1"),
    ({"data_loss": 3}, "the data_loss of its epoch cannot be 3"),
    ({"penalty": {"total": 1.0}}, "the penalty of its epoch cannot be"),
    ({"random": {"bit_generator": "Secret"}}, "'Secret' is not one of"),
]


@pytest.mark.parametrize(("change", "words"), WRONG_EPOCHS)
def test_a_forged_epoch_is_refused(change, words, tmp_path):
    made = model()
    stop_after(made, 1)
    made.save(tmp_path / "m")
    arrays, metadata = archive.read_archive(tmp_path / "m")
    metadata["epoch"] |= change
    archive.write_archive(tmp_path / "m", arrays, metadata)
    with pytest.raises(ValueError, match=words):
        nn.Model.load(tmp_path / "m")


def test_forged_sums_of_an_epoch_are_refused(tmp_path):
    made = model()
    stop_after(made, 1)
    made.save(tmp_path / "m")
    arrays, metadata = archive.read_archive(tmp_path / "m")
    for sums in ({"epoch.accuracy": np.zeros(7)}, {"epoch.other": np.zeros(2)}):
        kept = {k: a for k, a in arrays.items() if not k.startswith("epoch.")}
        archive.write_archive(tmp_path / "m", kept | sums, metadata)
        with pytest.raises(ValueError, match=r"the model in .*m is not usable"):
            nn.Model.load(tmp_path / "m")
