"""What the server counts: how often, how much, how long. Never a name, a token or a path; imports no other room."""
