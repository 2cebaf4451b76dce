import type { Code } from "@connectrpc/connect";
import type { ErrorDetails } from "@tokens/api/prpc";

/**
 * A call that pRPC itself refuses, before or after the handler. Its words say nothing about what the server holds, so that
 * they reach the caller even where those of a handler would not.
 */
export class ProtocolError extends Error {
  override name = "ProtocolError";
  readonly code: Code;
  /** The HTTP status, where it is not that of the code. */
  readonly status: number | undefined;
  readonly details: ErrorDetails | undefined;

  constructor(code: Code, message: string, status?: number, details?: ErrorDetails) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

/** What a client said, for a message: as long as it may be, only its beginning gets into answers and logs. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
