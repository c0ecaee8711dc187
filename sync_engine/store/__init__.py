"""The only package that knows our tables. One module a noun; SQLAlchemy Core for schema and small statements, COPY and
readable set-based SQL for bulk. `canonical` is the public contract, `engine` is private, `staging` holds unlogged
hand-over tables per source that a cut empties."""
