"""The deeds, one file each: fetch, push, fork and what they share. Only native.py runs git; only push.py and refs.py
change refs; only maintenance.py deletes bytes."""
