"""Holds answers against the OpenAPI document: a status, a media type or a field that is not described is a mistake."""

import functools
import json
import re
from typing import Any

import httpx
import jsonschema

from tests.support.frames import closed
from tests.support.openapi import Operation, operations


class WrongAnswerError(AssertionError):
    """The answer is not as it is documented."""


def check_answer(reply: httpx.Response) -> None:
    """Nothing, if the answer is one that the operation it is from is documented to give; paths of no operation pass.

    Raises:
        WrongAnswerError: it is not.
    """
    operation = operation_of(reply.request.method, reply.request.url.path)
    if operation is None:
        return
    shown = f"{operation.method} {operation.path} answered {reply.status_code} {reply.text[:500]}"
    responses = operation.description["responses"]
    key = str(reply.status_code)
    if key not in responses:
        if reply.status_code < 400:
            raise WrongAnswerError(f"{shown}, which is not documented")
        key = "default"
    described = responses[key].get("content", {})
    kind = reply.headers.get("content-type", "").partition(";")[0]
    if not described:
        if reply.content:
            raise WrongAnswerError(f"{shown}, where nothing should be")
    elif kind not in described:
        raise WrongAnswerError(f"{shown} as {kind or 'nothing'}")
    else:
        validator = _validator(operation.method, operation.path, key, kind)
        mistake = jsonschema.exceptions.best_match(validator.iter_errors(json.loads(reply.content)))
        if mistake is not None:
            raise WrongAnswerError(f"{shown}: {mistake.json_path}: {mistake.message}")


@functools.cache
def operation_of(method: str, path: str) -> Operation | None:
    """The operation that a request asks for; one that is spelled out comes before one with names."""
    found = [one for one in operations() if one.method == method and _pattern(one.path).fullmatch(path)]
    return min(found, key=lambda one: one.path.count("{"), default=None)


@functools.cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path.rstrip("/"))) + "/?")


@functools.cache
def _validator(method: str, path: str, status: str, kind: str) -> Any:
    [operation] = [one for one in operations() if (one.method, one.path) == (method, path)]
    schema = closed(operation.description["responses"][status]["content"][kind]["schema"])
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
