/** Most bytes of an answer; the largest that we ask for has some thousands. */
const MAX_ANSWER_BYTES = 256 * 1024;

/** A request to one of Google's REST APIs. */
export interface GoogleRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, or as a form. */
  readonly body?: object | URLSearchParams;
  readonly timeoutMs: number;
}

/** An answer that is none. The message has Google's own words, which name resources but no secrets. */
export class GoogleError extends Error {
  override name = "GoogleError";
  /** The HTTP status; undefined when no answer came. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** Sends a request and reads the JSON of its answer. Redirects are not followed. Rejects with a GoogleError. */
export async function postGoogle(request: GoogleRequest): Promise<Record<string, unknown>> {
  const { status, headers, text } = await exchange(request);
  const document = parseObject(text);
  if (status !== 200) throw new GoogleError(`status ${status}${reasonIn(document)}`, status);
  if (!document) throw new GoogleError(`an answer that is no JSON object (${headers.get("content-type")})`, status);
  return document;
}

async function exchange({ method, url, headers, body, timeoutMs }: GoogleRequest) {
  const isForm = body instanceof URLSearchParams;
  const type = isForm ? "application/x-www-form-urlencoded" : "application/json";
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: "application/json", ...(body && { "content-type": type }), ...headers },
      ...(body && { body: isForm ? body.toString() : JSON.stringify(body) }),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, headers: response.headers, text: await readText(response) };
  } catch (error) {
    if (error instanceof GoogleError) throw error;
    throw new GoogleError(whyNot(error, timeoutMs), undefined, error);
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new GoogleError("an answer that is too large", response.status);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function whyNot(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  const cause = error instanceof Error ? error.cause : undefined;
  return `no answer (${cause instanceof Error && cause.message ? cause.message : "the connection failed"})`;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** APIs answer `{"error": {"status", "message"}}`, the token endpoint `{"error", "error_description"}`. */
function reasonIn(document: Record<string, unknown> | undefined): string {
  const error = document?.["error"];
  const nested = typeof error === "object" && error !== null ? { ...error } : document;
  const words = ["status", "message", "error", "error_description"].map(
    (name) => (nested as Record<string, unknown>)?.[name],
  );
  const known = words.filter((word) => typeof word === "string");
  return known.length === 0 ? "" : `: ${known.join(": ").slice(0, 300)}`;
}
