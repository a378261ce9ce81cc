"""Zero memories become loops; anything else stays as it was."""

import pytest

from hw.memory_init import loop_zero_memories

BLOCK = "  initial begin\n    words[0] = 16'h0000;\n    words[1] = 16'h0000;\n    words[2] = 16'h0000;\n  end\n"


def test_a_zero_memory_becomes_a_loop():
    text = loop_zero_memories(f"  reg [15:0] words [2:0];\n{BLOCK}  always @(posedge clk)\n")
    assert text == (
        "  reg [15:0] words [2:0];\n"
        "  integer words_index;\n"
        "  initial begin\n"
        "    for (words_index = 0; words_index < 3; words_index = words_index + 1) words[words_index] = 16'h0000;\n"
        "  end\n"
        "  always @(posedge clk)\n"
    )


def test_other_initial_values_are_kept():
    text = BLOCK.replace("words[1] = 16'h0000", "words[1] = 16'h0001")
    assert loop_zero_memories(text) == text


def test_words_out_of_order_are_refused():
    with pytest.raises(ValueError, match=r"wanted initial values of words for words 0, 1, 2, \.\., got \[0, 2, 2\]"):
        loop_zero_memories(BLOCK.replace("words[1]", "words[2]"))


def test_words_of_32_bits_are_written_in_decimal():
    text = loop_zero_memories(BLOCK.replace("16'h0000", "32'd0"))
    assert "words_index = words_index + 1) words[words_index] = 32'd0;" in text
