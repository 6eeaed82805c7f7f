"""What is made from the code for its readers and for a release. Not a part of the wheel."""
