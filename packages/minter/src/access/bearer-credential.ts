import { Code } from "@connectrpc/connect";
import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { asciiLowerCase } from "../domain-name.js";
import { refuseCall } from "../errors.js";
import { identityProblem } from "./canonical-identity.js";
import type { CredentialKind, IncomingCall } from "./caller.js";
import type { IssuerKeys } from "./issuer-keys.js";
import type { OidcIssuer } from "./oidc-issuer.js";

/** Signatures with a public key alone: with `none` or a shared secret anybody who knows the public key could sign. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

/** How far the clocks of issuer and server may differ, in seconds, either way. */
const CLOCK_DRIFT_SECONDS = 10;

/** An issuer, what its tokens must say, and its keys. */
export interface TrustedIssuer {
  /** A token must fit one of these: both its audience and its domains. */
  readonly entries: readonly OidcIssuer[];
  readonly keys: IssuerKeys;
}

/**
 * Bearer JWTs of OpenID issuers, by their names: `user:<email>`, the e-mail in lower case. A call with any other
 * `Authorization` is refused: it believes that it has proven something.
 */
export function bearerCredential(issuers: ReadonlyMap<string, TrustedIssuer>): CredentialKind {
  return {
    identify: async (call) => {
      const header = call.headers.get("authorization");
      if (header === null) return undefined;
      const token = /^Bearer +([\w.-]+)$/i.exec(header)?.[1];
      if (token === undefined) throw refuse("the Authorization header is not one bearer token");
      const name = unverifiedIssuer(token);
      const issuer = issuers.get(name);
      if (!issuer) throw refuse(`the issuer ${JSON.stringify(name)} is not configured`);
      const claims = await verify(token, name, issuer, call);
      // From here on: the issuer says what the claims say, to us.
      return identityOf(claims, issuer);
    },
  };
}

/** The issuer that a token names. Nothing is believed of the token yet. */
function unverifiedIssuer(token: string): string {
  try {
    return decodeJwt(token).iss ?? "";
  } catch (error) {
    throw refuse("not a JWT", error);
  }
}

/** A key id that nobody knows may be a new one: the keys are fetched again, once, and the token gets a second chance. */
async function verify(
  token: string,
  issuer: string,
  { entries, keys }: TrustedIssuer,
  { nowMs }: IncomingCall,
): Promise<JWTPayload> {
  const options = {
    issuer,
    audience: entries.map(({ audience }) => audience),
    algorithms: ALGORITHMS,
    requiredClaims: ["exp"],
    clockTolerance: CLOCK_DRIFT_SECONDS,
    currentDate: new Date(nowMs),
  };
  const verifyWith = async (finder: Awaited<ReturnType<IssuerKeys["current"]>>) =>
    (await jwtVerify(token, finder, options)).payload;
  try {
    return await verifyWith(await keys.current()).catch(async (error: unknown) => {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return verifyWith(await keys.refreshed());
    });
  } catch (error) {
    throw error instanceof errors.JOSEError ? refuse(`${error.code}: ${error.message}`, error) : error;
  }
}

function identityOf(claims: JWTPayload, { entries }: TrustedIssuer): string {
  const { email, email_verified: isVerified } = claims;
  if (typeof email !== "string") throw refuse("the token names no e-mail address");
  if (isVerified !== true) throw refuse("the issuer has not verified the e-mail address");
  const address = asciiLowerCase(email);
  const problem = identityProblem(`user:${address}`);
  if (problem !== undefined) throw refuse(problem);
  if (!entries.some((entry) => isMeantFor(claims, entry) && vouchesFor(entry, address))) {
    throw refuse(
      `the issuer ${JSON.stringify(claims.iss)} does not vouch for the domain of ${JSON.stringify(address)}`,
    );
  }
  return `user:${address}`;
}

/** Two entries of one issuer may have other audiences and domains: the token must fit both of one entry. */
function isMeantFor({ aud }: JWTPayload, { audience }: OidcIssuer): boolean {
  return [aud].flat().includes(audience);
}

function vouchesFor({ domains }: OidcIssuer, address: string): boolean {
  return domains === undefined || domains.includes(address.slice(address.indexOf("@") + 1));
}

function refuse(detail: string, cause?: unknown): Error {
  return refuseCall(Code.Unauthenticated, "invalid bearer token", detail, cause);
}
