import type { ServerResponse } from "node:http";
import type { RefusedAnswer } from "./refused-answer.js";

export const PLAIN_TEXT = "text/plain; charset=utf-8";

/** Answers a request that is not let in. */
export function endWith(
  response: ServerResponse,
  { status, headers, text }: Omit<RefusedAnswer, "status"> & { readonly status: number },
): void {
  response.writeHead(status, { ...headers, "content-type": PLAIN_TEXT });
  response.end(`${text}\n`);
}
