"""The text of a program: steps become lines, and what is used once goes into its user's line."""

import builtins
import keyword
from collections.abc import Iterable
from typing import Any, NamedTuple

from tensorgrad.program import text
from tensorgrad.program.constants import Constants, Defined
from tensorgrad.program.expressions import ExpressionWriter, Pending
from tensorgrad.program.layout import broken_lines
from tensorgrad.program.simplify import uses_of
from tensorgrad.program.steps import CHECKS, USERS, Step, Var, resolved
from tensorgrad.program.text import Expr

OPERATIONS = 6  # in one line
WORDS = {
    "+": "sum", "-": "difference", "*": "product", "/": "ratio", "**": "power", "@": "product",
    "<": "mask", "<=": "mask", ">": "mask", ">=": "mask", "==": "mask", "!=": "mask",
    "item": "part", "astype": "cast", "broadcast_to": "spread", "swapaxes": "transposed",
    "T": "transposed",
}  # fmt: skip
RESERVED = {*keyword.kwlist, *dir(builtins), "np", "scipy"}


class Line(NamedTuple):
    """A line of the program: its text, its step, and the variables that it makes and reads."""

    text: str
    step: Step | None
    made: set[Var]
    read: set[Var]
    comment: str = ""  # the modules that it comes from, where these change
    places: list[Any] = []  # the user's lines that recorded it


def module_of(step: Step) -> str:
    """Return the name and kind of the module that a step comes from."""
    part = step.scope
    return "" if part is None else f"{part.name} {part.kind}".strip()


def comment_of(step: Step, modules: list[str]) -> str:
    """Return the comment about the modules whose calls, or whose gradients, are in a line."""
    found = ", ".join(dict.fromkeys(filter(None, modules)))
    return f"backward of {found}" if found and step.backward else found


