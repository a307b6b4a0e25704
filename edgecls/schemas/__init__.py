"""JSON Schemas (draft 2020-12) of everything that is published: one file per kind of topic."""
