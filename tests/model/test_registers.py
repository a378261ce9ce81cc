"""The register map as data."""

import re

from model.registers import ADDRESS, ADDRESS_BITS, ID_VALUE, REGISTERS, WINDOW_REGISTERS, Error, PeCounter, PeError

ALL_REGISTERS = (*REGISTERS, *WINDOW_REGISTERS)


def test_addresses_are_distinct_and_fit():
    addresses = [register.address for register in ALL_REGISTERS]
    assert len(set(addresses)) == len(addresses)
    assert all(0 <= address < 1 << ADDRESS_BITS for address in addresses)
    assert {register.name: register.address for register in ALL_REGISTERS} == ADDRESS


def test_names_are_identifiers_and_documented():
    for register in ALL_REGISTERS:
        assert re.fullmatch(r"[A-Z][A-Z_]*", register.name)
        assert register.doc
        assert register.access in ("ro", "wo", "rw", "rw1c")


def test_every_counter_has_a_register_in_order():
    first = ADDRESS["PE_ENTRIES"]
    assert [ADDRESS[f"PE_{counter.name}"] - first for counter in PeCounter] == list(range(len(PeCounter)))


def test_identity_and_error_width():
    assert ID_VALUE.to_bytes(4, "big") == b"EIE1"
    assert all(0 <= error < 16 for error in Error)


def test_every_error_of_a_pe_is_a_cause():
    assert all(error.name in Error.__members__ for error in PeError)
    assert all(0 <= error < 8 for error in PeError)
