import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isSafeIssuerUrl } from "../access/oidc-issuer.js";
import { GoogleError, type GoogleRequest, postGoogle } from "./post-google.js";

/** Who calls Google's APIs. */
export interface GoogleIdentity {
  /** Path of a service account's key file; without it the machine's metadata server is asked, as on Google's own machines. */
  readonly keyFile?: string | undefined;
  /** Host of the metadata server, where it is not the usual one. */
  readonly metadataHost?: string | undefined;
}

/** OAuth2 access tokens for Google's APIs. */
export interface GoogleTokens {
  /** A token that is good for some minutes. Rejects with a GoogleError. */
  accessToken(): Promise<string>;
  /** Forgets the token: it was refused. */
  forget(): void;
}

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token";
const TIMEOUT_MS = 5_000;
/** Life of the assertion that a token is asked for with, in seconds: the longest that Google takes. */
const ASSERTION_SECONDS = 3600;
/** A token is used until this long before its end, in milliseconds; the metadata server renews its own at that time. */
const MARGIN_MS = 240_000;

/** Tokens of the identity, each used until shortly before its end. */
export function googleTokens(identity: GoogleIdentity, clock: () => number = Date.now): GoogleTokens {
  let token: { readonly text: string; readonly untilMs: number } | undefined;
  let flight: Promise<string> | undefined;
  const fetchToken = async (): Promise<string> => {
    const answer = await postGoogle(await tokenRequest(identity, clock()));
    const { access_token: text, expires_in: seconds } = answer;
    if (typeof text !== "string" || text === "" || typeof seconds !== "number") {
      throw new GoogleError("an answer that holds no access token");
    }
    token = { text, untilMs: clock() + seconds * 1000 - MARGIN_MS };
    return text;
  };
  return {
    accessToken: async () => {
      if (token && clock() < token.untilMs) return token.text;
      flight ??= fetchToken().finally(() => (flight = undefined));
      return flight;
    },
    forget: () => void (token = undefined),
  };
}

async function tokenRequest(identity: GoogleIdentity, nowMs: number): Promise<GoogleRequest> {
  if (identity.keyFile !== undefined) return assertionRequest(await readKeyFile(identity.keyFile), nowMs);
  const url = `http://${identity.metadataHost ?? "metadata.google.internal"}${METADATA_PATH}`;
  return { method: "GET", url, headers: { "metadata-flavor": "Google" }, timeoutMs: TIMEOUT_MS };
}

interface KeyFile {
  readonly email: string;
  readonly keyId: string;
  readonly key: KeyObject;
  readonly tokenUri: string;
}

/** Read each time: whoever replaces the key need not restart the server. */
async function readKeyFile(path: string): Promise<KeyFile> {
  try {
    const fields = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    const { client_email: email, private_key_id: keyId, private_key: pem, token_uri: tokenUri } = fields;
    if (typeof email !== "string" || typeof keyId !== "string" || typeof pem !== "string") {
      throw new Error("it is no service account's key");
    }
    if (typeof tokenUri !== "string" || !isSafeIssuerUrl(tokenUri)) throw new Error("its token_uri is no https URL");
    return { email, keyId, key: createPrivateKey(pem), tokenUri };
  } catch (error) {
    const why = error instanceof SyntaxError ? "it is not JSON" : error instanceof Error ? error.message : "unreadable";
    throw new GoogleError(`the credentials in ${path} cannot be used: ${why}`, undefined, error);
  }
}

/** RFC 7523 §2.1. */
function assertionRequest({ email, keyId, key, tokenUri }: KeyFile, nowMs: number): GoogleRequest {
  const issuedAt = Math.floor(nowMs / 1000);
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = { iss: email, scope: SCOPE, aud: tokenUri, iat: issuedAt, exp: issuedAt + ASSERTION_SECONDS };
  const signed = `${encode({ alg: "RS256", typ: "JWT", kid: keyId })}.${encode(claims)}`;
  const assertion = `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
  const body = new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
  return { method: "POST", url: tokenUri, body, timeoutMs: TIMEOUT_MS };
}
