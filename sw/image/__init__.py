"""The array image: a network laid out for one array, in one load or in passes."""
