"""A fuzzer of every loader: files damaged at random, and files forged with a right checksum.

Run: python -m tests.fuzz FIRST COUNT prints what was found for the cases FIRST to FIRST + COUNT - 1
as JSON. Each case follows from its number alone, so that one case can be repeated with COUNT 1.
"""

import copy
import gzip
import io
import json
import os
import random
import re
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import nn
import tensorgrad as tg
from examples.photo import read_photo
from nn import archive

try:
    import onnx
except ImportError:  # there are no cases of its files then
    onnx = None

SECONDS, MEMORY = 5, 1 << 30  # that no case may exceed
KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
SUFFIXES = (".png", ".jpg", ".webp", ".gif", ".bmp", ".tiff", ".pgm")
NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3.5, -0.0, 1e308, float("inf"), float("nan"), 2**31, 2**53, 2**64,
    -(2**63), 2**200, 10**18, "", "x", "0.weights", "Dense", "float99", [], {}, [[]], [None], [0] * 700,
    {"kind": "Dense", "config": {}}, {"kind": "Sequential", "config": {"layers": []}},
    {"kind": "Dense", "config": {"n_inputs": 10**9, "n_neurons": 10**9}},
]  # fmt: skip


def network() -> nn.Model:
    """Make the model of the fuzzed files."""
    rng = np.random.default_rng(0)
    layers = [nn.Dense(4, 5, rng=rng), nn.BatchNorm(5), nn.ReLU(), nn.Dropout(0.1, rng=rng)]
    model = nn.Model(nn.Sequential(*layers, nn.Dense(5, 3, rng=rng), nn.Softmax()))
    model.set(
        loss=nn.CategoricalCrossentropy(),
        optimizer=nn.Adam(learning_rate=nn.schedules.step(0.01, every=3)),
        accuracy=nn.CategoricalAccuracy(),
    )
    return model


def model_file(folder: Path, kind: str) -> bytes:
    """Return the bytes of a model inside an epoch, whose shuffling has a generator of a kind."""
    model = network()
    model.rng = np.random.Generator(getattr(np.random, kind)(0))
    X, y = np.random.default_rng(1).normal(size=(9, 4)), np.arange(9) % 3

    class Stop(nn.Callback):
        def on_step_end(self, run: nn.Run) -> None:
            if run.model.optimizer.iterations == 4:
                run.stop("here")

    model.train(X, y, epochs=2, batch_size=3, print_every=0, callbacks=[Stop()])
    model.save(folder / "m")
    return (folder / "m").read_bytes()


def everything(model: nn.Model) -> list[Any]:
    """List all that a file of a model holds, for comparison."""
    states = [model.get_parameters(), model.optimizer and model.optimizer.state_dict()]
    histories = model.history.state_dict()
    return [*states, histories, model.rng.bit_generator.state, repr(model)]


def picture(suffix: str, rng: np.random.Generator) -> bytes:
    shapes = [(12, 9), (12, 9, 3), (12, 9, 4)] if suffix in (".png", ".webp") else [(12, 9, 3)]
    shape = shapes[rng.integers(len(shapes))] if suffix != ".pgm" else (12, 9)
    dtype = np.uint16 if suffix in (".png", ".tiff") and rng.random() < 0.3 else np.uint8
    pixels = rng.integers(0, np.iinfo(dtype).max, shape, dtype)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def onnx_files(folder: Path) -> list[bytes]:
    """Return ONNX files of a dense, a convolutional, a recurrent and an attentive network.

    The last two are networks whose results may grow.
    """
    networks = [
        (network().module, (4,)),
        (nn.Sequential(nn.Conv2D(1, 2, 3, rng=0), nn.MaxPool2D(2), nn.Flatten()), (8, 8, 1)),
        (nn.Sequential(nn.LSTM(3, 4, rng=0), nn.LayerNorm(4)), (5, 3)),
        (nn.TransformerBlock(4, 2, rng=0), (5, 4)),
    ]
    for k, (module, shape) in enumerate(networks):
        module.eval().export(folder / f"{k}.onnx", shape)
    files = [(folder / f"{k}.onnx").read_bytes() for k in range(len(networks))]
    return [
        *files,
        growing(["Tile", "Expand", "Pad"]),
        growing(["Tile", "MatMul", "Gemm", "Outer"]),
    ]


