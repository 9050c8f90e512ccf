"""Git on the wire: pkt-lines, advertisements, fetch and push messages. Takes bytes, gives values, and back. No input
or output; imports errors and ids only."""
