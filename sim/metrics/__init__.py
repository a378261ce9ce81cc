"""Every figure that is said of a run, declared once, and the tables that are made of them."""
