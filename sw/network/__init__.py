"""Networks: layers, graphs, what they compute in float32 and in the array's integers."""
