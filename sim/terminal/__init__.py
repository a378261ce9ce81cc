"""What the terminal shows and takes: options, tables, progress, exit codes."""
