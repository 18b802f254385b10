"""What proves that the stand-in is what it says, by real AWS clients and by requests signed by hand."""
