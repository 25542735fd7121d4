"""dstack's API: the shapes of its clients against a real server."""
