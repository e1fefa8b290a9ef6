"""Fakes that ship, and the contract suites that a fake and the real thing must both pass.

What it does: gives people who write an adapter, or test on top of one, what warden itself is tested with: `hub` (a hub in
memory with places to inject faults, and `HubContract`), `hub_classic` and `hub_server` (served hubs on a free loopback
port), and fakes of the other ports. What it does not: run in production, or know anything that the ports do not say.
Rules: a fake keeps its own state and shares no code with the real thing beside the checks of what goes in; a suite asks
only what its port promises, and where adapters may differ it asks `traits`; pytest is imported by suites only.
"""
