"""Plans: what an edit would change, worked out without changing anything.

A plan is a pure function of the state, its contacts and what was clicked. It returns an `Effect`, or raises `Refused`
where the edit cannot be made and `Doubtful` where a person should confirm it. `Session` writes effects to the log.
"""
