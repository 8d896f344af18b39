// The server of the comparison with Node: `serve.py` starts it with a port.
const http = require("http");
http.createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (request.method !== "GET" || url.pathname !== "/hello") {
    response.statusCode = 404;
    response.end("Not Found");
    return;
  }
  const body = JSON.stringify({ hello: url.searchParams.get("name"), path: url.pathname });
  response.writeHead(200, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}).listen(Number(process.argv[2]), "127.0.0.1");
