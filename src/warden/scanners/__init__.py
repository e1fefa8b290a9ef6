"""Other people's secret scanners behind the `Scanner` port: second opinions, joined with the guard's own by union.

What it does: runs a scanner and says what it found in our words. What it does not: replace the guard, which is always
asked; look into a finding's value; fall back to anything when a scanner that is configured is missing.

Rules of this room: a scanner is imported and built when it is first needed; a failure while scanning is a finding of
kind `unscannable` (fail closed); what cannot be built is an error that names the extra to install.
"""