def growing(ops: list[str]) -> bytes:
    """Return an ONNX file of operators whose results are as large as numbers in the file say."""
    helper = onnx.helper
    numbers = {"Tile": [2, 3], "Expand": [3, 2, 12], "Pad": [1] * 6}
    nodes, arrays, last = [], [], "x"
    for k, op in enumerate(ops):
        given, out = [last, f"n{k}"], f"y{k}"
        if op in numbers:
            values = numbers[op]
            arrays.append(helper.make_tensor(f"n{k}", 7, [len(values)], values))
        elif op == "MatMul":
            given = ["column", last]
        elif op == "Gemm":
            given = ["column", "column"]
        how = {"transB": 1} if op == "Gemm" else {}
        if op == "Outer":
            given, how = ["column", "column"], {"equation": "ij,kl->ik"}
        nodes.append(helper.make_node("Einsum" if op == "Outer" else op, given, [out], **how))
        last = out
    nodes.append(helper.make_node("Relu", [last], ["y"]))
    arrays.append(helper.make_tensor("column", 1, [6, 2], [1.0] * 12))
    infos = [
        helper.make_tensor_value_info(name, 1, shape)
        for name, shape in (("x", [1, 4]), ("y", None))
    ]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], arrays)
    imports = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()


def onnx_outputs(path: Path) -> Any:
    """Read a network, and compute it for inputs of the shapes that the file gives."""
    read = nn.from_onnx(path)
    model = onnx.load_model_from_string(path.read_bytes())
    known = {i.name: i.type.tensor_type.shape.dim for i in model.graph.input}
    # Few and small axes, because inputs come from who opens the file.
    shapes = [[min(max(d.dim_value, 1), 9) for d in known[n]][:4] for n in read.input_names]
    try:
        return read(*(tg.Tensor(np.ones(shape, np.float32)) for shape in shapes))
    except TypeError as error:  # of a call, which is that of a wrong dtype
        raise ValueError(str(error)) from error


def forged_onnx(data: bytes, chance: random.Random) -> bytes:
    """Change fields of an ONNX model: shapes, types, operators, names, attributes, places of data."""
    model = onnx.load_model_from_string(data)
    for _ in range(chance.choice([1, 1, 2, 3])):
        part, name, several = chance.choice(list(fields_of(model)))
        value = getattr(part, name)
        number = chance.choice(
            [0, 1, 2, 3, 7, -1, 100, 4096, 30_000, 10**6, 2**31 - 1, 2**40, 2**62, -(2**63)]
        )
        text = chance.choice(["", "x", "Relu", "Conv", "/etc/passwd", "../x", "\0", "y" * 10_000])
        if several:
            how = chance.randrange(3)
            if how == 0:
                del value[chance.randrange(len(value))]
            elif how == 1:
                value.append(copy.deepcopy(chance.choice(value)))
            elif isinstance(value[0], int | float | str | bytes):
                new = {int: number, float: float(number), str: text, bytes: text.encode()}
                value[chance.randrange(len(value))] = new[type(value[0])]
        elif isinstance(value, bytes):
            setattr(part, name, damaged(value, chance))
        elif isinstance(value, str):
            setattr(part, name, text)
        else:
            setattr(part, name, type(value)(number))
    return model.SerializeToString()


def fields_of(message: Any) -> Iterator[tuple[Any, str, bool]]:
    """Yield every field that is set in a message of protocol buffers, and in those inside."""
    for field, value in message.ListFields():
        several = not isinstance(value, int | float | str | bytes) and hasattr(value, "append")
        inner = value if several else [value]
        if several or not hasattr(value, "ListFields"):
            yield message, field.name, several
        for part in inner:
            if hasattr(part, "ListFields"):
                yield from fields_of(part)


