import { Code } from "@connectrpc/connect";
import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { asciiLowerCase } from "../domain-name.js";
import { refuseCall } from "../errors.js";
import { identityProblem } from "./canonical-identity.js";
import type { CredentialKind, IncomingCall } from "./caller.js";
import type { IssuerKeys } from "./issuer-keys.js";

/** An OpenID issuer whose users may call. */
export interface OidcIssuer {
  /** Its name in tokens, exactly, and where its keys are found. */
  readonly issuer: string;
  /** The audience that its tokens for us have. */
  readonly audience: string;
  /** The e-mail domains that it vouches for, subdomains not included. Undefined: all. */
  readonly domains: readonly string[] | undefined;
}

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

/**
 * Bearer JWTs of OpenID issuers: `user:<email>`, the e-mail in lower case. A call with any other `Authorization` is
 * refused: it believes that it has proven something.
 */
export function bearerCredential(
  issuers: readonly OidcIssuer[],
  keysOf: (issuer: string) => IssuerKeys,
): CredentialKind {
  return {
    identify: async (call) => {
      const header = call.headers.get("authorization");
      if (header === null) return undefined;
      const token = /^Bearer +([\w.-]+)$/i.exec(header)?.[1];
      if (token === undefined) throw refuse("the Authorization header is not one bearer token");
      const ofIssuer = issuersOf(token, issuers);
      const claims = await verify(token, ofIssuer, keysOf(ofIssuer[0].issuer), call);
      // From here on: the issuer says what the claims say, to us.
      return identityOf(claims, ofIssuer);
    },
  };
}

type SomeIssuers = readonly [OidcIssuer, ...OidcIssuer[]];

/** What is configured for the issuer that the token names. Nothing is believed of the token yet. */
function issuersOf(token: string, issuers: readonly OidcIssuer[]): SomeIssuers {
  const name = unverifiedIssuer(token);
  const [first, ...more] = issuers.filter(({ issuer }) => issuer === name);
  if (!first) throw refuse(`the issuer ${JSON.stringify(name)} is not configured`);
  return [first, ...more];
}

function unverifiedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch (error) {
    throw refuse("not a JWT", error);
  }
}

/** A key id that nobody knows may be a new one: the keys are fetched again, once, and the token gets a second chance. */
async function verify(
  token: string,
  issuers: SomeIssuers,
  keys: IssuerKeys,
  { nowMs }: IncomingCall,
): Promise<JWTPayload> {
  const options = {
    issuer: issuers[0].issuer,
    audience: issuers.map(({ audience }) => audience),
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

function identityOf(claims: JWTPayload, issuers: SomeIssuers): string {
  const { email, email_verified: isVerified } = claims;
  if (typeof email !== "string") throw refuse("the token names no e-mail address");
  if (isVerified !== true) throw refuse("the issuer has not verified the e-mail address");
  const address = asciiLowerCase(email);
  const problem = identityProblem(`user:${address}`);
  if (problem !== undefined) throw refuse(problem);
  if (!issuers.some((issuer) => isMeantFor(claims, issuer) && vouchesFor(issuer, address))) {
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
