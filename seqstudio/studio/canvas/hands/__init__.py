"""What hands do on the canvas: gestures of the pointer, keys, menus, arranging."""
