"""A report one can look at: tables, plots, strips and films of episodes, in a folder."""

from sensorium_sims.reporting.page import PAGE, write_report

__all__ = ["PAGE", "write_report"]
