"""The same streams of asyncio on uvloop: `python -m bench.servers.uvloop_streams length|lines|json|msgpack|tls`."""

import sys

import uvloop

from bench.servers.asyncio_streams import serve

if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
