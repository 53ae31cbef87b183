raise ModuleNotFoundError("Qt is blocked here, see without_qt.py", name="pytestqt")
