import { IncomingMessage, ServerResponse } from "node:http";
import { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** Is told of a request and its answer what Node tells nobody, or only whoever reads the request. */
export interface Follower {
  /** So many bytes of the body came in. */
  onBytes(bytes: number): void;
  /** A part of the answer goes out, the headers first. */
  onHandOver(): void;
}

/*
 * Node makes these of every request in place of its own classes. Methods put into each request and answer would do, too, but
 * V8 then keeps requests in memory that are long over.
 */

/** A request over HTTP/1.1. */
export class FollowedRequest extends IncomingMessage {
  follower: Follower | undefined = undefined;

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (chunk) this.follower?.onBytes(chunk.length);
    return super.push(chunk, encoding);
  }
}

/** A request over HTTP/2. */
export class FollowedHttp2Request extends Http2ServerRequest {
  follower: Follower | undefined = undefined;

  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (chunk) this.follower?.onBytes(chunk.length);
    return super.push(chunk, encoding);
  }
}

/** What a method is given that Node declares in several ways: TypeScript passes on only the longest. */
type Given = [never, never, never];

/** An answer over HTTP/1.1. */
export class FollowedResponse extends ServerResponse<FollowedRequest> {
  follower: Follower | undefined = undefined;

  override writeHead(...given: never[]): this {
    this.follower?.onHandOver();
    return super.writeHead(...(given as Given));
  }

  override write(...given: never[]): boolean {
    this.follower?.onHandOver();
    return super.write(...(given as Given));
  }
}

/** An answer over HTTP/2. */
export class FollowedHttp2Response extends Http2ServerResponse<FollowedHttp2Request> {
  follower: Follower | undefined = undefined;

  override writeHead(...given: never[]): this {
    this.follower?.onHandOver();
    return super.writeHead(...(given as Given));
  }

  override write(...given: never[]): boolean {
    this.follower?.onHandOver();
    return super.write(...(given as Given));
  }
}

/** Tells of an exchange from now on. Throws for one that no port of ours has taken in. */
export function follow(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  follower: Follower,
): void {
  const isTold =
    (request instanceof FollowedRequest || request instanceof FollowedHttp2Request) &&
    (response instanceof FollowedResponse || response instanceof FollowedHttp2Response);
  if (!isTold) throw new TypeError("this request and its answer cannot be followed");
  request.follower = follower;
  response.follower = follower;
}
