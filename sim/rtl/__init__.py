"""RTL simulation: builds, co-simulation with the model, the places where a host driver runs."""
