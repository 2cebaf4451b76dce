import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, demand, Refused } from "./answer.js";
import { IamEndpoint } from "./iam-endpoint.js";
import { KmsEndpoint } from "./kms-endpoint.js";
import { TokenEndpoint } from "./token-endpoint.js";

/** A call as it came. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** Cloud KMS, IAM, the OAuth2 token endpoint and the metadata server on one loopback port. */
export class GoogleServer {
  readonly kms = new KmsEndpoint();
  readonly iam = new IamEndpoint();
  readonly tokens = new TokenEndpoint();
  readonly calls: Call[] = [];
  /** Passes the right answer on, or puts another in its place. */
  bend: (call: Call, right: () => Answer) => Answer | Promise<Answer> = (_, right) => right();
  readonly #server = createServer((request, response) => {
    void this.#answer(request).then(([status, body]) => {
      if (status === 0) request.socket.destroy();
      else response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });

  /** Starts a server on a free port. */
  static async start(): Promise<GoogleServer> {
    const google = new GoogleServer();
    await new Promise<void>((resolve) => google.#server.listen(0, "127.0.0.1", resolve));
    return google;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get tokenUri(): string {
    return `http://${this.host}/token`;
  }

  /** The setting for one of its KMS keys. */
  kmsUri(cryptoKey: string): string {
    return `gcp-kms://${cryptoKey}?endpoint=http://${this.host}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const text = await readBody(request);
    const isJson = request.headers["content-type"] === "application/json";
    const body = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
    const call: Call = { method: request.method ?? "", path: request.url ?? "", body };
    this.calls.push(call);
    return this.bend(call, () => this.#rightAnswer(request, call, text));
  }

  #rightAnswer({ headers }: IncomingMessage, { method, path, body }: Call, text: string): Answer {
    try {
      if (path === "/token") return this.tokens.fromAssertion(this.tokenUri, headers, text);
      if (path.startsWith("/computeMetadata/v1/instance/service-accounts/default/token")) {
        return this.tokens.fromMetadata(method, headers);
      }
      this.tokens.demandToken(headers);
      demand(method !== "POST" || headers["content-type"] === "application/json", "the content type");
      if (this.iam.handles(path)) return this.iam.answer(method, path, body);
      return this.kms.answer(method, path, body);
    } catch (error) {
      if (error instanceof Refused) return error.answer;
      throw error;
    }
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
