"""Service models: botocore's JSON, read when a service is first called, and what is compiled from it."""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import orjson

from freehold.wire.messages import InvalidParams, WireRequest, WireResponse
from freehold.wire.protocols import Codec, codec
from freehold.wire.shapes import Shape
from freehold.wire.uris import Router, compile_router
from freehold.wire.validate import compile_validator


@lru_cache(maxsize=256)
def load_model(service: str, *, keeps_json: bool = False) -> Model:
    """The newest model of a service by botocore's name; LookupError if botocore has none.

    A model is a pure function of the installed botocore, so keeping it is not state.
    """
    found = importlib.util.find_spec("botocore")
    assert found is not None
    assert found.submodule_search_locations
    directory = Path(found.submodule_search_locations[0]) / "data" / service
    versions = sorted(directory.glob("*/service-2.json.gz"))
    if not versions:
        raise LookupError(f"botocore has no model of {service!r}")
    document = orjson.loads(gzip.decompress(versions[-1].read_bytes()))
    return Model(service, document, keeps_json=keeps_json)


class Model:
    """A service's operations and errors. `protocol` is the one its newest clients speak."""

    def __init__(self, service: str, document: dict[str, Any], *, keeps_json: bool = False) -> None:
        self.service = service
        self.metadata: dict[str, Any] = document["metadata"]
        self.protocol: str = self.metadata["protocol"]
        self.target_prefix: str | None = self.metadata.get("targetPrefix")
        self.shapes: dict[str, Any] = document["shapes"]
        self.documents: dict[str, Any] = document["operations"]
        self._keeps_json = keeps_json
        self._codecs: dict[str, Codec] = {}
        self._operations: dict[tuple[str, str], OperationModel] = {}

    def operation(self, name: str, protocol: str | None = None) -> OperationModel:
        """An operation in a protocol; KeyError if the model has none of this name."""
        key = (name, protocol or self.protocol)
        found = self._operations.get(key)
        if found is None:
            document = self.documents[name]
            found = OperationModel(self, name, document, self.codec(key[1]))
            self._operations[key] = found
        return found

    def codec(self, protocol: str) -> Codec:
        found = self._codecs.get(protocol)
        if found is None:
            found = codec(protocol, self.metadata, keeps_json=self._keeps_json)
            self._codecs[protocol] = found
        return found

    @cached_property
    def router(self) -> Router:
        """Which operation a REST request means."""
        return compile_router(self.documents, self.shapes)

    def shape(self, reference: dict[str, Any]) -> Shape:
        return Shape(self.shapes, reference)

    def error(
        self,
        code: str,
        message: str,
        *,
        request_id: str,
        protocol: str | None = None,
        status: int | None = None,
        members: dict[str, Any] | None = None,
    ) -> WireResponse:
        """An error as this service's clients read it. The status is the model's unless one is given."""
        shape = self._error_shape(code)
        response = self.codec(protocol or self.protocol).error(
            code, message, shape, members or {}, request_id
        )
        response.status = status or self._error_status(shape)
        return response

    def _error_shape(self, code: str) -> Shape | None:
        own = self.shapes.get(code)
        if own is not None and own.get("exception"):
            return Shape(self.shapes, {"shape": code})
        name = self._errors_by_code.get(code)
        return Shape(self.shapes, {"shape": name}) if name else None

    @cached_property
    def _errors_by_code(self) -> dict[str, str]:
        return {
            shape["error"]["code"]: name
            for name, shape in self.shapes.items()
            if shape.get("exception") and shape.get("error", {}).get("code")
        }

    def _error_status(self, shape: Shape | None) -> int:
        if shape is None:
            return 400
        status = shape.get("error", {}).get("httpStatusCode")
        return int(status) if status else (500 if shape.get("fault") else 400)


class OperationModel:
    """One operation in one protocol; its functions are compiled when they are first needed."""

    def __init__(self, model: Model, name: str, document: dict[str, Any], codec: Codec) -> None:
        self.name = name
        self.document = document
        self._model = model
        self._codec = codec
        reference = document.get("input")
        self.input = model.shape(reference) if reference else None
        reference = document.get("output")
        self.output = model.shape(reference) if reference else None

    @cached_property
    def streams_input(self) -> bool:
        """Whether the request's body is handed on as it arrives."""
        if self.input is None or not self.input.get("payload"):
            return False
        payload = self.input.members[self.input.get("payload")]
        return bool(payload.get("streaming") or payload.get("eventstream"))

    @cached_property
    def parse(self) -> Callable[[WireRequest], dict[str, Any]]:
        return self._codec.parser(self.input)

    @cached_property
    def serialize(self) -> Callable[[Any, str], WireResponse]:
        """A function (result, request id) -> answer."""
        return self._codec.serializer(self.name, self.document, self.output)

    def validate(self, params: dict[str, Any]) -> None:
        """Raise InvalidParams if the params break the model's constraints."""
        if self._validator is None:
            return
        breaches: list[str] = []
        self._validator(params, "", breaches)
        if breaches:
            raise InvalidParams(breaches)

    @cached_property
    def _validator(self) -> Callable[[Any, str, list[str]], None] | None:
        if self.input is None:
            return None
        # S3 checks enumerations and lengths itself, each with an error of its own.
        only_required = self._model.protocol == "rest-xml"
        return compile_validator(self.input, only_required=only_required)
