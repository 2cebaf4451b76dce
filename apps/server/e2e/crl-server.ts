import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of one revocation list, which can change, go away, and say what it likes. */
export class CrlServer {
  /** The list; undefined: there is none. */
  list: Uint8Array | undefined;
  /** Whether its answers bear an ETag. */
  hasTags = true;
  /** Whether it ends connections without an answer. */
  isAway = false;
  /** How often it was asked. */
  requests = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      if (this.isAway) return void request.socket.destroy();
      this.requests++;
      if (!this.list) return void response.writeHead(404).end();
      const etag = `"${createHash("sha256").update(this.list).digest("hex").slice(0, 16)}"`;
      if (request.headers["if-none-match"] === etag) return void response.writeHead(304).end();
      response.writeHead(200, this.hasTags ? { etag } : {}).end(this.list);
    });
  }

  static async start(): Promise<CrlServer> {
    const server = new CrlServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.host}/list.crl`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }
}
