"""Protobuf's text format, as far as Caffe's network descriptions use it."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from model.errors import EieError

DEEPEST = 16
MOST_FIELDS = 1 << 15  # of all messages; a message of three bytes takes a hundred times as much in memory
TOKEN = re.compile(
    r"""(?P<space>[\s,;]+|\#[^\n]*)
    |(?P<string>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<mark>[{}:])
    |(?P<word>[\w.+-]+)""",
    re.VERBOSE | re.ASCII,
)


@dataclass(slots=True)
class Message:
    """The fields of a message, each with all its values in order: texts or messages.

    Every reading of a field marks it as known; `finish` refuses those that nobody read.
    """

    what: str
    values: dict[str, list["str | Message"]] = field(default_factory=dict[str, list["str | Message"]])
    known: set[str] = field(default_factory=set[str])

    def texts(self, name: str) -> list[str]:
        """Every value of a field."""
        self.known.add(name)
        found = self.values.get(name, [])
        texts = [value for value in found if isinstance(value, str)]
        if len(texts) < len(found):
            raise EieError(f"{self.what}: {name} must be a value, got a message")
        return texts

    def text(self, name: str, default: str) -> str:
        """The value of a field that is there once or, with a default, not at all."""
        texts = self.texts(name)
        if len(texts) > 1:
            raise EieError(f"{self.what}: {name} must be there once, got {len(texts)} values")
        return texts[0] if texts else default

    def numbers(self, name: str) -> list[int]:
        """Every value of a field of whole numbers, at least 0."""
        texts = self.texts(name)
        for text in texts:
            if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII):
                raise EieError(f"{self.what}: {name} must be a whole number, got {text[:80]!r}")
        return [int(text) for text in texts]

    def number(self, name: str, default: int) -> int:
        """The value of a field that is a whole number, at least 0."""
        self.text(name, "")
        return next(iter(self.numbers(name)), default)

    def flag(self, name: str, default: bool) -> bool:
        """The value of a field that is true or false."""
        text = self.text(name, "true" if default else "false")
        if text not in ("true", "false"):
            raise EieError(f"{self.what}: {name} must be true or false, got {text[:80]!r}")
        return text == "true"

    def messages(self, name: str) -> list["Message"]:
        """Every message of a field."""
        self.known.add(name)
        found = self.values.get(name, [])
        messages = [value for value in found if isinstance(value, Message)]
        if len(messages) < len(found):
            raise EieError(f"{self.what}: {name} must be a message, got a value")
        return messages

    def message(self, name: str) -> "Message":
        """The message of a field, without fields if it is not there."""
        messages = self.messages(name)
        if len(messages) > 1:
            raise EieError(f"{self.what}: {name} must be there once, got {len(messages)}")
        return messages[0] if messages else Message(f"{self.what}: {name}")

    def finish(self, *ignored: str) -> None:
        """EieError if it has a field that was not read and is not among those that change nothing."""
        for name in self.values:
            if name not in self.known and name not in ignored:
                raise EieError(f"{self.what}: {name} is not supported")


def parse_prototxt(text: str) -> Message:
    """The fields of a text; EieError for what is not protobuf's text format, and for escapes and lists in it."""
    return _message("the file", _tokens(text), 0, itertools.count(1))


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """The kind, the text and the line of each token, then the end, which is an empty mark."""
    position, line = 0, 1
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise EieError(f"line {line}: this is not protobuf's text format: {text[position : position + 20]!r}")
        if match.lastgroup != "space":
            yield str(match.lastgroup), match.group(), line
        line += match.group().count("\n")
        position = match.end()
    yield "mark", "", line


def _message(what: str, tokens: Iterator[tuple[str, str, int]], depth: int, fields: Iterator[int]) -> Message:
    """Fields up to the closing brace, or to the end of the text at depth 0; `fields` numbers those of all messages."""
    if depth > DEEPEST:
        raise EieError(f"messages must be nested at most {DEEPEST} deep, these are deeper")
    message = Message(what)
    end = "}" if depth else ""
    while True:
        kind, name, line = next(tokens)
        if (kind, name) == ("mark", end):
            return message
        if next(fields) > MOST_FIELDS:
            raise EieError(f"a text must have at most {MOST_FIELDS} fields, it has more")
        if kind != "word":
            raise EieError(f"line {line}: a field's name is wanted, got {name[:80] or 'the end'!r}")
        kind, value, line = next(tokens)
        if (kind, value) == ("mark", ":"):
            kind, value, line = next(tokens)
            if kind in ("word", "string"):
                message.values.setdefault(name, []).append(value if kind == "word" else value[1:-1])
                continue
        if (kind, value) != ("mark", "{"):
            raise EieError(f"line {line}: {name[:80]} must have a value, got {value[:80] or 'the end'!r}")
        message.values.setdefault(name, []).append(_message(name, tokens, depth + 1, fields))
