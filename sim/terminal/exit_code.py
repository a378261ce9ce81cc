"""What a command's end becomes: an exit code, and one sentence for anything wrong with what it was given."""

import sys
from collections.abc import Callable

import typer

from model.errors import EieError, TooSmallError

BAD_INPUT = 2
INTERRUPTED = 130  # 128 + SIGINT
BROKEN_PIPE = 141  # 128 + SIGPIPE
LONGEST = 1000  # characters of an error


def exit_code(run: Callable[[], object]) -> int:
    """Run a command: what it returns if that is a number, else 0; 2 for bad input, 130 interrupted, 141 unread."""
    try:
        code = run()
        print(end="", flush=True)
    except typer.TyperException as error:
        return _fail(error.format_message())
    except TooSmallError as error:
        return _fail(f"{error}; `eie simulate --preset fit` makes an array that holds it")
    except EieError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("not enough memory for this network; wanted a smaller one, or a computer with more memory")
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code == 0:  # a shell's completion
            return 0
        # Typer makes a SystemExit of a broken pipe. The reader of standard output has gone; without the next line the
        # interpreter complains once more at its end.
        sys.stdout = None
        return BROKEN_PIPE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    print(f"error: {one_line(message)}", file=sys.stderr)
    return BAD_INPUT


def one_line(message: str) -> str:
    """A sentence that may quote a file, safe for a terminal: one line, no control characters, not without end."""
    shown = message if len(message) <= LONGEST else f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
    return "".join(one if one.isprintable() else " " if one.isspace() else ascii(one)[1:-1] for one in shown)
