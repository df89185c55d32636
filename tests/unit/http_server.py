"""A server of files for tests of downloads, which can cut, refuse and change them."""

from __future__ import annotations

import gzip
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server:
    """Serves `files` under ``<url>/<root>/`` and does what `faults` says of a file, once for each entry.

    Faults: ``cut`` (the connection ends half-way), ``stall`` (it stays, and nothing more comes), or a status such as
    ``503``. `headers` are sent with every file; `etags` and `dates` are sent where they
    are given, and compared with If-Range; `ranges` False sends every file from its start.
    """

    def __init__(self, root: str, files: dict[str, bytes]) -> None:
        self.root = root
        self.files = files
        self.faults: dict[str, list[str]] = {}
        self.etags: dict[str, str] = {}
        self.dates: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.ranges = True
        self.compares = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix(f"/{self.root}/")
        wanted = request.headers.get("Range")
        self.asked.append((name, wanted))
        content = self.files.get(name)
        fault = self.faults[name].pop(0) if self.faults.get(name) else None
        if content is None or (fault or "").isdigit():
            request.send_error(404 if content is None else int(fault or 0))
            return
        told = {"ETag": self.etags.get(name), "Last-Modified": self.dates.get(name)}
        start = 0
        only_if = request.headers.get("If-Range")
        if wanted is not None and self.ranges and (not self.compares or only_if in (None, *told.values())):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{len(content)}")
                request.send_header("Content-Length", "0")
                request.end_headers()
                return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        for header, value in (told | self.headers).items():
            if value is not None:
                request.send_header(header, value)
        request.end_headers()
        request.wfile.write(content[start : len(content) // 2] if fault in ("cut", "stall") else content[start:])
        if fault == "stall":
            request.wfile.flush()
            time.sleep(2)
        request.close_connection = True

    def count(self, name: str) -> int:
        """Returns how often a file was asked for."""
        return len(self.ranges_of(name))

    def ranges_of(self, name: str) -> list[str | None]:
        """Returns the ranges of a file that were asked for, None for the whole."""
        return [wanted for asked, wanted in self.asked if asked == name]


def rfam_release() -> dict[str, bytes]:
    """Returns the files of a small release of Rfam by name, without the models."""
    files = {}
    seed, table = "", ""
    for number, name in ((1, "5S_rRNA"), (2, "tRNA"), (3, "U3")):
        accession = f"RF{number:05d}"
        seed += (
            f"# STOCKHOLM 1.0\n\n#=GF AC   {accession}\n#=GF ID   {name}\n#=GF DE   \xe9\n\n"
            f"AB{number}.1/1-8      ACG-UCGU\nAB{number}.1/20-28    AC.AUCGU\n#=GC SS_cons    <<<..>>>\n//\n"
        )
        cells = [accession, name, "1302", "a tab \\\t and a \\\nline end", *["x"] * 14, "Gene; rRNA;", "Published"]
        table += "\t".join(cells) + "\n"
        fasta = f">AB{number}.1/1-8  Some species\nACGTACGTAC\nGTACGTAC\n>AC{number}.2/9-1\nACGGGGTACGTACGT\n"
        files[f"fasta_files/{accession}.fa.gz"] = gzip.compress(fasta.encode(), mtime=0)
    files["Rfam.seed.gz"] = gzip.compress(seed.encode("latin-1"), mtime=0)
    files["Rfam.clanin"] = b"CL00001\ttRNA\tU3\n"
    files["database_files/family.txt.gz"] = gzip.compress(table.encode("latin-1"), mtime=0)
    return files


@contextmanager
def serving(root: str, files: dict[str, bytes]) -> Iterator[Server]:
    """Gives a server of files, which it stops in the end."""
    server = Server(root, files)
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
