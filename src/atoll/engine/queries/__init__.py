"""What every front reads: typed answers, without HTTP."""
