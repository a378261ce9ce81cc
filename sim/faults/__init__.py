"""Upsets of registers and memories in the RTL, and what becomes of them."""
