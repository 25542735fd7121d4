"""One handler for each kind of record: load its state, call its reconciler, carry out the decision."""
