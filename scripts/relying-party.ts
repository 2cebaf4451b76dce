import { createRemoteJWKSet, type JWTVerifyOptions, type JWTVerifyResult, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import { allowInsecureRequests, discovery, None } from "openid-client";

/** A party that trusts an OpenID issuer, by libraries that know nothing of this server. */
export interface RelyingParty {
  /** The issuer, as it calls itself. */
  readonly issuer: string;
  /** Checks an ID token for the audience of this party. Rejects if it is none. */
  accept(token: string, options?: JWTVerifyOptions): Promise<JWTVerifyResult>;
}

/** Discovers an issuer on a loopback port. */
export async function discoverIssuer(url: string, audience: string): Promise<RelyingParty> {
  const configuration = await discovery(new URL(url), audience, undefined, None(), {
    execute: [allowInsecureRequests],
  });
  const { issuer, jwks_uri: keys = "" } = configuration.serverMetadata();
  const remote = createRemoteJWKSet(new URL(keys));
  return { issuer, accept: (token, options) => jwtVerify(token, remote, { issuer, audience, ...options }) };
}

/** Serves whoever sends an access token by RFC 9068 for an audience, with a scope in it. Rejects if it serves nobody. */
export async function serveRequest(token: string, issuerUrl: string, audience: string, scope: string) {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const issuer = new URL(issuerUrl);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
  const claims = await oauth.validateJwtAccessToken(server, request, audience, insecure);
  if (claims.scope?.split(" ").includes(scope) !== true) throw new Error("insufficient_scope");
  return claims;
}
