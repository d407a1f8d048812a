"""Lines for the person at the terminal, sent to the engine beside the answer to a call."""

from typing import Any


class Messages:
    """Collects nothing: each line goes to the engine at once, attached to its resource."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._stub: Any = None

    def info(self, urn: str, text: str) -> None:
        """Show `text` under Diagnostics."""
        self._log(1, urn, text)

    def warn(self, urn: str, text: str) -> None:
        """Show `text` as a warning under Diagnostics."""
        self._log(2, urn, text)

    def _log(self, severity: Any, urn: str, text: str) -> None:
        import grpc  # type: ignore[import-untyped]  # publishes no types
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

        if self._stub is None:
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._engine_address))
        self._stub.Log(engine_pb2.LogRequest(severity=severity, message=text, urn=urn), timeout=10)
