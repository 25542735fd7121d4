"""The reads shared by all fronts: typed results, without HTTP."""
