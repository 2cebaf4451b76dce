import { checkCertificate, parseCertificate } from "@tokens/pki";
import { beforeAll, describe, expect, it } from "vitest";
import { makeFleet } from "../../test/fleet.js";
import { startOpenIdProvider } from "openid-provider";
import { identifyPeer } from "./caller.js";
import { type ClientCertificateChecks, credentialKinds } from "./credential-kinds.js";

let fleet: Awaited<ReturnType<typeof makeFleet>>;
beforeAll(async () => void (fleet = await makeFleet()));

const checks: ClientCertificateChecks = {
  check: (certificate, anchors, nowSeconds) => {
    checkCertificate(certificate, { anchors, intermediates: [], policy: {} }, nowSeconds);
  },
  nameOf: () => "host-1.example.com",
};
const call = (headers: Record<string, string>, clientCertificate?: Uint8Array) => ({
  headers: new Headers(headers),
  clientCertificate,
  nowMs: Date.now(),
});

describe("credentialKinds", () => {
  it("knows users of its issuers and machines of its CAs, in one call too if they agree", async () => {
    const provider = await startOpenIdProvider();
    const oidcIssuers = [{ issuer: provider.issuer, audience: "tokens", domains: undefined }];
    const kinds = credentialKinds({ oidcIssuers, clientCas: [parseCertificate(fleet.ca.certificate)] }, checks);
    const authorization = `Bearer ${await provider.login("alice@example.com")}`;
    const { certificate } = fleet.machine;
    expect(await identifyPeer(call({ authorization }), kinds)).toBe("user:alice@example.com");
    expect(await identifyPeer(call({}, certificate), kinds)).toBe("bot:host-1.example.com");
    await expect(identifyPeer(call({ authorization }, certificate), kinds)).rejects.toThrow("different callers");
    await provider.stop();
  });

  it("knows nobody by default, and takes nobody with a credential for anonymous", async () => {
    const kinds = credentialKinds({}, checks);
    expect(await identifyPeer(call({}), kinds)).toBe("anonymous:anonymous");
    await expect(identifyPeer(call({ authorization: "Bearer a.b.c" }), kinds)).rejects.toThrow("invalid bearer token");
    await expect(identifyPeer(call({}, fleet.machine.certificate), kinds)).rejects.toThrow("untrusted client");
  });

  it("refuses issuers that must not be trusted", () => {
    const oidcIssuers = [{ issuer: "http://issuer.example.com", audience: "tokens", domains: undefined }];
    expect(() => credentialKinds({ oidcIssuers }, checks)).toThrow(TypeError);
  });
});
