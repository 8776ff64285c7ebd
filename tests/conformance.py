"""Whether a value is of a type, for tests that compare what is annotated with what comes out."""

import types
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np


def conforms(value: object, annotation: Any) -> bool:
    """Tell whether a value is of an annotated type; an annotation of an unknown kind is an error.

    An empty list or dict does not conform to one with a type of elements: it would show nothing.
    """
    if annotation is Any or annotation is object or isinstance(annotation, TypeVar):
        return True
    if annotation is None:
        return value is None
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None:
        # Exact, so that True is no int.
        return (
            type(value) is annotation if annotation in (bool, int, float, str, bytes) else isinstance(value, annotation)
        )
    if origin in (Union, types.UnionType):
        return any(conforms(value, arg) for arg in args)
    if origin is Literal:
        return any(type(value) is type(arg) and value == arg for arg in args)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype == np.dtype(get_args(args[1])[0])
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return type(value) is tuple and all(conforms(item, args[0]) for item in value)
    if origin is tuple:
        return type(value) is tuple and len(value) == len(args) and all(map(conforms, value, args))
    if origin is list:
        return type(value) is list and bool(value) and all(conforms(item, args[0]) for item in value)
    if origin is dict:
        items = value.items() if type(value) is dict else ()
        return bool(items) and all(conforms(key, args[0]) and conforms(item, args[1]) for key, item in items)
    if origin is Callable:
        return callable(value)
    if origin is Coroutine or not isinstance(origin, type):
        message = f"conforms does not know {annotation}"
        raise TypeError(message)
    # A generic class of ours: its parameters are not kept at run time.
    return isinstance(value, origin)
