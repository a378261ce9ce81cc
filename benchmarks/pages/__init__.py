"""The generated parts of README.md and docs/: outputs of commands, the picture of results, the page of commands."""
