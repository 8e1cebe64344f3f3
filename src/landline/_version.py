"""The version of Landline, in one place: the package, the command and the build read it from here."""

__version__ = "0.1.0"
