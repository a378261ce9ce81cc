"""What a CPU and a GPU take for the same layers, measured or published."""
