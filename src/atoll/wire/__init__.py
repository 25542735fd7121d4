"""The shapes that cross a process boundary: `api` between server and clients, `agent` between engine and agent."""
