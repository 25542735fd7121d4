"""One handler for each kind of thing: load what is known, let its reconciler decide, carry the decision out."""
