"""Prints, as JSON, the functions of the app and which modules its import brought in. An app can be asked once."""

from __future__ import annotations

import json
import sys

import function_app

imported = sorted(sys.modules)
functions = []
for function in function_app.app.get_functions():
    trigger = function.get_trigger().get_dict_repr()
    functions.append(
        {"name": function.get_function_name(), "trigger": trigger, "bindings": len(function.get_bindings())}
    )

print(json.dumps({"modules": imported, "functions": functions}, default=str))
