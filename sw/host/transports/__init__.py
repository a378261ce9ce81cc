"""Ways to reach an array: `transport.Transport` and its back ends."""
