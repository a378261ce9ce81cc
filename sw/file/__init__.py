"""The parts of a model file (docs/contract/eie_format.md): its header, its sections, and how numbers become bits."""
