"""An operator's own rules for authenticated events: which event leads to what.

What it does: says, for one event, which rule of each rule set matches first and what it names (nothing, a question to the
brain, a script, a workload, a trigger); fills templates from the event's facts; gives the engine the plan that a rule names.
What it does not: read files, carry out anything, allow anything: the kernel judges every action, whoever named it. Rules:
pure, so that the same event and the same rules give the same plan; only identifiers go into templates, never a sentence that
somebody wrote; a value never becomes an option of a program.
"""
