"""From bytes to frozen values, strictly: charter, bundle, catalogue, request, test cases.

What it does: parses YAML and JSON that a person or another tool wrote, refuses everything that is not exactly
understood (duplicate and unknown keys, wrong types, too much of anything), and names the file, the line and the next
step in each refusal. What it does not: read files or directories, judge anything, keep anything. Rules: one byte
string has one meaning (YAML 1.2 core schema, UTF-8 only); every size, depth and count has a named limit; validation
models live and die inside this room, and only frozen dataclasses leave it; a refusal is a `DocumentError` or a
`CharterError`, never a traceback; heavy libraries are imported when a document is parsed, not before.
"""
