import { Worker } from "node:worker_threads";
import type { CrlTerms, SerialIndexParts } from "@tokens/pki/crl";
import { type CrlFailure, errorOf } from "./crl-errors.js";
import type { CrlAnswer, CrlGet } from "./fetch-crl-bytes.js";

/** Size of the parts that a list is kept in, in bytes. */
export const PART_BYTES: number = 1 << 20;

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
  /** Size of the DER. It stays in the thread: it is large, and no one else needs all of it at once. */
  readonly bytes: number;
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

/** What the thread is told: a part of the list, or to get the list itself; that all is there; to give a part back. */
export type CrlOrder =
  | { readonly kind: "part"; readonly bytes: Uint8Array }
  | { readonly kind: "get"; readonly get: CrlGet }
  | { readonly kind: "read" }
  | { readonly kind: "copy"; readonly from: number; readonly to: Uint8Array<SharedArrayBuffer> };

/** What the thread answers to each but the first; to the last, how many bytes there were. */
export type CrlAnswers = { readonly get: CrlAnswer; readonly read: ReadCrl; readonly copy: number };
export type CrlReply<Kind extends keyof CrlAnswers> =
  { readonly answer: CrlAnswers[Kind] } | { readonly failure: CrlFailure };

/** A list that is being read in a thread of its own, while its parts come in. */
export class CrlThread {
  readonly #worker: Worker;
  readonly #gone: Promise<never>;

  constructor(reading: NewCrl | KeptCrl) {
    this.#worker = new Worker(new URL("./crl-worker.js", import.meta.url), { workerData: reading });
    this.#gone = new Promise((_, reject) => {
      this.#worker.once("error", reject);
      this.#worker.once("exit", () => reject(new Error("the thread that reads lists has gone")));
    });
    this.#gone.catch(() => undefined);
  }

  /** The next part. Only the part is copied, and not the memory that it is cut from. */
  write(chunk: Uint8Array): void {
    const bytes = new Uint8Array(chunk);
    this.#tell({ kind: "part", bytes }, [bytes.buffer]);
  }

  /** Has the thread get the list. Rejects as `fetchCrlBytes` does. */
  get(get: CrlGet): Promise<CrlAnswer> {
    return this.#ask({ kind: "get", get });
  }

  /** All parts are there. Rejects with CrlRefused. */
  finish(): Promise<ReadCrl> {
    return this.#ask({ kind: "read" });
  }

  /**
   * The DER of the list that was read, in parts. All are in the same memory, which is shared, so that neither this thread
   * nor its garbage collector has work with them: a part is there until the next is asked for.
   */
  async *parts(): AsyncGenerator<Uint8Array> {
    const to = new Uint8Array(new SharedArrayBuffer(PART_BYTES));
    for (let from = 0; ; from += PART_BYTES) {
      const length = await this.#ask({ kind: "copy", from, to });
      if (length === 0) return;
      yield to.subarray(0, length);
    }
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #tell(order: CrlOrder, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(order, transfer);
  }

  /** The thread answers each question before the next is asked. */
  async #ask<Kind extends keyof CrlAnswers>(order: CrlOrder & { kind: Kind }): Promise<CrlAnswers[Kind]> {
    const replied = new Promise<CrlReply<Kind>>((resolve) => this.#worker.once("message", resolve));
    this.#tell(order);
    const reply = await Promise.race([replied, this.#gone]);
    if ("failure" in reply) throw errorOf(reply.failure);
    return reply.answer;
  }
}
