"""The command line in any terminal, or in none: encodings, closed pipes, interruptions."""

import contextlib
import os
import sys
from collections.abc import Callable

INTERRUPTED, CLOSED_PIPE = 130, 141  # the exit codes of shells: 128 and the number of the signal


def run(function: Callable[[], None]) -> None:
    """Call the function of a command; what goes wrong ends in one line, without a traceback.

    Raises: SystemExit if it went wrong.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # cp1252 and ASCII lack characters
    # Figures are written to files only, and another environment's backend may not be there.
    os.environ["MPLBACKEND"] = "Agg"
    try:
        function()
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt as error:
        say("\n".join(["interrupted", *getattr(error, "__notes__", ())]))
        raise SystemExit(INTERRUPTED) from error
    except BrokenPipeError as error:  # as by `| head`
        silence()
        raise SystemExit(CLOSED_PIPE) from error
    except (FloatingPointError, ImportError, OSError, ValueError) as error:
        text = "\n".join([f"error: {error}", *getattr(error, "__notes__", ())])
        raise SystemExit(text) from error


def say(text: str) -> None:
    """Print to stderr, if there is one."""
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def silence() -> None:
    """Discard all further output, because nobody reads it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def bar(share: float, width: int = 30) -> str:
    """Draw a share as a bar, of a character that the output can show."""
    block = "█"
    try:
        block.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        block = "#"
    return f"{block * round(width * share):<{width}}"
