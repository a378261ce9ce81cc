"""What users run: the command line, simulation, RTL co-simulation, the demo."""
