"""The parts of a model file, `.eie` (docs/eie_format.md): its header, its sections, and how numbers become bits."""
