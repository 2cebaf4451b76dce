import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of one revocation list, which can change, fall silent, and say what it likes. */
export class CrlServer {
  /** The list; undefined: there is none. */
  list: Uint8Array | undefined;
  /** Whether its answers bear an ETag. */
  hasTags = true;
  /** How often it was asked. */
  requests = 0;
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests++;
      if (!this.list) return void response.writeHead(404).end();
      const etag = `"${createHash("sha256").update(this.list).digest("hex").slice(0, 16)}"`;
      if (request.headers["if-none-match"] === etag) return void response.writeHead(304).end();
      response.writeHead(200, this.hasTags ? { etag } : {}).end(this.list);
    });
  }

  static async start(): Promise<CrlServer> {
    const server = new CrlServer();
    await server.listen();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `http://${this.host}/list.crl`;
  }

  /** Answers again after a stop, on the same port. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }
}
