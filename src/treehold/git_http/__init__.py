"""The door for Git clients: smart HTTP as bare ASGI. Turns engine errors into what git shows."""
