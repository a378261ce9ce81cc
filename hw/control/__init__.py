"""What all PEs share: the loader, the central control unit with its layer table, detection of nonzeros, registers."""
