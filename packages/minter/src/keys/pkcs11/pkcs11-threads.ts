import { Worker } from "node:worker_threads";
import { SignerUnavailable } from "../key-backend.js";
import type { Pkcs11Place } from "./pkcs11-uri.js";

/** A public key as an HSM gives it: numbers in big-endian bytes. */
export interface PublicNumbers {
  /** CKA_ID of the private key, in hex. */
  readonly id: string;
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
}

/** What a thread is asked. */
export type Pkcs11Request =
  | { readonly kind: "connect" }
  | { readonly kind: "create"; readonly label: string }
  | { readonly kind: "sign"; readonly id: string; readonly bytes: Uint8Array }
  | { readonly kind: "erase"; readonly id: string };

/** What it answers. */
export interface Pkcs11Response {
  readonly result?: PublicNumbers | Uint8Array | undefined | void;
  readonly error?: string;
}

interface Job {
  readonly request: Pkcs11Request;
  readonly settle: (response: Pkcs11Response) => void;
}

/** Several sessions at once: a device in the network is mostly waited for. */
const THREADS = 4;

/** Threads with a session each. A job goes to whichever is free; one that nobody waits for any more goes to none. */
export class Pkcs11Threads {
  readonly #place: Pkcs11Place;
  readonly #queue: Job[] = [];
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #workers = new Set<Worker>();
  #failure: Error | undefined;

  constructor(place: Pkcs11Place) {
    this.#place = place;
  }

  /** Starts the first thread, and the others when it is connected: a wrong PIN is tried once and not four times. */
  async start(timeoutMs: number): Promise<void> {
    this.#addWorker();
    await this.ask({ kind: "connect" }, timeoutMs);
    while (this.#workers.size < THREADS) this.#addWorker();
  }

  /** Resolves with what the HSM answers. Rejects with SignerUnavailable. */
  ask(request: Pkcs11Request, timeoutMs: number): Promise<Pkcs11Response["result"]> {
    if (this.#failure) return Promise.reject(new SignerUnavailable("the HSM's threads have ended", this.#failure));
    return new Promise((resolve, reject) => {
      const settle = ({ result, error }: Pkcs11Response) => {
        clearTimeout(timer);
        if (error === undefined) resolve(result);
        else reject(new SignerUnavailable(`the HSM answered: ${error}`));
      };
      const job: Job = { request, settle };
      const timer = setTimeout(() => {
        const at = this.#queue.indexOf(job);
        if (at >= 0) this.#queue.splice(at, 1);
        reject(new SignerUnavailable(`the HSM did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#queue.push(job);
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#failure ??= new Error("closed");
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #addWorker(): void {
    const worker = new Worker(new URL("./pkcs11-worker.js", import.meta.url), { workerData: this.#place });
    this.#workers.add(worker);
    worker.on("error", (error) => this.#fail(error));
    worker.unref();
    this.#idle.push(worker);
    this.#next();
  }

  #next(): void {
    const worker = this.#idle[0];
    const job = this.#queue[0];
    if (!worker || !job) return;
    this.#idle.shift();
    this.#queue.shift();
    const answered = (response: Pkcs11Response) => {
      this.#busy.delete(worker);
      worker.unref();
      job.settle(response);
      this.#idle.push(worker);
      this.#next();
    };
    this.#busy.set(worker, job);
    worker.ref();
    worker.once("message", answered);
    worker.postMessage(job.request);
    this.#next();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const jobs = [...this.#busy.values(), ...this.#queue.splice(0)];
    for (const job of jobs) job.settle({ error: error.message });
  }
}
