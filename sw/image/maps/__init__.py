"""Whole networks for an array with `maps`: a graph becomes one program of map layers."""
