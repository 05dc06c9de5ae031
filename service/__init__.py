"""Aftercare for dry-needling clinics: timed tips, check-ins, flags and recorded calls."""

__version__ = "0.1.0"
