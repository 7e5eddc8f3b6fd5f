"""The lines of a program as a graph to draw."""

from collections.abc import Iterable
from typing import Any

from tensorgrad.draw import Drawable
from tensorgrad.draw.model import Event, Graph, Operand, Vertex
from tensorgrad.program.steps import Var
from tensorgrad.program.writing import Text
from tensorgrad.rules import EachOp


def line_op(*values: Any) -> Any:
    """Stand for the operation of a line."""
    return values


def line_rule(g: Any, _out: Any, _i: int, *_values: Any) -> Any:
    """Leave the gradient to a line of its own."""
    return g


class ProgramGraph(Drawable):
    """A source of the graph of a program: a vertex for each line and argument."""

    def __init__(self, text: Text, source: str) -> None:
        self.text, self.source = text, source

    def read(self, tensors: Any, parameters: Iterable[Any], show: tuple[str, ...]) -> Graph:
        """Return the graph of all lines."""
        vertices: dict[Var, Vertex] = {}
        for v in (*self.text.trace.inputs, *(v for _, v in self.text.trace.externals)):
            vertices[v] = Vertex("leaf", v.shape, v.dtype, len(vertices), name=v.name)
        for line in self.text.lines_alone:
            if line.step is None:
                continue
            operands = [Operand(vertices[v]) for v in line.read if v in vertices]
            for v in line.made:
                op = EachOp(line_op, (line_rule,))
                op.name = line.text.partition(" = ")[2]
                vertices[v] = Vertex(
                    "op", v.shape, v.dtype, len(vertices), op, v.name, line.step.scope, operands
                )
                vertices[v].source = line.text
        roots = [vertices[v] for v in self.text.outputs if v in vertices]
        used = {operand.source for v in vertices.values() for operand in v.inputs}
        drawn = [v for v in vertices.values() if v.op is not None or v in used]
        steps = [Event("forward", v, 0) for v in drawn if v.op is not None]
        return Graph(drawn, roots, [], steps, self.beside(vertices))

    def beside(self, vertices: dict[Var, Vertex]) -> list[tuple[str, Vertex | None]]:
        """Return the lines of the text, each with the vertex of what it makes."""
        start = self.source.index(f"def {self.text.main}(")
        found: list[tuple[str, Vertex | None]] = [
            (line, None) for line in self.source[:start].splitlines()
        ]
        made = [(x.text.partition("\n")[0], x.made) for x in self.text.lines_alone if x.made]
        for line in self.source[start:].splitlines():
            own = bool(made) and line.strip() == made[0][0]
            variables = made.pop(0)[1] if own else ()
            found.append((line, next((vertices[v] for v in variables if v in vertices), None)))
        return found
