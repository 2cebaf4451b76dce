import type { IncomingMessage, ServerResponse } from "node:http";
import type { TrustBundle } from "../src/trust-bundle.js";
import type { BundleSigner } from "./bundle-signer.js";
import { type LocalServer, startLocalServer } from "./local-server.js";

/** What a token server publishes about its trust, for tests that change it between fetches. */
export class TrustServer {
  /** The bundle; undefined for a server that has none. */
  bundle: TrustBundle | undefined;
  /** Older bundles to which it knows updates. */
  readonly history: TrustBundle[] = [];
  /** The certificates document; undefined for a server that has none. */
  certificates: string | undefined;
  /** Answers every request with this status instead. */
  failure: number | undefined;
  /** Changes what is answered with status 200. */
  tamper: (bytes: Uint8Array) => Uint8Array | string = (bytes) => bytes;
  /** `path?query -> status`, one for each request. */
  readonly log: string[] = [];
  readonly #signer: BundleSigner;
  #server: LocalServer | undefined;
  #port = 0;

  constructor(signer: BundleSigner) {
    this.#signer = signer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts it; after a stop on the same port again. */
  async start(): Promise<this> {
    this.#server = await startLocalServer((request, response) => this.#answer(request, response), this.#port);
    this.#port = this.#server.port;
    return this;
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  /** Publishes a bundle, and remembers the last one. */
  publish(bundle: TrustBundle): void {
    if (this.bundle) this.history.push(this.bundle);
    this.bundle = bundle;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.url);
    const [status, body, etag] = this.#find(url, request.headers["if-none-match"]);
    this.log.push(`${url.pathname}${url.search} -> ${status}`);
    response.writeHead(status, etag === undefined ? {} : { etag });
    response.end(status === 200 ? this.tamper(body) : undefined);
  }

  #find(url: URL, known: string | undefined): [status: number, body: Uint8Array, etag?: string] {
    const none = new Uint8Array();
    if (this.failure !== undefined) return [this.failure, none];
    if (url.pathname === "/auth/api/v1/server/certificates" && this.certificates !== undefined) {
      return [200, Buffer.from(this.certificates)];
    }
    if (url.pathname !== "/trust/v1/bundle" || !this.bundle) return [404, none];
    const etag = `"${this.bundle.number}-${this.bundle.signedAt}"`;
    if (known === etag) return [304, none, etag];
    const since = Number(url.searchParams.get("since"));
    const base = [...this.history, this.bundle].find(({ number }) => number === since);
    return [200, base ? this.#signer.signDelta(base, this.bundle) : this.#signer.sign(this.bundle), etag];
  }
}
