import { Unavailable } from "../errors.js";
import type { GoogleTokens } from "../google/google-tokens.js";
import { GoogleError, type GoogleRequest, postGoogle } from "../google/post-google.js";
import {
  type Credential,
  type CredentialBackend,
  type CredentialRequest,
  CredentialRefused,
} from "./credential-backend.js";

/** What makes tokens of Google's service accounts. */
export interface GoogleIamParts {
  /** Where the IAM Service Account Credentials API is. */
  readonly endpoint: string;
  /** Tokens of whoever this server is at Google: it, or the first delegate, may act as the accounts. */
  readonly tokens: GoogleTokens;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** How long one call may take, in milliseconds. Default: 10 s. */
  readonly timeoutMs?: number;
}

/** Where Google has that API. */
export const GOOGLE_IAM_ENDPOINT = "https://iamcredentials.googleapis.com";

const TIMEOUT_MS = 10_000;

/** How long its access tokens live, in seconds, if they are not asked to live shorter. */
const LIFE_SECONDS = 3600;

/** No word about the account: 401 is about this server's credentials, 408 and 429 about slow calls and too many. */
const UNDECIDED: ReadonlySet<number> = new Set([401, 408, 429]);
const SERVER_ERROR = 500;

/** Makes tokens of Google's service accounts by Google's REST API, as LUCI does. */
export function googleIam({ endpoint, tokens, clock, timeoutMs = TIMEOUT_MS }: GoogleIamParts): CredentialBackend {
  const call = async (method: string, request: CredentialRequest, fields: object) => {
    const url = `${endpoint}/v1/${nameOf(encodeURIComponent(request.account))}:${method}?alt=json`;
    const delegates = request.delegates.map(nameOf);
    const body = { ...(delegates.length > 0 && { delegates }), ...fields };
    return callGoogle({ url, body, timeoutMs }, tokens);
  };
  return {
    accessToken: async (request) => {
      const { notAfterMs, scopes } = request;
      const lifetime = notAfterMs === undefined ? undefined : lifetimeUntil(notAfterMs, clock(), timeoutMs);
      const answer = await call("generateAccessToken", request, { scope: scopes, ...(lifetime && { lifetime }) });
      return credentialOf(answer["accessToken"], expiryOfTime(answer["expireTime"]));
    },
    // The API does not let anybody choose how long ID tokens live.
    idToken: async (request) => {
      const { audience } = request;
      const { token } = await call("generateIdToken", request, { audience, includeEmail: true });
      return credentialOf(token, expiryOfJwt(token));
    },
  };
}

const nameOf = (account: string) => `projects/-/serviceAccounts/${account}`;

/**
 * Only what is shorter than usual is asked for: Google refuses longer lives. A life begins when Google makes the token,
 * which is as late as its answer may be.
 */
function lifetimeUntil(endMs: number, nowMs: number, timeoutMs: number): string | undefined {
  const seconds = Math.floor((endMs - nowMs - timeoutMs) / 1000);
  if (seconds <= 0) throw new CredentialRefused("TOO_SHORT", "it would be over before Google has made it");
  return seconds < LIFE_SECONDS ? `${seconds}s` : undefined;
}

/** A token of ours that was withdrawn before its time gets a second chance, once. */
async function callGoogle(
  request: Pick<GoogleRequest, "url" | "body" | "timeoutMs">,
  tokens: GoogleTokens,
): Promise<Record<string, unknown>> {
  const once = async () => {
    const authorization = `Bearer ${await ownToken(tokens)}`;
    return postGoogle({ ...request, method: "POST", headers: { authorization } });
  };
  try {
    return await once().catch((error: unknown) => {
      if (!(error instanceof GoogleError) || error.status !== 401) throw error;
      tokens.forget();
      return once();
    });
  } catch (error) {
    throw error instanceof GoogleError ? failure(error) : error;
  }
}

/** That this server gets no token for itself says nothing about the account that was asked for. */
async function ownToken(tokens: GoogleTokens): Promise<string> {
  try {
    return await tokens.accessToken();
  } catch (error) {
    const detail = `no token for Google's API: ${error instanceof Error ? error.message : "unknown"}`;
    throw new Unavailable("cannot get tokens from Google now", detail, error);
  }
}

/** 200 without a token is no answer. */
function failure(error: GoogleError): Error {
  const { status } = error;
  const isNo = status !== undefined && status >= 400 && status < SERVER_ERROR && !UNDECIDED.has(status);
  if (isNo) return new CredentialRefused("REFUSED", `Google: ${error.message}`, error);
  return new Unavailable("cannot get tokens from Google now", `IAM: ${error.message}`, error);
}

function credentialOf(token: unknown, expiryMs: number | undefined): Credential {
  if (typeof token === "string" && token !== "" && expiryMs !== undefined) return { token, expiryMs };
  throw new Unavailable("cannot get tokens from Google now", "IAM: an answer without a token or its end");
}

/** Without a zone it would be another moment on each machine. */
const RFC3339 = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/;

function expiryOfTime(time: unknown): number | undefined {
  const ms = typeof time === "string" && RFC3339.test(time) ? Date.parse(time) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** The last second that an answer and a record can name: it ends the year 9999. */
const LAST_SECOND = 253_402_300_799;

/** The end that a JWT says it has. Google made it, so nothing is verified. */
function expiryOfJwt(token: unknown): number | undefined {
  const [, claims, signature, ...more] = typeof token === "string" ? token.split(".") : [];
  if (claims === undefined || signature === undefined || more.length > 0) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as { exp?: unknown };
    return typeof exp === "number" && exp > 0 && exp <= LAST_SECOND ? exp * 1000 : undefined;
  } catch {
    // Whatever it is, it is no JWT.
    return undefined;
  }
}
