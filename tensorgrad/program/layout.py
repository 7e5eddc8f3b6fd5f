"""The layout of source text, as formatters have it: quotes, spaces, parentheses, long lines."""

import io
import re
import tokenize
from typing import NamedTuple

from tensorgrad.program.text import WIDTH

OPENING, CLOSING = "([{", ")]}"
# Words and symbols at which long expressions are broken, those that bind least first.
BREAKS = (
    ("if", "else"), ("or",), ("and",), ("in", "not", "is", "<", ">", "<=", ">=", "==", "!="),
    ("|",), ("^",), ("&",), ("<<", ">>"), ("+", "-"), ("*", "/", "//", "%", "@"),
)  # fmt: skip
POWER_OF = re.compile(r"(?<![\w.)\]'\"])([\w.]+) \*\* (-?[\w.]+)(?![\w.(\[])")
MAY_BE_IDLE = re.compile(r"(?:return|yield|=|and|or|if|while|assert|else) \(|\(\(")
SLICED = re.compile(r"\[.*:.*\]")
BEFORE_VALUES = {"return", "yield", "=", "from"}
BEFORE_CONDITIONS = {"and", "or", "if", "while", "assert", "else", "return", "="}


class Word(NamedTuple):
    """A token of a line: its text, its place, and how many brackets are open before it."""

    text: str
    start: int
    end: int
    depth: int


def words_of(line: str) -> list[Word]:
    """Return the tokens of one line; an f-string is one of them."""
    found: list[Word] = []
    depth = inner = begin = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(line.strip()).readline):
            kind = tokenize.tok_name[token.type]
            if kind == "FSTRING_START":
                begin = token.start[1] if not inner else begin
                inner += 1
            elif kind == "FSTRING_END":
                inner -= 1
                if not inner:
                    found.append(
                        Word(line.strip()[begin : token.end[1]], begin, token.end[1], depth)
                    )
            elif not inner and token.string.strip():
                depth -= token.string in CLOSING
                found.append(Word(token.string, token.start[1], token.end[1], depth))
                depth += token.string in OPENING
    except tokenize.TokenError:  # the head of a statement, as `if x:`, has no body
        pass
    return found


def laid_out(source: str) -> str:
    """Return source text with its lines as formatters have them; docstrings stay."""
    lines: list[str] = []
    inside = False
    for line in source.split("\n"):
        quotes = line.count('"""')
        if inside or quotes:
            inside = inside != (quotes % 2 == 1)
            lines.append(line)
        else:
            lines += laid_out_line(line)
    return "\n".join(spaced(lines))


def spaced(lines: list[str]) -> list[str]:
    """Put an empty line behind the docstring of a class, and none where it has no docstring."""
    if lines[0].startswith("class ") and lines[1] == "":
        return [lines[0], *lines[2:]]
    if not lines[0].startswith("class ") or '"""' not in lines[1]:
        return lines
    quotes = [i for i, line in enumerate(lines) if '"""' in line]
    end = quotes[0] if lines[quotes[0]].count('"""') == 2 else quotes[1]
    behind = lines[end + 1 : end + 2]
    return lines if behind in ([], [""]) else [*lines[: end + 1], "", *lines[end + 1 :]]


def laid_out_line(line: str) -> list[str]:
    """Return one line, or the lines that it is broken into."""
    margin = line[: len(line) - len(line.lstrip())]
    text = tidy(line.strip())
    return broken_lines(margin, text)


def tidy(text: str) -> str:
    """Return a line with double quotes, the spaces of formatters, and no idle parentheses."""
    text = double_quotes(text) if "'" in text else text
    text = POWER_OF.sub(r"\1**\2", text)
    text = re.sub(r"\bfor (\w+), in ", r"for (\1,) in ", text)
    while MAY_BE_IDLE.search(text) and (shorter := without_parentheses(text)) != text:
        text = shorter
    return with_spaces_in_slices(text) if SLICED.search(text) else text


def double_quotes(text: str) -> str:
    """Write strings in double quotes where they hold none."""
    for word in reversed(words_of(text)):
        match = re.fullmatch(r"([rbfRBF]*)'(.*)'", word.text, re.DOTALL)
        if match and not {'"', "\\"} & set(match[2]) and not word.text.endswith("'''"):
            text = f'{text[: word.start]}{match[1].lower()}"{match[2]}"{text[word.end :]}'
    return text


