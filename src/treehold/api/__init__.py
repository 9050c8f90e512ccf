"""The door for programs: REST on FastAPI. Turns engine errors into envelopes."""
