"""One HTTP request, exactly as it was spelled, and what came of it: from here, or from inside a pod.

This file is also handed to ``python -c`` in pods, with the questions as its argument: it needs nothing but Python.
"""

import http.client
import json
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_SECONDS = 5
_BODY_CHARACTERS = 2000
_CERTIFICATES = "/certificates"


def ask(question: dict[str, Any]) -> dict[str, Any]:
    """Send one request.

    Args:
        question: ``host``, ``port``, ``method``, ``path``, and where they are needed ``headers``, ``body`` and ``tls``:
            `workload` shows the certificate that the pod was given, `anonymous` shows none.

    Returns:
        ``status``, ``body`` and ``headers`` of an answer, or ``error`` where there was none. ``connected`` tells
        whether TCP got through.
    """
    found: dict[str, Any] = {"status": None, "body": "", "headers": {}, "error": None, "connected": False}
    try:
        with socket.create_connection((question["host"], question["port"]), _SECONDS) as plain:
            found["connected"] = True
            connection = http.client.HTTPConnection(question["host"], question["port"], timeout=_SECONDS)
            connection.sock = _secured(plain, question["tls"]) if question.get("tls") else plain
            connection.request(
                question["method"], question["path"], question.get("body"), question.get("headers") or {}
            )
            answer = connection.getresponse()
            found["status"] = answer.status
            found["headers"] = {name.lower(): value for name, value in answer.getheaders()}
            found["body"] = answer.read().decode(errors="replace")[:_BODY_CHARACTERS]
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        found["error"] = f"{type(error).__name__}: {error}"
    return found


def _secured(plain: socket.socket, identity: str) -> ssl.SSLSocket:
    """Speak TLS as a sidecar does, with its certificate or without one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # A workload is known by a SPIFFE id, which is no host name.
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["istio-http/1.1", "istio"])
    if identity == "workload":
        context.load_cert_chain(f"{_CERTIFICATES}/cert-chain.pem", f"{_CERTIFICATES}/key.pem")
    return context.wrap_socket(plain)


if __name__ == "__main__":
    questions = json.loads(sys.argv[1])
    with ThreadPoolExecutor(len(questions) if "at-once" in sys.argv else 1) as pool:
        sys.stdout.write(json.dumps(list(pool.map(ask, questions))))
