"""Every combination of configuration values, in local processes or on a cluster."""