def zip_file(kind: int, rng: np.random.Generator) -> bytes:
    """Return a small Fashion-MNIST as the book's zip file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", kind) as file:
        for split in ("train", "test"):
            for label in range(10):
                pixels = rng.integers(0, 256, (28, 28), np.uint8)
                file.writestr(f"{split}/{label}/0.png", cv2.imencode(".png", pixels)[1].tobytes())
    return data.getvalue()


class Loaders:
    """The loaders: valid files, how each is loaded, and what a valid file gives."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self.folder = folder
        self.template = network()
        self.template.save_parameters(folder / "p")
        idx = b"\0\0\x08\3" + struct.pack(">III", 3, 4, 5) + rng.bytes(60)
        models = [model_file(folder, kind) for kind in ("PCG64", "MT19937", "Philox", "SFC64")]
        images = [picture(suffix, rng) for suffix in SUFFIXES for _ in range(3)]
        # name -> valid files, the loader, and True if a checksum notices each change
        self.table: dict[str, tuple[list[bytes], Callable[[Path], Any], bool]] = {
            "model": (models, lambda path: everything(nn.Model.load(path)), True),
            "parameters": ([(folder / "p").read_bytes()], self.parameters, True),
            "idx": ([idx], nn.datasets.read_idx, False),
            "gzip": ([gzip.compress(idx, mtime=0)], nn.datasets.read_idx, True),
            "zip": ([zip_file(kind, rng) for kind in KINDS], self.fashion, True),
            "image_folder": (images, self.image_folder, False),
            "photo": (images, read_photo, False),
        }
        if onnx is not None:
            self.table["onnx"] = (onnx_files(folder), onnx_outputs, False)
        self.valid = {
            name: [self.load(name, data) for data in files] if exact else []
            for name, (files, _, exact) in self.table.items()
        }

    def load(self, name: str, data: bytes) -> Any:
        """Load a file with these bytes; what is returned can be compared."""
        path = self.path(name)
        path.write_bytes(data)
        return self.table[name][1](path)

    def path(self, name: str) -> Path:
        """Return the path of the file of a loader."""
        if name == "image_folder":
            (self.folder / "classes" / "one").mkdir(parents=True, exist_ok=True)
            return self.folder / "classes" / "one" / "fuzzed.png"
        return self.folder / f"fuzzed.{name}"

    def parameters(self, path: Path) -> Any:
        self.template.load_parameters(path)
        return self.template.get_parameters()

    def fashion(self, path: Path) -> Any:
        return list(nn.datasets.fashion_mnist(path, download=False)[:4])

    def image_folder(self, path: Path) -> Any:
        """Read the picture in its folder; where it is none, the error names the folder."""
        return nn.datasets.image_folder(path.parent.parent)[0]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Change bytes as a disk, a network or a careless program does."""
    new = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5, 20])):
        at = chance.randrange(len(new) + 1)
        size = chance.choice([1, 1, 2, 4, 8, 50])
        how = chance.randrange(8)
        if how == 0 and at < len(new):
            new[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            new[at : at + size] = chance.choice([b"\0", b"\xff", b"\x7f", b"\x80"]) * size
        elif how == 2:
            new[at : at + size] = chance.randbytes(size)
        elif how == 3:
            new[at:at] = chance.randbytes(size)
        elif how == 4:
            del new[at : at + size]
        elif how == 5:
            del new[at:]
        elif how == 6:
            start = chance.randrange(len(new) + 1)
            new[at:at] = new[start : start + 10 * size]
        else:
            form = chance.choice(["<I", ">I", "<H", ">H", "<Q", ">Q"])
            number = (
                chance.choice([0, 1, 255, 32767, 65535])
                if form[1] == "H"
                else chance.choice([0, 2**31, 2**32 - 1])
            )
            new[at : at + struct.calcsize(form)] = struct.pack(form, number)
        if not new:
            break
    return bytes(new)


def forged(data: bytes, chance: random.Random, folder: Path) -> bytes:
    """Change the metadata or an array of a model's file, with a checksum that is right."""
    path = folder / "forged"
    path.write_bytes(data)
    arrays, metadata = archive.read_archive(path)
    for _ in range(chance.choice([1, 1, 2, 3])):
        if chance.random() < 0.2:
            name = chance.choice(list(arrays))
            array = arrays.pop(name)
            how = chance.randrange(4)
            if how == 0:
                with np.errstate(invalid="ignore"):  # of numbers that integers do not have
                    arrays[name] = array.astype(chance.choice(["f2", "f8", "i1", "i8", "?"]))
            elif how == 1:
                arrays[name] = np.resize(
                    array, chance.choice([(), (0,), (3,), (2, 2, 2), (0, 2**40)])
                )
            elif how == 2:
                arrays[chance.choice(["x", name + ".x", "parameters.", "."])] = array
        else:
            change(metadata, chance)
    archive.write_archive(path, arrays, metadata)
    return path.read_bytes()


