"""The contract and the reference: what hardware, software and simulator must agree on, to the bit and the cycle."""
