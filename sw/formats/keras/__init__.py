"""Networks as Keras saves them."""
