"""Buses around the array: AXI4-Lite, AXI4-Stream, a serial link, and the tops that carry them."""
