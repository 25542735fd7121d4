"""Which offers and instances can serve a request at all."""
