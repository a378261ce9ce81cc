"""The commands of `eie`, one file each: parse, call, show, payload."""
