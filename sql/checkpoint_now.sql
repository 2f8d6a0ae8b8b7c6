-- Writes every page that waits to be written, and returns when they are on disk.
CHECKPOINT