def without_parentheses(text: str) -> str:
    """Leave out the first pair of parentheses that means nothing."""
    words = words_of(text)
    for i, word in enumerate(words):
        if word.text != "(":
            continue
        j = closing(words, i)
        if j is not None and is_idle(words, i, j):
            inner = text[word.end : words[j].start]
            return text[: word.start] + inner + text[words[j].end :]
    return text


def closing(words: list[Word], i: int) -> int | None:
    """Return where the bracket is closed that a token opens."""
    ends = (j for j in range(i + 1, len(words)) if words[j].depth == words[i].depth)
    return next(ends, None)


def is_idle(words: list[Word], i: int, j: int) -> bool:
    """Return True for parentheses around a returned tuple, a lone generator, or a comparison."""
    inner = [w.text for w in words[i + 1 : j] if w.depth == words[i].depth + 1]
    before = words[i - 1].text if i else ""
    after = words[j + 1].text if j + 1 < len(words) else ""
    if "for" in inner:
        call = i > 1 and (words[i - 2].text.isidentifier() or words[i - 2].text in CLOSING)
        return before == "(" and after == ")" and call
    if "," in inner:
        several = inner[-1] != "," and "lambda" not in inner
        return before in BEFORE_VALUES - {"from"} and after == "" and several
    loose = {"and", "or", "if", "for", "lambda", ":=", "yield", "else", "not"} & set(inner[1:])
    compares = {"<", ">", "<=", ">=", "==", "!=", "in", "is", "not"} & set(inner)
    if before in BEFORE_CONDITIONS and compares and not loose:
        return after in ("and", "or", ":", "")
    return False


def with_spaces_in_slices(text: str) -> str:
    """Write spaces around the colon of a slice whose ends are more than names and numbers."""
    words = words_of(text)
    for i, word in reversed(list(enumerate(words))):
        if word.text == ":" and (ends := slice_ends(words, i)) is not None:
            left, right = ends
            if not (is_simple(words[left + 1 : i]) and is_simple(words[i + 1 : right])):
                before = "" if i == left + 1 else " "
                after = "" if right == i + 1 else " "
                head = text[: word.start] if i == left + 1 else text[: word.start].rstrip()
                text = head + before + ":" + after + text[word.end :].lstrip()
    return text


def slice_ends(words: list[Word], i: int) -> tuple[int, int] | None:
    """Return the tokens around a slice with this colon, or None for other colons."""
    depth = words[i].depth
    left = next((k for k in range(i - 1, -1, -1) if words[k].depth < depth), None)
    if left is None or words[left].text != "[":
        return None
    inner = [k for k in range(left, i) if words[k].depth == depth and words[k].text == ","]
    right = next(
        k
        for k in range(i + 1, len(words))
        if words[k].depth <= depth and words[k].text in (",", "]", ":")
    )
    if any(w.text == "lambda" for w in words[left:i]):
        return None
    return (inner[-1] if inner else left), right


def is_simple(words: list[Word]) -> bool:
    """Return True for nothing, and for a name, a number, or one with a sign."""
    texts = [w.text for w in words]
    if texts and texts[0] == "-":
        texts = texts[1:]
    return len(texts) <= 1


# Long lines


def broken_lines(margin: str, text: str, width: int = WIDTH) -> list[str]:
    """Return the lines of a statement, or of an item with a comma, none longer than the width."""
    if len(margin) + len(text) <= width:
        return [margin + text]
    words = words_of(text)
    end = len(words) - 1
    while end > 0 and words[end].text in (":", ","):
        end -= 1
    start = value_start(words)
    outer = [w for w in words[start : end + 1] if w.depth == words[start].depth] if words else []
    commas = any(w.text == "," for w in outer)
    level = level_of(outer) or ()
    if words and words[end].text in CLOSING and not commas and operators(outer, level) < 2:
        i = opening(words, end)
        head, body = text[: words[i].end], text[words[i].end : words[end].start]
        calls = i > 0 and words[i].text == "(" and is_called(words[i - 1].text)
        lines = inside(margin + "    ", body, width, calls)
        above, tail = heads(margin, head, width), text[words[end].start :]
        if len(above) > 1 and len(above[-1]) + len(body) + len(tail) <= width:
            return [*above[:-1], above[-1] + body + tail]
        return [*above, *lines, margin + tail]
    if start and words[start].depth == 0:
        body, tail = text[words[start].start : words[end].end], text[words[end].end :]
        head = text[: words[start].start].rstrip()
        lines = inside(margin + "    ", body, width, calls=False)
        return [f"{margin}{head} (", *lines, f"{margin}){tail}"]
    return (
        [margin + text]
        if not words
        else pieces_of(
            margin, text[: words[end].end], words[: end + 1], text[words[end].end :], width
        )
    )


