"""From demands to placements: the planner's requests, and the records made from its plans."""
