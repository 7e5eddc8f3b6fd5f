"""The page of every public name, written from the docstrings and signatures themselves.

python -m docs.api writes it anew.
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import nn
import tensorgrad
from tensorgrad import Tensor

PAGE = Path(__file__).with_name("api.md")
INTRODUCTION = """\
# The public names

Written by `python -m docs.api` from the docstrings; a test keeps it up to date. `tensorgrad` is
imported as `tg`. In shapes, `N` is the number of samples, `D` the number of features that go in,
`H` of those that come out, `C` the number of classes, and `(...)` any shape.

<!-- fmt: off -->
"""


class Group(NamedTuple):
    """A chapter of the page: all public names that come from these modules."""

    title: str
    modules: tuple[str, ...]
    arrays: bool = False  # its functions and layers take arrays, whatever their hints say


GROUPS = (
    Group("Tensor", ("tensorgrad.engine.tensor",)),
    Group("Recording", ("tensorgrad.engine.state",)),
    Group("Derivatives of functions", ("tensorgrad.transforms",)),
    Group("Functions that NumPy lacks", ("tensorgrad.ops",), arrays=True),
    Group("Declaring operations", ("tensorgrad.rules",)),
    Group("Checking", ("tensorgrad.debug",)),
    Group("Drawing", ("tensorgrad.draw",)),
    Group("Modules", ("nn.module", "nn.config")),
    Group("Layers", ("nn.layers",), arrays=True),
    Group("Losses", ("nn.losses",), arrays=True),
    Group("Metrics", ("nn.metrics",), arrays=True),
    Group("Optimizers", ("nn.optim",)),
    Group("Training", ("nn.training",)),
    Group("Data sets", ("nn.data",)),
    Group("Initializers", ("nn.layers.init",)),
)
OURS = ("tensorgrad", "nn")
SECTIONS = ("Shapes", "Units", "Raises", "Source")
ARRAYS = re.compile(r"(Tensor|ndarray|ArrayLike)( \| .*)?")  # hints of a parameter that is an array
LETTERS = {"x", "X", "y", "z", "g", "w", "X_val", "y_val", "y_pred"}  # and names of one
DOTTED = re.compile(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")  # in `numpy.random.Generator`


class Entry(NamedTuple):
    """A public name, or a public member of a public class."""

    name: str
    value: Any
    owner: type | None = None

    @property
    def text(self) -> str:
        """The docstring; of a plain value, the comment above it or on its line."""
        return assignment(self)[1] if is_plain(self) else inspect.getdoc(self.value) or ""

    @property
    def group(self) -> Group:
        """The chapter of the most specific module that the name comes from."""
        home = assignment(self)[0] if is_plain(self) else self.value.__module__
        fitting = [
            (len(module), group)
            for group in GROUPS
            for module in group.modules
            if f"{home}.".startswith(f"{module}.")
        ]
        if not fitting:
            raise LookupError(f"{self.name} comes from {home}, which no group of docs/api.py names")
        return max(fitting, key=lambda pair: pair[0])[1]


def is_plain(entry: Entry) -> bool:
    """Tell a value, such as a tuple or a type alias, from a function, a class or a property."""
    return not isinstance(entry.value, (type, property)) and not inspect.isroutine(entry.value)


def assignment(entry: Entry) -> tuple[str, str]:
    """Find the module that assigns a plain value, and the comment above it or on its line."""
    name = entry.name.rpartition(".")[2]
    line = re.compile(rf"^(?:# (.*)\n)?{name}(?:: .*)? = .*?(?:  # (.*))?$", re.MULTILINE)
    for module in list(sys.modules.values()):
        if module.__name__.split(".")[0] in OURS:
            found = line.search(inspect.getsource(module))
            if found:
                return module.__name__, next(filter(None, found.groups()), "")
    return "", ""


def entries() -> list[Entry]:
    """List every public name of the two packages and of their public modules."""
    found = []
    for prefix, package in (("tg", tensorgrad), ("nn", nn)):
        for name in package.__all__:
            value = getattr(package, name)
            if isinstance(value, ModuleType):
                inner = ((f"{prefix}.{name}.{n}", getattr(value, n)) for n in value.__all__)
                found += [Entry(*pair) for pair in inner]
            else:
                found.append(Entry(f"{prefix}.{name}", value))
    return sorted(found, key=lambda entry: entry.name.lower())


def members(entry: Entry) -> Iterator[Entry]:
    """Yield the public methods and properties of a class, except those of a public base."""
    if not isinstance(entry.value, type):
        return
    public = {e.value for e in entries() if isinstance(e.value, type)} - {entry.value}
    bases = [base for base in entry.value.__mro__ if base in public]
    foreign = [c for c in entry.value.__mro__ if c.__module__.split(".")[0] not in OURS]
    covered = {c for base in [*bases, *foreign] for c in base.__mro__}
    for name in sorted({n for c in entry.value.__mro__ if c not in covered for n in vars(c)}):
        home = next(c for c in entry.value.__mro__ if name in vars(c))
        value = inspect.getattr_static(entry.value, name)
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        overrides = any(hasattr(base, name) for base in bases)
        described = isinstance(value, property) or inspect.isroutine(value)
        if name.startswith("_") or not described or home in covered:
            continue
        if value.__doc__ or not overrides:
            yield Entry(name, value, entry.value)


def signature(entry: Entry, width: int = 100) -> str:
    """Write a name with its parameters, hints and defaults, as short as it can be read."""
    name = entry.name
    if is_plain(entry):
        value = entry.value
        return f"{name} = {value!r}" if isinstance(value, tuple) else f"{name} = {short(value)}"
    is_error = isinstance(entry.value, type) and issubclass(entry.value, Exception)
    if isinstance(entry.value, property) or is_error:
        return name
    full = inspect.signature(entry.value)
    parameters = list(full.parameters.values())
    if entry.owner is not None and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    shown = full.replace(
        parameters=[p.replace(annotation=inspect.Parameter.empty) for p in parameters],
        return_annotation=inspect.Signature.empty,
    )
    parts = [with_hint(p) for p in parameters]
    kinds = [p.kind for p in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parts.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    if inspect.Parameter.POSITIONAL_ONLY in kinds:
        last = len(kinds) - kinds[::-1].index(inspect.Parameter.POSITIONAL_ONLY)
        parts.insert(last, "/")
    result = full.return_annotation
    arrow = "" if shown.empty is result or isinstance(entry.value, type) else f" -> {short(result)}"
    line = f"{name}({', '.join(parts)}){arrow}"
    if len(line) <= width:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){arrow}"


def with_hint(parameter: inspect.Parameter) -> str:
    """Write one parameter as in the source, with the hint without its modules."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    text = stars.get(parameter.kind, "") + parameter.name
    hinted = parameter.annotation is not parameter.empty
    if hinted:
        text += f": {short(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return text
    default = getattr(parameter.default, "__name__", None) or repr(parameter.default)
    return f"{text} = {default}" if hinted else f"{text}={default}"


