"""warden: answers an agent's inbox on a schedule, and provably does nothing else."""

__version__ = "0.1.0"
