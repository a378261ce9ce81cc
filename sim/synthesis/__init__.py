"""FPGAs and standard cells with open tools: synthesis, place and route, boards."""
