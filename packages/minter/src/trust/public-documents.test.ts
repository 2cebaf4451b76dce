import { createPublicKey, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { makePublishedKey } from "../../test/published-key.js";
import { publicDocuments, type PublishedKeys } from "./public-documents.js";

const keys = [
  { keyId: "k2", certificatePem: "PEM2\n" },
  { keyId: "k1", certificatePem: "PEM\n" },
];
const identity = { appId: "app", serviceAccount: "tokens@example.com", serviceVersion: "app/1.2" };

function read(path: string, who = identity): string {
  const render = publicDocuments(
    who,
    () => keys,
    () => 1_700_000_000_123.9,
  ).get(path);
  if (!render) throw new Error(`no document at ${path}`);
  return render();
}

describe("publicDocuments", () => {
  it("publishes the signing certificates in LUCI's JSON, the time in whole microseconds", () => {
    expect(read("/auth/api/v1/server/certificates")).toBe(
      '{"app_id":"app","service_account_name":"tokens@example.com",' +
        '"certificates":[{"key_name":"k2","x509_certificate_pem":"PEM2\\n"},{"key_name":"k1","x509_certificate_pem":"PEM\\n"}],"timestamp":1700000000123000}\n',
    );
  });

  it("publishes the CA to pin, several while one follows another", () => {
    expect(read("/trust/v1/ca.pem")).toBe("PEM2\nPEM\n");
  });

  it("publishes the keys of JWTs as a key set, without anything private", async () => {
    const key = await makePublishedKey();
    const publish: PublishedKeys = (purpose) => (purpose === "jwt" ? [key] : []);
    const text = publicDocuments(identity, publish, () => 0).get("/.well-known/jwks.json")?.() ?? "";
    const { keys: published } = JSON.parse(text) as { keys: Record<string, string>[] };
    expect(published.map((jwk) => Object.keys(jwk))).toEqual([["kty", "n", "e", "kid", "alg", "use"]]);
    expect(published[0]).toMatchObject({ kty: "RSA", e: "AQAB", kid: key.keyId, alg: "RS256", use: "sig" });
    const publicKey = createPublicKey({ key: published[0] ?? {}, format: "jwk" });
    expect(publicKey.equals(new X509Certificate(key.certificatePem).publicKey)).toBe(true);
  });

  it("says where the keys of its JWTs are, if it is an issuer", () => {
    const issuer = { ...identity, publicUrl: () => "https://tokens.example.com" };
    expect(JSON.parse(read("/.well-known/openid-configuration", issuer))).toMatchObject({
      issuer: "https://tokens.example.com",
      jwks_uri: "https://tokens.example.com/.well-known/jwks.json",
      id_token_signing_alg_values_supported: ["RS256"],
    });
    expect(() => read("/.well-known/openid-configuration")).toThrow("no document");
  });

  it("says what server this is", () => {
    expect(JSON.parse(read("/auth/api/v1/server/info"))).toEqual({
      app_id: "app",
      app_runtime: "node",
      app_version: "1.2",
      service_account_name: "tokens@example.com",
    });
  });

  it("takes a version that does not name the app as it is", () => {
    const info = JSON.parse(read("/auth/api/v1/server/info", { ...identity, serviceVersion: "v7" })) as object;
    expect(info).toMatchObject({ app_version: "v7" });
  });

  it("has no OAuth client", () => {
    expect(read("/auth/api/v1/server/client_id")).toBe('{"client_id":""}\n');
  });
});
