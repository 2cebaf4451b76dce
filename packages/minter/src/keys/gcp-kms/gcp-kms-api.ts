import { GoogleError, postGoogle } from "../../google/post-google.js";
import type { GoogleTokens } from "../../google/google-tokens.js";
import { SignerUnavailable } from "../key-backend.js";

/** Calls of Cloud KMS, with an access token. */
export interface GcpKmsApi {
  get(path: string): Promise<Record<string, unknown>>;
  post(path: string, body: object): Promise<Record<string, unknown>>;
}

const TIMEOUT_MS = 4_000;

/** Calls under `<endpoint>/v1/`. They reject with SignerUnavailable, whose cause is a GoogleError. */
export function gcpKmsApi(endpoint: string, tokens: GoogleTokens): GcpKmsApi {
  const once = async (path: string, body: object | undefined) => {
    const authorization = `Bearer ${await tokens.accessToken()}`;
    const request = { url: `${endpoint}/v1/${path}`, headers: { authorization }, timeoutMs: TIMEOUT_MS };
    return postGoogle(body ? { ...request, method: "POST", body } : { ...request, method: "GET" });
  };
  const call = async (path: string, body?: object) => {
    try {
      return await once(path, body).catch((error: unknown) => {
        if (!isWorthAnother(error)) throw error;
        if (error.status === 401) tokens.forget();
        return once(path, body);
      });
    } catch (error) {
      const why = error instanceof Error ? error.message : "unknown";
      throw new SignerUnavailable(`Cloud KMS, ${path}: ${why}`, error);
    }
  };
  return { get: (path) => call(path), post: call };
}

/** A token that was withdrawn, a connection that broke, a server that was replaced. */
function isWorthAnother(error: unknown): error is GoogleError {
  if (!(error instanceof GoogleError)) return false;
  return error.status === 401 || error.status === 503 || (error.status === undefined && !isTimeout(error));
}

function isTimeout({ cause }: GoogleError): boolean {
  return cause instanceof Error && cause.name === "TimeoutError";
}
