import { describe, expect, it } from "vitest";
import { KeyUnusable } from "../key-backend.js";
import { readGcpKmsUri } from "./gcp-kms-uri.js";

const KEY = "projects/p-1/locations/europe-west1/keyRings/r_2/cryptoKeys/k.3";

describe("readGcpKmsUri", () => {
  it("reads which key", () => {
    expect(readGcpKmsUri(`gcp-kms://${KEY}`)).toEqual({
      cryptoKey: KEY,
      endpoint: "https://cloudkms.googleapis.com",
    });
  });

  it("reads where else the API is", () => {
    const { endpoint } = readGcpKmsUri(`gcp-kms://${KEY}?endpoint=https://kms.example.com/`);
    expect(endpoint).toBe("https://kms.example.com");
  });

  it.each([
    [`gcp-kms:${KEY}`, /names no key/],
    [`aws-kms://${KEY}`, /names no key/],
    ["gcp-kms://projects/p/locations/l/keyRings/r", /names no key/],
    [`gcp-kms://${KEY}/cryptoKeyVersions/1`, /names no key/],
    ["gcp-kms://projects/../locations/l/keyRings/r/cryptoKeys/k/..", /names no key/],
    [`gcp-kms://${KEY}?endpoint=http://kms.example.com`, /not an https URL/],
    [`gcp-kms://${KEY}?endpoint=https://u:p@kms.example.com`, /not an https URL/],
    [`gcp-kms://${KEY}?region=x`, /only parameter/],
    [`gcp-kms://${KEY}?endpoint=https://a.example&endpoint=https://b.example`, /only parameter/],
  ])("refuses %s", (uri, reason) => {
    expect(() => readGcpKmsUri(uri)).toThrow(KeyUnusable);
    expect(() => readGcpKmsUri(uri)).toThrow(reason);
  });
});
