"""From demands to placements: what is asked of the planner, and what becomes of its answer."""
