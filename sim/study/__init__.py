"""Methods of the literature side by side: each trained, compressed, counted and simulated alike (`eie study`)."""
