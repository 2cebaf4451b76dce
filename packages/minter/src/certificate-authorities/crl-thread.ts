import { Worker } from "node:worker_threads";
import type { CrlCheckName, CrlTerms, SerialIndexParts } from "@tokens/pki/crl";

/** What reading a list that has just come needs. */
export interface NewCrl {
  /** DER of the certificates that may have signed it. */
  readonly issuers: readonly Uint8Array[];
  readonly nowSeconds: number;
  readonly terms: CrlTerms;
  readonly maxBytes: number;
  /** The list before, to tell what came and what is gone. */
  readonly before: { readonly digest: string; readonly parts: SerialIndexParts } | undefined;
}

/** What reading a list that was taken before needs: it is the one with this digest, or nothing. */
export interface KeptCrl {
  readonly kept: string;
  readonly maxBytes: number;
}

/** A list that its CA signed, that is complete, and that was in force when it was read. */
export interface ReadCrl {
  readonly der: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the DER, in hex. */
  readonly digest: string;
  readonly number: bigint | undefined;
  readonly thisUpdateSeconds: number;
  readonly nextUpdateSeconds: number | undefined;
  readonly parts: SerialIndexParts;
  /** How many certificates the list before revoked and this one does not. */
  readonly dropped: number;
  /** Serial numbers, in hex, that this list revokes and the list before did not, and the digest of that list. */
  readonly added: readonly string[];
  readonly addedTo: string | undefined;
}

/** What the thread answers. */
export type CrlResult =
  | ReadCrl
  | { readonly refused: string; readonly code: string; readonly policy: CrlCheckName | undefined }
  | { readonly failed: string };

/** A list that is not taken. Fetching the same again will not help. */
export class CrlRefused extends Error {
  override name = "CrlRefused";
  readonly code: string;
  /** The check that failed, if LUCI's server does not make it. */
  readonly policy: string | undefined;

  constructor(message: string, code: string, policy?: string) {
    super(message);
    this.code = code;
    this.policy = policy;
  }
}

/** A list that is being read in a thread of its own, while its parts come in. */
export class CrlThread {
  readonly #worker: Worker;
  readonly #result: Promise<CrlResult>;

  constructor(reading: NewCrl | KeptCrl) {
    this.#worker = new Worker(new URL("./crl-worker.js", import.meta.url), { workerData: reading });
    this.#result = new Promise((resolve, reject) => {
      this.#worker.once("message", resolve).once("error", reject);
      this.#worker.once("exit", () => reject(new Error("the thread that reads lists has gone")));
    });
    this.#result.catch(() => undefined);
  }

  /** The next part. Only the part is copied, and not the memory that it is cut from. */
  write(chunk: Uint8Array): void {
    const own = new Uint8Array(chunk);
    this.#worker.postMessage(own, [own.buffer]);
  }

  /** All parts are there. Rejects with CrlRefused. */
  async finish(): Promise<ReadCrl> {
    this.#worker.postMessage(null);
    const result = await this.#result;
    if ("failed" in result) throw new Error(`the list could not be read: ${result.failed}`);
    if ("refused" in result) throw new CrlRefused(result.refused, result.code, result.policy);
    return result;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
