"""What happens when: queues over time, the load of the PEs, traces."""
