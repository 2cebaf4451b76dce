import { randomUUID } from "node:crypto";
import type { Signer } from "../keys/signer.js";
import {
  type AccessTokenRequest,
  type Credential,
  type CredentialBackend,
  type CredentialRequest,
  CredentialRefused,
  type IdTokenRequest,
} from "./credential-backend.js";

/** What an issuer of JWTs needs. */
export interface BuiltInIssuerParts {
  /** URL of the issuer, which its tokens name and where its keys are found. Throws Unavailable while it is not known. */
  readonly issuer: () => string;
  /** Who accepts the access tokens. Default: the issuer. */
  readonly accessTokenAudience?: string | undefined;
  /** What signs JWTs now. Throws Unavailable. */
  readonly signer: () => Signer;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** How long its tokens live, in seconds, if nothing ends them sooner: as Google's. */
const LIFE_SECONDS = 3600;

/** RFC 6749 §3.3: a blank ends a scope, so one in a scope would make two of it. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+$/;

/** Makes tokens of service accounts without any cloud: JWTs that whoever trusts this server's issuer can check. */
export function builtInIssuer({ issuer, accessTokenAudience, signer, clock }: BuiltInIssuerParts): CredentialBackend {
  const sign = async (type: string, request: CredentialRequest, claims: object): Promise<Credential> => {
    const iat = Math.floor(clock() / 1000);
    const exp = Math.min(iat + LIFE_SECONDS, Math.floor((request.notAfterMs ?? Number.POSITIVE_INFINITY) / 1000));
    const all = { iss: issuer(), sub: request.account, iat, exp, ...actorClaim(request.delegates), ...claims };
    return { token: await signJwt(type, all, signer()), expiryMs: exp * 1000 };
  };
  return {
    accessToken: async (request) => sign("at+jwt", request, accessClaims(request, accessTokenAudience ?? issuer())),
    idToken: async (request) => sign("JWT", request, idClaims(request)),
  };
}

/** RFC 9068 §2.2. */
function accessClaims({ caller, scopes }: AccessTokenRequest, audience: string): object {
  const bad = scopes.find((scope) => !SCOPE.test(scope));
  if (bad !== undefined) throw new CredentialRefused("REFUSED", `${JSON.stringify(bad)} cannot be a scope`);
  return { aud: audience, client_id: caller, jti: randomUUID(), scope: scopes.join(" ") };
}

/** OpenID Connect Core §2 and §5.1. */
function idClaims({ account, audience }: IdTokenRequest): object {
  return { aud: audience, email: account, email_verified: true };
}

/** RFC 8693 §4.1: the outermost actor acts now, those within it made it act. */
function actorClaim(delegates: readonly string[]): object {
  return delegates.reduce<{ readonly act?: object }>((inner, sub) => ({ act: { sub, ...inner } }), {});
}

/** RFC 7515 §3.1. Signers sign as RS256 says. */
async function signJwt(typ: string, claims: object, signer: Signer): Promise<string> {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${encode({ alg: "RS256", typ, kid: signer.keyId })}.${encode(claims)}`;
  const signature = await signer.sign(Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString("base64url")}`;
}
