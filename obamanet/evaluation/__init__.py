"""How near a generated mouth, picture or video comes to the recorded one."""
