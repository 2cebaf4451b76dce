import { connect } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { readJsonVector } from "shared-vectors";

/** A message of HTTP as it was recorded. */
interface RecordedMessage {
  /** The first line. */
  readonly line: string;
  readonly headers: readonly [name: string, value: string][];
  readonly body_hex: string;
}

/** One exchange with LUCI's server, byte for byte. */
export interface Exchange {
  readonly name: string;
  readonly request: RecordedMessage;
  readonly response: RecordedMessage;
}

/** What an answer means, however its bytes are arranged. */
export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** Decompressed. */
  readonly body: Buffer;
}

/** All recorded exchanges, in their order. */
export function readExchanges(): Exchange[] {
  return readJsonVector<{ cases: Exchange[] }>("prpc/exchanges.json").cases;
}

/** The path of a request, without its query. */
export function pathOf({ request }: Exchange): string {
  return request.line.split(/[ ?]/)[1] ?? "";
}

/** The body of a request. The bomb is too big to be recorded: only its beginning is. */
export function bodyOf({ name, request }: Exchange): Buffer {
  return name === "gzip-bomb" ? gzipSync(Buffer.alloc(70 * 1024 * 1024)) : Buffer.from(request.body_hex, "hex");
}

/** What LUCI's server answered. */
export function recordedAnswer({ response }: Exchange): Answer {
  const head = [response.line, ...response.headers.map(([name, value]) => `${name}: ${value}`)].join("\r\n");
  return readAnswer(head, Buffer.from(response.body_hex, "hex"));
}

/** Sends a recorded request, byte for byte but for the length of the bomb, and reads the answer. */
export function replay(exchange: Exchange, port: number): Promise<Answer> {
  const body = bodyOf(exchange);
  const { line, headers } = exchange.request;
  const lines = headers.map(([name, value]) => `${name}: ${name === "Content-Length" ? body.length : value}`);
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
    socket.on("error", reject).on("close", () => {
      const received = Buffer.concat(chunks);
      const end = received.indexOf("\r\n\r\n");
      resolve(readAnswer(received.toString("latin1", 0, end), received.subarray(end + 4)));
    });
    socket.write(Buffer.concat([Buffer.from(`${[line, ...lines].join("\r\n")}\r\n\r\n`), body]));
  });
}

function readAnswer(head: string, body: Buffer): Answer {
  const [first = "", ...lines] = head.split("\r\n");
  const headers = new Map(
    lines.map((line) => [line.split(":")[0]?.toLowerCase() ?? "", line.replace(/^[^:]*: */, "")]),
  );
  const decompressed = headers.get("content-encoding") === "gzip" ? gunzipSync(body) : body;
  return { status: Number(first.split(" ")[1]), headers, body: decompressed };
}
