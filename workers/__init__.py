"""The record of what was asked, and the pipeline that carries it out."""