def value_start(words: list[Word]) -> int:
    """Return where the value of an assignment, of `return` or of a condition begins."""
    found = 0
    for i, word in enumerate(words):
        assigns = word.text.endswith("=") and word.text not in ("==", "<=", ">=", "!=")
        if word.depth == 0 and assigns:
            return i + 1
        if i == 0 and word.text in ("return", "if", "elif", "while", "yield", "raise", "assert"):
            found = 1
            if word.text == "yield" and words[1].text == "from":
                found = 2
            return found
    loops = words and words[0].text == "for"
    starts = [i for i, w in enumerate(words) if w.text == "in" and w.depth == 0 and loops]
    return starts[0] + 1 if starts else found


def opening(words: list[Word], end: int) -> int:
    """Return where the bracket is opened that a token closes."""
    return next(
        i
        for i in range(end - 1, -1, -1)
        if words[i].depth == words[end].depth and words[i].text in OPENING
    )


def level_of(outer: list[Word]) -> tuple[str, ...] | None:
    """Return the operators, outside of brackets, at which an expression is broken."""
    texts = [w.text for w in outer[1:]]
    return next((level for level in BREAKS if any(t in level for t in texts)), None)


def is_called(word: str) -> bool:
    """Return True if a parenthesis behind this word begins the arguments of a call."""
    names = word.isidentifier() and word not in BEFORE_CONDITIONS | BEFORE_VALUES | {"in"}
    return names or word in CLOSING


def heads(margin: str, head: str, width: int) -> list[str]:
    """Return what stands before a bracket; targets that are too long in parentheses."""
    targets, equals, value = head.partition(" = ")
    if len(margin) + len(head) <= width or not equals or ", " not in targets or "(" in targets:
        return [margin + head]
    names = [f"{margin}    {name}," for name in targets.split(", ")]
    return [f"{margin}(", *names, f"{margin}) = {value}"]


def operators(outer: list[Word], level: tuple[str, ...]) -> int:
    """Return how many of these operators an expression has; a condition counts twice."""
    return sum(1 + (w.text in ("if", "else")) for w in outer[1:] if w.text in level)


def inside(margin: str, body: str, width: int, calls: bool = True) -> list[str]:
    """Return the lines of what stands in brackets; arguments of a call may share one."""
    body = body.strip()
    words = words_of(body)
    several = any(w.text == "," and w.depth == 0 for w in words)
    loops = any(w.text == "for" and w.depth == 0 for w in words)
    if len(margin) + len(body) <= width and (calls or loops or not several):
        return [margin + body]
    return pieces_of(margin, body, words, "", width)


def pieces_of(margin: str, body: str, words: list[Word], tail: str, width: int) -> list[str]:
    """Return an expression, broken at its commas, its loops or its operators."""
    outer = [w for w in words if w.depth == 0]
    if any(w.text == "," for w in outer) and not any(w.text == "for" for w in outer):
        cuts = [w.start for w in outer if w.text == ","]
        parts = [body[a:b].strip(" ,") for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        if len(parts) == 1:
            return [margin + body + tail]
        return [line for part in parts if part for line in broken_lines(margin, part + ",", width)]
    if any(w.text == "for" for w in outer):
        level: tuple[str, ...] | None = ("for", "if")
    else:
        level = level_of(outer)
    if level is None:
        return [margin + body + tail]
    cuts = [w.start for w in outer[1:] if w.text in level]
    parts = [body[a:b].strip() for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    parts[-1] += tail
    if len(parts) == 1:
        return [margin + parts[0]]
    return [line for part in parts for line in broken_lines(margin, part, width)]
