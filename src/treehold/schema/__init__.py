"""The REST bodies and rows, as pydantic models shared by the doors and the client. No input or output."""
