"""Plans that are right, as data: a folder for each, with the world, the request, the plan and its text."""
