import { TrustUnavailable } from "@tokens/machine-auth";
import { Revocations } from "@tokens/machine-auth/trust-bundle";
import { describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { makePublishedKey } from "../../test/published-key.js";
import { ownTrust } from "./own-trust.js";
import { CERTIFICATES_PATH, publicDocuments, type PublishedKey } from "./public-documents.js";

const server = { appId: "app", serviceAccount: "tokens@example.com", serviceVersion: "app/1" };
const none = new Revocations([]);

/** The trust of a server that publishes these keys, and how often its document was read. */
function trustIn(keys: () => readonly PublishedKey[], revocations: () => Revocations = () => none) {
  const documents = publicDocuments(server, keys, () => 1_700_000_000_000);
  let reads = 0;
  const certificatesDocument = () => {
    reads++;
    return documents.get(CERTIFICATES_PATH)?.() ?? "";
  };
  const trust = ownTrust({ keys, certificatesDocument, revocations });
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

  it("knows what is revoked as soon as the feed does, and stays the same while that does", async () => {
    const key = await makePublishedKey();
    let revocations = none;
    const { trust, reads } = trustIn(
      () => [key],
      () => revocations,
    );
    const before = trust.current();
    expect([before.revocations, trust.current() === before]).toEqual([none, true]);
    revocations = new Revocations([{ subject: { kind: "machine", fqdn: "a.example.com" }, until: 5000 }]);
    const after = trust.current();
    expect([after.revocations === revocations, trust.current() === after, reads()]).toEqual([true, true, 1]);
    expect(after.issuers).toBe(before.issuers);
  });

  it.each(["keys", "revocations"])(
    "cannot tell while the server does not know its %s, and never falls back",
    async (what) => {
      const key = await makePublishedKey();
      let isDown = false;
      const orDown = <T>(name: string, value: T): T => {
        if (isDown && name === what) throw new Unavailable("not known now");
        return value;
      };
      const { trust } = trustIn(
        () => orDown("keys", [key]),
        () => orDown("revocations", none),
      );
      await trust.ready();
      isDown = true;
      expect(() => trust.current()).toThrow(TrustUnavailable);
      await expect(trust.refresh()).rejects.toThrow(TrustUnavailable);
    },
  );
});
