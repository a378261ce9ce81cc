"""Reads a pickle without running it: plain values, and calls of the few functions that the caller provides."""

import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from model.errors import EieError
from sw.files import reason

CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE")
LARGEST_KEY = 1 << 20
MOST_OPCODES = 200_000  # a dictionary is one and takes 64 bytes; a network of 1024 layers takes half as many
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Name:
    """Something that the pickle refers to by name, such as ``torch.FloatStorage``."""

    name: str


def read_pickle(
    data: bytes, functions: Mapping[str, Callable[..., Any]], names: set[str], persistent: Callable[[Any], Any]
) -> Any:
    """The value that a pickle stands for.

    Only these opcodes exist here: numbers, text, None, booleans, tuples, lists, dictionaries with text or whole numbers
    as keys, the memo, and three that reach outside. A name must be in `names` or `functions`, and becomes a `Name`; a
    call must be of one of `functions`, which must itself check what it is given; a persistent id goes to `persistent`.
    Attributes set on a dictionary are dropped. EieError for everything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged text, pickletools warns before it refuses it
            return _Machine(functions, names, persistent).run(data)
    except EieError:
        raise
    except (
        ValueError,
        IndexError,
        KeyError,
    ) as error:  # pickletools finds it malformed; the stack or memo lacks a value
        raise EieError(f"this is not a whole pickle: {reason(error)}") from error


class _Machine:
    def __init__(self, functions: Mapping[str, Callable[..., Any]], names: set[str], persistent: Callable[[Any], Any]):
        self._functions = functions
        self._names = names
        self._persistent = persistent
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if opcode.name == "STOP":
                break
            if number == MOST_OPCODES:
                raise EieError(f"a pickle must have at most {MOST_OPCODES} opcodes, it has more")
            self._step(opcode.name, argument)
        return self._stack.pop()

    def _step(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                self._marks.append(len(stack))
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                self._set_items([key, value])
            case "SETITEMS":
                self._set_items(self._since_mark())
            case "APPEND":
                self._append([stack.pop()])
            case "APPENDS":
                self._append(self._since_mark())
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "GLOBAL":
                stack.append(self._name(argument.replace(" ", ".")))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                stack.append(self._name(f"{module}.{name}"))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(self._call(function, arguments))
            case "BINPERSID":
                stack.append(self._persistent(stack.pop()))
            case "BUILD":
                stack.pop()
                if not isinstance(stack[-1], dict):
                    raise EieError("a pickle must set no attributes, this one sets some of an object")
            case _ if opcode in CONSTANTS:
                stack.append(CONSTANTS[opcode])
            case _ if opcode in LITERALS:
                stack.append(argument)
            case _ if opcode in TUPLES:
                items = [stack.pop() for _ in range(TUPLES[opcode])]
                stack.append(tuple(reversed(items)))
            case _:
                raise EieError(f"a pickle must hold plain values, this one uses the opcode {opcode}")

    def _since_mark(self) -> list[Any]:
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items

    def _set_items(self, items: list[Any]) -> None:
        """Keys and values in turn into the dictionary on the stack."""
        target = self._stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise EieError("a pickle must set items of dictionaries only, in pairs")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Of a tuple in a tuple in a tuple, without end, Python cannot make the hash.
            if not isinstance(key, str | int):
                raise EieError(f"the keys of a dictionary must be text or whole numbers, got a {type(key).__name__}")
            # Of larger ones any number can have the same hash, and each would be compared with all before.
            if isinstance(key, int) and not 0 <= key <= LARGEST_KEY:
                raise EieError(f"the keys of a dictionary must be text or 0 to {LARGEST_KEY}, got another number")
            target[key] = value

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise EieError("a pickle must append to lists only")
        cast("list[Any]", target).extend(items)

    def _name(self, name: str) -> Name:
        if name not in self._names and name not in self._functions:
            raise EieError(
                f"the file must hold tensors and plain values only, it asks for {name[:80]}; "
                "of a whole model, save its state_dict(): torch.save(model.state_dict(), 'net.pt')"
            )
        return Name(name)

    def _call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, Name) or function.name not in self._functions or not isinstance(arguments, tuple):
            raise EieError("a pickle must call known functions only, this one calls something else")
        return self._functions[function.name](*arguments)
