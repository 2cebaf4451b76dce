import { TrustUnavailable } from "@tokens/machine-auth";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { makePublishedKey } from "../../test/published-key.js";
import { ownTrust } from "./own-trust.js";
import { CERTIFICATES_PATH, publicDocuments, type PublishedKey } from "./public-documents.js";

const server = { appId: "app", serviceAccount: "tokens@example.com", serviceVersion: "app/1" };

/** The trust of a server that publishes these keys, and how often its document was read. */
function trustIn(keys: () => readonly PublishedKey[]) {
  const documents = publicDocuments(server, keys, () => 1_700_000_000_000);
  let reads = 0;
  const trust = ownTrust(keys, () => {
    reads++;
    return documents.get(CERTIFICATES_PATH)?.() ?? "";
  });
  const keyIds = () => [...(trust.current().issuers.get("tokens@example.com")?.keys() ?? [])];
  return { trust, keyIds, reads: () => reads };
}

describe("ownTrust", () => {
  it("follows what the server publishes, and reads it once per set of keys", async () => {
    const [one, two] = [await makePublishedKey(), await makePublishedKey()];
    let keys = [one];
    const { keyIds, reads } = trustIn(() => keys);
    expect([keyIds(), keyIds(), reads()]).toEqual([[one.keyId], [one.keyId], 1]);
    keys = [two, one];
    expect([keyIds(), reads()]).toEqual([[two.keyId, one.keyId], 2]);
    keys = [two];
    expect([keyIds(), reads()]).toEqual([[two.keyId], 3]);
  });

  it("cannot tell when the server does not know its keys, and never falls back on what it knew", async () => {
    const key = await makePublishedKey();
    let isDown = false;
    const { trust } = trustIn(() => {
      if (isDown) throw new Unavailable("the signing keys are not known now");
      return [key];
    });
    await trust.ready();
    isDown = true;
    expect(() => trust.current()).toThrow(TrustUnavailable);
    await expect(trust.refresh()).rejects.toThrow(TrustUnavailable);
  });
});
