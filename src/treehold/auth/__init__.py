"""Token forms and digests, scopes, and who may do what. Decides, never looks up; imports errors and ids only."""
