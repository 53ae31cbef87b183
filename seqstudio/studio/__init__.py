"""The Qt application. No torch, ever."""
