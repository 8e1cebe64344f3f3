"""Landline's chat side by side with ngircd: fan-out, saturation, idle members, history, and all coming back at once."""
