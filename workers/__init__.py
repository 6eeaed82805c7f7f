"""The record, the pipeline and what moves it: everything between a delivery and its result."""
