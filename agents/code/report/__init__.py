"""What a review looks like: text for people, and the forms that tools read.

Each writer takes a :class:`Report` and gives text. Nothing in a report is a secret: findings come
as :class:`agents.code.results.Shown`.
"""

from agents.code.report.forms import FORMATS, write
from agents.code.report.model import Report

__all__ = ["FORMATS", "Report", "write"]
