import { type Client, Code } from "@connectrpc/connect";
import type { Operator } from "@tokens/api/admin";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { codeOf, KeptRecords, operatorClient } from "../../test/operator-client.js";
import { silent } from "../../test/reports.js";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { keysRpcs } from "./keys-rpc.js";
import { DEFAULT_KEY_SETTINGS, SigningKeys } from "./signing-keys.js";

let storage: Storage;
let keys: SigningKeys;
let operator: Client<typeof Operator>;
const records = new KeptRecords();
beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  const parts = { store: storage.keys, owner: "tokens@example.com", log: silent, metrics: noMetrics, clock: Date.now };
  keys = await SigningKeys.open({ ...DEFAULT_KEY_SETTINGS, ...parts });
  operator = operatorClient(keysRpcs(keys, { recorder: records.recorder, serviceVersion: "app/1" }));
});
beforeEach(() => {
  records.entries = [];
  records.failure = undefined;
});
afterAll(async () => {
  await keys.close();
  await storage.close();
});

describe("the keys' RPCs", () => {
  it("record which key was made, and for what", async () => {
    const { key } = await operator.rotateKey({ purpose: "jwt" });
    const columns = { method: "RotateKey", caller: "local", key_id: key?.keyId, purpose: "jwt", state: "next" };
    expect(records.entries).toEqual([
      {
        kind: "operation",
        columns: { ...columns, peer_ip: "0.0.0.0", service_version: "app/1", gae_request_id: "0".repeat(32) },
      },
    ]);
  });

  it("record which key was tainted, and what it was for", async () => {
    const { keyId } = keys.signer("tokens");
    await operator.taintKey({ keyId });
    const columns = { method: "TaintKey", caller: "local", key_id: keyId, purpose: "tokens", state: "tainted" };
    expect(records.entries).toMatchObject([{ kind: "operation", columns }]);
  });

  it("record nothing where nothing was done", async () => {
    expect(await codeOf(operator.rotateKey({ purpose: "none" }))).toBe(Code.InvalidArgument);
    expect(await codeOf(operator.taintKey({ keyId: "none" }))).toBe(Code.NotFound);
    expect((await operator.listKeys({})).keys.length).toBeGreaterThan(0);
    expect(records.entries).toEqual([]);
  });

  it("do not say that all is well when the record is missing", async () => {
    records.failure = new StorageUnavailable("the database is gone");
    expect(await codeOf(operator.rotateKey({ purpose: "bundle" }))).toBe(Code.Unavailable);
  });
});
