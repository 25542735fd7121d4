"""The aws backend on an emulated EC2 whose instances are real SSH hosts. Proven against these, not against AWS."""
