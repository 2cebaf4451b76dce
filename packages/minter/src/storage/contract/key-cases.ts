import { deepEqual, equal } from "node:assert/strict";
import type { StoredKey } from "../../keys/key-store.js";
import type { Storage } from "../storage.js";
import type { StorageCase } from "./storage-case.js";

const key = (changes: Partial<StoredKey> = {}): StoredKey => ({
  keyId: "k1",
  purpose: "tokens",
  generation: 1,
  backend: "local",
  handle: Uint8Array.of(0, 1, 254, 255),
  sealedBy: undefined,
  certificatePem: "-----BEGIN CERTIFICATE-----\n",
  createdAtMs: 1_780_315_200_123,
  signsFromMs: 0,
  taintedAtMs: undefined,
  ...changes,
});

const plain = (stored: StoredKey | undefined) => ({ ...stored, handle: [...(stored?.handle ?? [])] });

async function kept({ keys }: Storage, keyId = "k1"): Promise<StoredKey | undefined> {
  return (await keys.list()).find((stored) => stored.keyId === keyId);
}

const basicCases: readonly StorageCase[] = [
  {
    name: "keys: begins empty, and gives back what it got",
    run: async (storage) => {
      deepEqual(await storage.keys.list(), []);
      const whole = key({ backend: "gcp-kms", sealedBy: "kek", signsFromMs: 1_780_315_200_124, taintedAtMs: 5 });
      equal(await storage.keys.add(whole), "added");
      deepEqual(plain(await kept(storage)), plain(whole));
    },
  },
  {
    name: "keys: of many keys of one generation, one wins",
    run: async ({ keys }) => {
      const candidates = Array.from({ length: 8 }, (_, index) => key({ keyId: `k${index}` }));
      const answers = await Promise.all(candidates.map((candidate) => keys.add(candidate)));
      deepEqual(answers.toSorted(), ["added", ...Array.from({ length: 7 }, () => "taken")]);
      const [winner, ...others] = await keys.list("tokens");
      deepEqual([winner?.keyId, others], [candidates[answers.indexOf("added")]?.keyId, []]);
    },
  },
  {
    name: "keys: keeps the purposes apart, and their keys in order",
    run: async ({ keys }) => {
      await keys.add(key({ keyId: "k3", generation: 10 }));
      await keys.add(key());
      await keys.add(key({ keyId: "k2", generation: 2 }));
      await keys.add(key({ keyId: "a1", purpose: "audit" }));
      const ids = async (purpose?: StoredKey["purpose"]) => (await keys.list(purpose)).map(({ keyId }) => keyId);
      deepEqual(await ids("tokens"), ["k1", "k2", "k3"]);
      deepEqual(await ids("audit"), ["a1"]);
      deepEqual(await ids("jwt"), []);
      deepEqual((await ids()).toSorted(), ["a1", "k1", "k2", "k3"]);
    },
  },
  {
    name: "keys: one key cannot have two purposes",
    run: async ({ keys }) => {
      await keys.add(key());
      await keys.add(key({ purpose: "jwt" })).catch(() => undefined);
      deepEqual(await keys.list("jwt"), []);
    },
  },
];

const changeCases: readonly StorageCase[] = [
  {
    name: "keys: lets a key sign earlier, and never later",
    run: async (storage) => {
      await storage.keys.add(key({ signsFromMs: 2000 }));
      await storage.keys.advance("k1", 1000);
      await storage.keys.advance("k1", 1500);
      equal((await kept(storage))?.signsFromMs, 1000);
    },
  },
  {
    name: "keys: remembers when a key was first tainted",
    run: async (storage) => {
      await storage.keys.add(key());
      await storage.keys.add(key({ keyId: "k2", generation: 2 }));
      await storage.keys.taint("k1", 1000);
      await storage.keys.taint("k1", 2000);
      deepEqual([(await kept(storage))?.taintedAtMs, (await kept(storage, "k2"))?.taintedAtMs], [1000, undefined]);
    },
  },
  {
    name: "keys: changes certificates and handles of the keys that are meant, and nothing else",
    run: async (storage) => {
      await storage.keys.add(key());
      await storage.keys.add(key({ keyId: "k2", generation: 2 }));
      await storage.keys.recertify("k1", "new");
      const sealed = { handle: Uint8Array.of(9), sealedBy: "kek" };
      await storage.keys.reseal(new Map([["k1", sealed]]));
      deepEqual(plain(await kept(storage)), plain(key({ certificatePem: "new", ...sealed })));
      deepEqual(plain(await kept(storage, "k2")), plain(key({ keyId: "k2", generation: 2 })));
      await storage.keys.scrub();
      await storage.keys.erase("k1");
      equal((await kept(storage))?.handle.length, 0);
      equal((await kept(storage, "k2"))?.handle.length, 4);
    },
  },
];

export const keyCases: readonly StorageCase[] = [...basicCases, ...changeCases];
