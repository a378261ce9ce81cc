"""Bits: Huffman codes, relative indices, packed streams."""
