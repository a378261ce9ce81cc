"""The serial link's commands: what a host sends over a UART (8 data bits, no parity, one stop bit) and what comes back.

Numbers are little-endian. A command whose next byte does not come for `TIMEOUT_BYTES` times the length of a byte is
forgotten: a host that lost its place waits that long and begins anew.
"""

from enum import IntEnum

WORD_BYTES = 4
MAX_PIECES = 255
TIMEOUT_BYTES = 64


class Command(IntEnum):
    """First byte of a command; what follows it, and the answer."""

    READ = ord("R")  # word address (1 byte); answer: the register (4 bytes)
    WRITE = ord("W")  # word address (1 byte), value (4 bytes); answer: DONE
    SEND = ord("S")  # count 1..255 (1 byte), that many pieces for STREAM_IN (4 bytes each); answer: DONE
    SEND_LAST = ord("E")  # as SEND, the last piece goes to STREAM_LAST
    GET = ord("G")  # count 1..255 (1 byte); answer: that many pieces of STREAM_OUT (4 bytes each), which are popped


DONE = ord("K")
UNKNOWN = ord("?")  # answer to any other first byte