class LocalNames:
    """The names of one function's variables, each given once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = {*RESERVED, *taken}
        self.last: dict[str, int] = {}  # the highest number behind each word

    def new(self, base: str) -> str:
        """Return a name that nobody has yet, like this one."""
        base = "".join(c if c.isalnum() or c == "_" else "_" for c in base) or "value"
        base = f"_{base}" if base[0].isdigit() else base
        name, k = base, self.last.get(base, 1)
        while name in self.taken:
            k += 1
            name = f"{base}_{k}"
        self.last[base] = k
        self.taken.add(name)
        return name


class LineWriter(ExpressionWriter):
    """Turns steps into lines of one function."""

    def __init__(self, constants: Constants, names: LocalNames) -> None:
        super().__init__(constants)
        self.names, self.width = names, text.WIDTH - 4  # of the indent
        self.lines: list[Line] = []
        self.words: dict[Var, str] = {}  # for variables without a name
        self.uses: dict[Var, int] = {}
        self.outputs: set[Var] = set()
        self.returned: set[Var] = set()  # what the last line reads
        self.matrix_products: set[Var] = set()
        self.functions: Any = None  # how blocks become functions
        self.inline_results = False
        self.comment = self.last_comment = ""
        self.last_places: list[Any] = []
        self.users_names = True

    def write(self, steps: list[Step], outputs: list[Var]) -> None:
        """Write the lines of the steps, of which the outputs are returned."""
        self.uses = uses_of(steps, outputs)
        self.outputs = set(outputs)
        self.blocks(steps, outputs)
        self.returned = {x for v in outputs for x in self.read_by(v)}
        self.last_comment = self.comment_at_end(outputs)
        waiting = [self.pending[v] for v in outputs if v in self.pending]
        self.last_places = [x for p in waiting for x in p.places]
        for v in outputs:
            self.expr_of(v)

    def blocks(self, steps: list[Step], outputs: list[Var]) -> None:
        """Write the steps of each group as lines, or as a call of a function."""
        i = 0
        while i < len(steps):
            j = i + 1
            group = steps[i].group
            while group is not None and j < len(steps) and steps[j].group is group:
                j += 1
            block = steps[i:j]
            line = None
            if self.functions is not None and group is not None and j - i > 2:
                line = self.functions.call_of(block, self.used_outside(block), self.base_of)
            for step in block if line is None else [line]:
                self.step(step)
            i = j

    def used_outside(self, block: list[Step]) -> list[Var]:
        """Return the variables that a block makes for others."""
        inside = uses_of(block, [])
        made = [v for step in block for v in step.made()]
        return [v for v in dict.fromkeys(made) if self.uses.get(v, 0) > inside.get(v, 0)]

    def comment_at_end(self, outputs: list[Var]) -> str:
        """Return the comment about what the last line calculates."""
        waiting = [self.pending[v] for v in outputs if v in self.pending]
        comment = ", ".join(dict.fromkeys(m for p in waiting for m in p.modules if m))
        backward = any(p.step.backward for p in waiting)
        return "" if backward or comment == self.comment else comment

    # One step

    def step(self, step: Step) -> None:
        """Write a step as a line, or let its expression wait for the only use."""
        word = self.word_of(step)
        for v in step.made():
            self.words.setdefault(v, word)
        written = {v.root for v in step.writes}
        for v in step.writes:  # which need a name
            if v in self.pending:
                self.settle_one(v)
        if written:
            self.settle(lambda p: not written.isdisjoint(p.read), besides=set(step.reads()))
        out = step.outs
        while True:
            self.fit(step)
            waiting = {v: self.pending[v] for v in step.reads() if v in self.pending}
            read = {v for x in step.reads() for v in self.read_by(x)}
            expr = self.expression(step)
            longest = len(max(expr.text.split("\n"), key=len)) if step.form not in CHECKS else 0
            if not waiting or longest + self.space_for(step) <= self.width:
                break
            self.pending |= waiting
            for v in waiting:
                del self.texts[v]
            self.settle_one(max(waiting, key=lambda v: len(waiting[v].expr.text)))
        step.backward |= any(p.step.backward for p in waiting.values())  # a sum of contributions
        alike = [p for p in waiting.values() if p.step.backward == step.backward]
        before = [x for p in alike for x in p.modules]
        modules = [] if step.form in CHECKS else [*before, module_of(step)]
        places = [*(x for p in waiting.values() for x in p.places), step.place]
        if type(out) is Var and out not in self.texts and self.waits(step, out, expr):
            self.pending[out] = Pending(expr, step, {v.root for v in read} | read, modules, places)
            return
        self.line(step, expr, read, modules, places)

    def waits(self, step: Step, out: Var, expr: Expr) -> bool:
        """Return True if an expression goes into the line that uses it."""
        if step.writes or not step.pure or step.errors is not None:
            return False
        if out in self.outputs and not self.inline_results:
            return False
        users_name = self.has_users_name(out) and out.gradient_of is None
        return self.uses.get(out, 0) == 1 and not users_name and expr.operations <= OPERATIONS

    def settle(self, which: Any, besides: set[Var] = frozenset()) -> None:  # type: ignore[assignment]
        """Write lines for those pending expressions."""
        for v in [v for v, p in self.pending.items() if v not in besides and which(p)]:
            if v in self.pending:
                self.settle_one(v)

    def settle_one(self, v: Var) -> None:
        waiting = self.pending.pop(v)
        read = {x for x in waiting.read if x in self.texts}
        self.line(waiting.step, waiting.expr, read, waiting.modules, waiting.places)

    def line(
        self, step: Step, expr: Expr, read: set[Var], modules: list[str], places: list[Any]
    ) -> None:
        """Write a line that assigns the expression."""
        made = {v for v in step.made() if v not in self.texts}
        whole = self.assigned(step, expr)
        if "\n" not in whole and len(whole) > self.width and step.form not in CHECKS:
            whole = "\n".join(broken_lines("", whole, self.width))
        comment = comment_of(step, modules)
        shown = "" if comment == self.comment else comment
        self.comment = comment or self.comment
        read = {v for v in read if v in self.texts}
        self.lines.append(Line(whole, step, made, read, shown, places))

    def assigned(self, step: Step, expr: Expr) -> str:
        out = step.outs
        if out is None or step.form in ("set item", "update item", "in place"):
            return expr.text
        if type(out) is Var:
            if out in self.texts:  # written in place, as by out=
                return expr.text
            return f"{self.name(out)} = {expr.text}"
        return f"{self.targets(out)} = {expr.text}"

    def targets(self, tree: Any) -> str:
        """Return the names that the parts of a result get."""
        return text.listed([self.target(x) for x in tree])

    def target(self, x: Any) -> str:
        """Return the name that a part of a result gets; _ if nobody reads it, or it is no array."""
        if isinstance(x, (tuple, list)) and x:
            return f"({', '.join(map(self.target, x))}{',' * (len(x) == 1)})"
        return self.name(x) if type(x) is Var and self.uses.get(x) else "_"

    def name(self, v: Var) -> str:
        """Return the name of a variable, given now if it has none."""
        if v not in self.texts:
            v.name = self.names.new(self.base_of(v))
            self.texts[v] = Expr(v.name)
        return self.texts[v].text

    def base_of(self, v: Var, depth: int = 0) -> str:
        """Return the word that a variable's name is made of."""
        v = resolved(v)
        if self.has_users_name(v):
            return v.hint.name  # type: ignore[union-attr]
        if v.gradient_of is not None and v.gradient_of is not v and depth < 2:
            return f"d_{self.base_of(v.gradient_of, depth + 1)}"
        if v.name:
            return v.name
        if v.hint is not None and (self.users_names or v.hint.rank < USERS):
            return v.hint.name
        return self.words.get(v, "value")

    def has_users_name(self, v: Var) -> bool:
        return self.users_names and v.hint is not None and v.hint.rank >= USERS

    def word_of(self, step: Step) -> str:
        if step.form in ("item", "set item"):
            return WORDS["item"]
        if step.callee == "@" and type(step.outs) is Var:
            self.matrix_products.add(step.outs)
        if step.callee == "+" and any(x in self.matrix_products for x in step.reads()):
            return "z"  # as x @ W + b is called
        if type(step.callee) is Defined and type(step.outs) is tuple:
            parts = step.callee.rstrip("_0123456789").split("_and_")  # named for what it returns
            for v, part in zip(step.outs, parts if len(parts) == len(step.outs) else ()):
                self.words.setdefault(v, part)
        callee = getattr(step.callee, "__self__", step.callee)  # the ufunc of a method
        word = callee if isinstance(callee, str) else getattr(callee, "__name__", "").strip("_")
        if step.form == "call" and word in self.constants.functions.texts:  # the function's name
            word = word.rpartition("_")[2]
        return WORDS.get(word, word if word.isidentifier() else "value")

    def space_for(self, step: Step) -> int:
        """Return the length of what stands before the expression of a step."""
        if type(step.outs) is Var and step.outs not in self.texts:
            return len(self.base_of(step.outs)) + 5
        return 0

    def fit(self, step: Step) -> None:
        """Write lines for the longest operands until a line has not too many operations."""
        while True:
            waiting = {v: self.pending[v].expr for v in step.reads() if v in self.pending}
            if sum(e.operations for e in waiting.values()) < OPERATIONS:
                return
            self.settle_one(max(waiting, key=lambda v: len(waiting[v].text)))


def without_comments(writer: LineWriter, start: int) -> list[Line]:
    """Return a function's lines, in which no comments about modules stand."""
    return [line._replace(comment="") for line in writer.lines[start:]]


def needed_alone(lines: list[Line], alone: dict[str, tuple[str, set[Var]]]) -> list[Line]:
    """Return the lines without those that only the messages left out of a text alone need."""
    needed: set[Var] = set()
    kept = []
    for line in reversed(lines):
        step = line.step
        changed = set() if step is None else memory_of({*line.made, *step.writes})
        pure = step is not None and step.pure and step.form not in CHECKS
        if pure and changed and changed.isdisjoint(needed):
            continue
        needed |= memory_of(alone[line.text][1] if line.text in alone else line.read)
        kept.append(line)
    return kept[::-1]


def memory_of(variables: Iterable[Var]) -> set[Var]:
    """Return the variables in whose memory these lie, or may lie."""
    return {x.root for v in variables for x in (v, *v.shares)}
