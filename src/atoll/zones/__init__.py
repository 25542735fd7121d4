"""What is known of zones without asking a cloud: naming rules, the built-in directory, matching. Pure."""
