"""sw/formats/prototxt.py: protobuf's text format as Caffe's descriptions use it."""

import pytest

from model.errors import EieError
from sw.formats.prototxt import Message, parse_prototxt

TEXT = """
# a comment
name: "a # b" size: 3; size : 4, flag:true
sub { inner: { kind: MAX } ratio: -1.5e-3 }
sub: {}
'quoted' """


def test_fields_in_their_order():
    message = parse_prototxt(TEXT.replace("'quoted'", "other: 'quoted \"text\"'"))
    assert message.text("name", "") == "a # b"
    assert message.numbers("size") == [3, 4]
    assert message.flag("flag", False) is True
    first, second = message.messages("sub")
    assert first.message("inner").text("kind", "") == "MAX"
    assert first.text("ratio", "") == "-1.5e-3"
    assert second.values == {}
    assert message.text("other", "") == 'quoted "text"'
    message.finish()


def test_defaults():
    message = Message("x")
    assert (message.text("a", "b"), message.number("a", 7), message.flag("a", True)) == ("b", 7, True)
    assert message.message("a").number("b", 3) == 3
    assert message.numbers("a") == []


def test_what_nobody_read_is_refused():
    message = parse_prototxt("a: 1 b: 2")
    message.number("a", 0)
    message.finish("b")
    with pytest.raises(EieError, match="the file: b is not supported"):
        message.finish()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (TEXT, "line 6: a field's name is wanted, got \"'quoted'\""),
        ("a", "line 1: a must have a value, got 'the end'"),
        ("a:", "line 1: a must have a value, got 'the end'"),
        ("a: }", "line 1: a must have a value, got '}'"),
        ("\na {", "line 2: a field's name is wanted, got 'the end'"),
        ("}", "line 1: a field's name is wanted, got '}'"),
        (": 3", "line 1: a field's name is wanted, got ':'"),
        ("a: [1, 2]", r"line 1: this is not protobuf's text format: '\[1, 2\]'"),
        ('a: "b', "line 1: this is not protobuf's text format: '\"b'"),
        ('a: "b\\n"', "line 1: this is not protobuf's text format"),
        ("a: \x00", "line 1: this is not protobuf's text format"),
        ("a {" * 17, "nested at most 16 deep"),
        ("a {" * 100_000, "nested at most 16 deep"),
    ],
)
def test_other_text_is_refused(text: str, sentence: str):
    with pytest.raises(EieError, match=sentence):
        parse_prototxt(text)


def test_values_of_another_kind_are_refused():
    message = parse_prototxt("word: x  twice: 1 twice: 2  sub {} sub {}  big: 99999999999 negative: -1")
    for read, sentence in (
        (lambda: message.number("word", 0), "word must be a whole number, got 'x'"),
        (lambda: message.number("big", 0), "big must be a whole number, got '99999999999'"),
        (lambda: message.number("negative", 0), "negative must be a whole number, got '-1'"),
        (lambda: message.flag("word", False), "word must be true or false, got 'x'"),
        (lambda: message.number("twice", 0), "twice must be there once, got 2 values"),
        (lambda: message.message("sub"), "sub must be there once, got 2"),
        (lambda: message.texts("sub"), "sub must be a value, got a message"),
        (lambda: message.messages("word"), "word must be a message, got a value"),
    ):
        with pytest.raises(EieError, match=f"the file: {sentence}"):
            read()
