"""Tests of the source `files`: connector, declared mapping, and both behind a lane."""
