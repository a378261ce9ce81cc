"""The host's side: drivers in Python and C over transports."""