def short(hint: Any) -> str:
    """Write a type hint without the modules that its names come from."""
    text = hint if isinstance(hint, str) else inspect.formatannotation(hint)
    return DOTTED.sub("", text).replace("'", "").replace("NoneType", "None").lstrip("~")


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, in one line."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=[.?!])\s+(?=[A-Z`])", paragraph, maxsplit=1)[0]


def missing() -> list[str]:
    """List the public names and members without a docstring, or without the shapes they need."""
    found = []
    for entry in entries():
        for each in (entry, *members(entry)):
            name = each.name if each.owner is None else f"{entry.name}.{each.name}"
            shapes = "Shapes:" in each.text or (each.owner and "Shapes:" in entry.text)
            if not each.text:
                found.append(f"{name} has no docstring")
            elif not shapes and needs_shapes(each, entry.group):
                found.append(f"{name} takes arrays, but its docstring has no Shapes")
    return sorted(set(found))


def needs_shapes(entry: Entry, group: Group) -> bool:
    """Tell if arrays go into a function, or into the calls of a class."""
    value = entry.value
    if isinstance(value, type):
        return group.arrays and callable(getattr(value, "forward", None))
    if not inspect.isroutine(value) or entry.owner is Tensor:
        return False
    if group.arrays and entry.owner is None:
        return True
    parameters = inspect.signature(value).parameters.values()
    return any(p.name in LETTERS or ARRAYS.fullmatch(short(p.annotation)) for p in parameters)


def page() -> str:
    """Write the page: the contents by group, then the full text of every name."""
    by_group = {group.title: [e for e in entries() if e.group is group] for group in GROUPS}
    contents, chapters = "", ""
    for title, group in by_group.items():
        rows = (
            f"| [`{e.name}`](#{anchor(e.name)}) | {cell(first_sentence(e.text))} |\n" for e in group
        )
        contents += f"\n## {title}\n\n| name | |\n|---|---|\n{''.join(rows)}"
        shown: dict[Any, str] = {}
        chapters += "".join(section(entry, shown) for entry in group)
    return f"{INTRODUCTION}{contents}\n---\n{chapters}"


def section(entry: Entry, shown: dict[Any, str]) -> str:
    """Write what there is to say of a name; `shown` remembers who has shown which member."""
    text = f"\n### {entry.name}\n\n```python\n{signature(entry)}\n```\n\n{markdown(entry.text)}"
    repeated: dict[str, list[str]] = {}
    for member in members(entry):
        if member.value in shown:
            repeated.setdefault(shown[member.value], []).append(f"`{member.name}`")
            continue
        shown[member.value] = entry.name
        kind = ", a property" if isinstance(member.value, property) else ""
        body = textwrap.indent(markdown(member.text), "  ")
        text += f"\n- **`{signature(member, width=1000)}`**{kind}\n\n{body}"
    for owner, names in repeated.items():
        text += f"\n- {', '.join(names)}: as in [`{owner}`](#{anchor(owner)})\n"
    return text


def markdown(docstring: str) -> str:
    """Write a docstring as Markdown: its examples as code, each of its sections in a paragraph."""
    text = ""
    for paragraph in docstring.strip().split("\n\n"):
        if paragraph.startswith(">>>"):
            text += f"```pycon\n{paragraph}\n```\n\n"
            continue
        parts = re.split(rf"\n(?=(?:{'|'.join(SECTIONS)}): )", paragraph)
        for part in parts:
            words = " ".join(part.split())
            label, colon, rest = words.partition(": ")
            text += f"*{label}:* {plain(rest)}\n\n" if colon and label in SECTIONS else ""
            text += "" if colon and label in SECTIONS else f"{plain(words)}\n\n"
    return text.rstrip("\n") + "\n"


def plain(words: str) -> str:
    """Escape what Markdown would read as markup, outside of code."""
    parts = words.split("`")
    parts[::2] = [re.sub(r"([*_<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def cell(words: str) -> str:
    """Write a sentence into a cell of a table."""
    return plain(words).replace("|", "\\|")


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w-]", "", heading.lower())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
