import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";

/** An HTTP proxy on a free loopback port. */
export interface TestProxy {
  readonly url: string;
  /** What it was asked for, with the credential that came along. */
  readonly asked: { readonly target: string; readonly credential: string | undefined }[];
  close(): void;
}

/** Starts a proxy that opens tunnels and passes requests on, or answers all with one status. */
export async function startProxy(refuseWith?: number): Promise<TestProxy> {
  const asked: TestProxy["asked"] = [];
  const server = createServer((incoming, response) => {
    asked.push({ target: incoming.url ?? "", credential: incoming.headers["proxy-authorization"] });
    const passed = request(incoming.url ?? "", { method: "POST", headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    incoming.pipe(passed);
  });
  server.on("connect", (incoming, socket, head) => {
    asked.push({ target: incoming.url ?? "", credential: incoming.headers["proxy-authorization"] });
    if (refuseWith !== undefined) return void socket.end(`HTTP/1.1 ${refuseWith} No\r\n\r\n`);
    const [host, port] = (incoming.url ?? "").split(":");
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url, asked, close };
}
