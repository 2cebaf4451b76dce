import { deepEqual, equal } from "node:assert/strict";
import type { StoredKey } from "../../keys/key-store.js";
import type { StorageCase } from "./storage-case.js";

const key = (changes: Partial<StoredKey> = {}): StoredKey => ({
  keyId: "k1",
  purpose: "tokens",
  privateKey: Uint8Array.of(0, 1, 254, 255),
  certificatePem: "-----BEGIN CERTIFICATE-----\n",
  createdAtMs: 1_780_315_200_123,
  ...changes,
});

export const keyCases: readonly StorageCase[] = [
  {
    name: "keys: begins empty, and gives back what it got",
    run: async ({ keys }) => {
      deepEqual(await keys.list("tokens"), []);
      await keys.addFirst(key());
      const [kept] = await keys.list("tokens");
      deepEqual({ ...kept, privateKey: [...(kept?.privateKey ?? [])] }, { ...key(), privateKey: [0, 1, 254, 255] });
    },
  },
  {
    name: "keys: of many first keys, one wins",
    run: async ({ keys }) => {
      const candidates = Array.from({ length: 8 }, (_, index) => key({ keyId: `k${index}` }));
      await Promise.all(candidates.map((candidate) => keys.addFirst(candidate)));
      equal((await keys.list("tokens")).length, 1);
    },
  },
  {
    name: "keys: keeps the purposes apart",
    run: async ({ keys }) => {
      await keys.addFirst(key());
      await keys.addFirst(key({ keyId: "k2", purpose: "audit" }));
      deepEqual(
        (await keys.list("audit")).map(({ keyId }) => keyId),
        ["k2"],
      );
    },
  },
];
