"""The HTTP API: routes, authentication, the long polls of logs and events."""
