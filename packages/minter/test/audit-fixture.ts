import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Signer } from "../src/keys/signer.js";
import { localSigner } from "../src/keys/local-signer.js";
import { extendChain, NO_RECORD } from "../src/audit/audit-chain.js";
import type { AuditStore, ChainHead } from "../src/audit/audit-store.js";

/** A key that signs checkpoints, and who trusts it. */
export interface CheckpointSigner {
  readonly privateKey: KeyObject;
  readonly signer: Signer;
  readonly keys: ReadonlyMap<string, KeyObject>;
}

export function makeCheckpointSigner(): CheckpointSigner {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const signer = localSigner(privateKey, "");
  return { privateKey, signer, keys: new Map([[signer.keyId, createPublicKey(privateKey)]]) };
}

/** Writes a chain record by record, each at a time of its own. */
export class ChainWriter {
  readonly #store: AuditStore;
  head: ChainHead;

  constructor(store: AuditStore, chain: string) {
    this.#store = store;
    this.head = { chain, sequence: 0, hash: NO_RECORD, timeMs: 0 };
  }

  async write(count: number, timeMs: number): Promise<void> {
    const entries = Array.from({ length: count }, (_, index) => ({
      kind: "machine" as const,
      data: JSON.stringify({ machine_fqdn: `host-${this.head.sequence + index + 1}.example.com` }),
    }));
    const { records, head } = extendChain(this.head, entries, timeMs);
    await this.#store.append(records, [head]);
    this.head = head;
  }
}
