"""From requests and options to the cheapest placements."""
