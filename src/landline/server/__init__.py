"""Services: declared, run on addresses, stopped without loss."""