def change(value: Any, chance: random.Random) -> None:
    """Put something nasty somewhere into JSON, remove something, or put it elsewhere."""
    holders = []
    level = [value]
    while level:
        holders += level
        inner = [v for part in level for v in (part.values() if isinstance(part, dict) else part)]
        level = [part for part in inner if isinstance(part, dict | list)]
    holder = chance.choice([part for part in holders if part] or [{"x": 0}])
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    key = chance.choice(keys)
    how = chance.randrange(10)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[chance.choice(["x", "kind", "config", "names", "state"])] = holder.pop(key)
    elif how == 2 and isinstance(holder, list):
        holder.append(holder[key])
    elif how == 3:
        holder[key] = json.loads("[" * 300 + "]" * 300)
    elif how == 4:
        holder[key] = chance.choice(holders[1:] or [1]) if chance.random() < 0.5 else "x" * 10_000
        holder[key] = (
            json.loads(json.dumps(holder[key], default=str)) if holder[key] is not holder else 0
        )
    else:
        holder[key] = copy.deepcopy(chance.choice(NASTY))  # or later cases would change it


def run_case(loaders: Loaders, number: int) -> tuple[str, str]:
    """Run one case; return its loader and what is wrong with the result, or an empty string."""
    chance = random.Random(number)
    name = chance.choice(["model", "model", *loaders.table])
    files, _, exact = loaders.table[name]
    k = chance.randrange(len(files))
    is_forged = name in ("model", "parameters", "onnx") and chance.random() < 0.5
    try:
        if not is_forged:
            data = damaged(files[k], chance)
        elif name == "onnx":
            data = forged_onnx(files[k], chance)
        else:
            data = forged(files[k], chance, loaders.folder)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return name, ""  # what no writer can write
    try:
        value = loaders.load(name, data)
    except (ValueError, OSError) as error:
        where = loaders.path(name)
        named = where.parent if name == "image_folder" else where
        if type(error) is not ValueError and not isinstance(error, OSError):
            return name, f"raw {type(error).__name__}: {error}"
        return name, "" if str(named) in str(error) else f"without the file's name: {error}"
    except Exception as error:
        return name, f"raw {type(error).__name__}: {error}"
    if exact and not is_forged:
        try:
            np.testing.assert_equal(value, loaders.valid[name][k])
        except AssertionError:
            return name, "a silent change"
    return name, ""


def main(first: int, count: int) -> dict[str, Any]:
    """Run cases, and return the number of each loader and what was found."""
    found: list[tuple[int, str, str]] = []
    numbers, slowest = Counter(), 0.0
    warnings.simplefilter("ignore")
    os.fsync = lambda _: None  # nothing here must outlive a crash, and waiting for a disk is slow
    with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
        loaders = Loaders(Path(folder))
        for number in range(first, first + count):
            sys.stderr.write(f"\r{number}")  # the last one, if the process crashes
            began = time.perf_counter()
            name, wrong = run_case(loaders, number)
            seconds = time.perf_counter() - began
            numbers[name] += 1
            slowest = max(slowest, seconds)
            if seconds > SECONDS:
                wrong = wrong or f"took {seconds:.1f} s"
            if wrong:
                found.append((number, name, wrong[:300]))
    return {"found": found, "cases": dict(numbers), "slowest": slowest, "peak": peak_memory()}


def peak_memory() -> int:
    """Return the largest memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # because getrusage counts the process that started this one, too
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) * 1024
    import resource  # which Windows lacks

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
