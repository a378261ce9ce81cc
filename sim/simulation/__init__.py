"""Runs of networks on the cycle-accurate engine."""
