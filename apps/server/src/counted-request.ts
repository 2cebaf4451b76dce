import { IncomingMessage } from "node:http";
import { Http2ServerRequest } from "node:http2";

type OnBytes = (bytes: number) => void;

/*
 * Requests that tell how many bytes of their bodies come in, when they come. To listen for them would make a request flow
 * before anybody reads it. A method put into each request would do, but V8 then keeps requests in memory that are long over.
 */

/** A request over HTTP/1.1. */
export class CountedRequest extends IncomingMessage {
  onBytes: OnBytes | undefined = undefined;

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (chunk) this.onBytes?.(chunk.length);
    return super.push(chunk, encoding);
  }
}

/** A request over HTTP/2. */
export class CountedHttp2Request extends Http2ServerRequest {
  onBytes: OnBytes | undefined = undefined;

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (chunk) this.onBytes?.(chunk.length);
    return super.push(chunk, encoding);
  }
}

/** Tells of the bytes of a request from now on. Throws for one that no port of ours has taken in. */
export function countBytes(request: IncomingMessage | Http2ServerRequest, onBytes: OnBytes): void {
  if (!(request instanceof CountedRequest || request instanceof CountedHttp2Request)) {
    throw new TypeError("the bytes of this request are not counted");
  }
  request.onBytes = onBytes;
}
