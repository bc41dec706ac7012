"""Records: what runs leave behind, as plain values."""
