"""A processing element and its units, by the names of the EIE paper."""
