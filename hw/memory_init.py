"""Memory initial values as loops: the back end writes one assignment per word, a loop says the same in a line."""

import re

_BLOCK = re.compile(r"^  initial begin\n((?:    (\S+)\[\d+\] = (\d+'[dh]0+);\n)+)  end\n", re.MULTILINE)
_WORD = re.compile(r"\[(\d+)\] = ")


def loop_zero_memories(text: str) -> str:
    """Verilog with every all-zero memory initialised by a `for` loop (Verilog-2001, inferred by synthesis as before).

    Raises ValueError if a block does not name the words 0, 1, 2, .. in order.
    """
    return _BLOCK.sub(_loop, text)


def _loop(block: re.Match[str]) -> str:
    assignments, memory, zero = block.groups()
    addresses = [int(address) for address in _WORD.findall(assignments)]
    if addresses != list(range(len(addresses))):
        raise ValueError(f"wanted initial values of {memory} for words 0, 1, 2, .., got {addresses[:8]}")
    index = f"{memory.lstrip(chr(92))}_index"
    return (
        f"  integer {index};\n"
        "  initial begin\n"
        f"    for ({index} = 0; {index} < {len(addresses)}; {index} = {index} + 1) {memory}[{index}] = {zero};\n"
        "  end\n"
    )
