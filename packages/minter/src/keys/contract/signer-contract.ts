import { deepEqual, equal, fail, notDeepEqual, ok, rejects } from "node:assert/strict";
import { verify } from "node:crypto";
import { type KeyBackend, KeyUnusable, type NewKey, type SignBytes, SignerUnavailable } from "../key-backend.js";

/** One thing that every key backend must do. It rejects with an AssertionError when the backend does not. */
export interface SignerCase {
  readonly name: string;
  /** Makes keys and erases them again. */
  readonly run: (backend: KeyBackend) => Promise<void>;
}

const text = (value: string) => new TextEncoder().encode(value);

/** Runs on a fresh key, which is erased after. */
async function withKey(backend: KeyBackend, run: (key: NewKey, sign: SignBytes) => Promise<void>): Promise<void> {
  const key = await backend.create("contract");
  try {
    await run(key, await backend.open(key.handle));
  } finally {
    await backend.erase(key.handle);
  }
}

const isRight = ({ publicKey }: NewKey, bytes: Uint8Array, signature: Uint8Array) =>
  verify("sha256", bytes, publicKey, signature);

const signBatch = (sign: SignBytes) => () => Promise.all(Array.from({ length: 10 }, () => sign(text("busy"))));

/** Whether the event loop turned between the start of the work and its end. */
async function turnsDuring(work: () => Promise<unknown>): Promise<boolean> {
  let isAtWork = true;
  const end = work().finally(() => (isAtWork = false));
  const turn = new Promise<boolean>((resolve) => void setImmediate(() => resolve(isAtWork)));
  await end;
  return turn;
}

/** What every key backend must do; run each case in any test runner, on a backend of your own. */
export const signerContract: readonly SignerCase[] = [
  {
    name: "makes RSA keys of at least 2048 bits with the usual exponent",
    run: (backend) =>
      withKey(backend, async ({ publicKey }) => {
        equal(publicKey.type, "public");
        equal(publicKey.asymmetricKeyType, "rsa");
        const { modulusLength = 0, publicExponent } = publicKey.asymmetricKeyDetails ?? {};
        ok(modulusLength >= 2048, `${modulusLength} bits`);
        equal(publicExponent, 65_537n);
      }),
  },
  {
    name: "makes another key each time",
    run: (backend) =>
      withKey(backend, (first) =>
        withKey(backend, async (second) => {
          notDeepEqual(second.handle, first.handle);
          ok(!second.publicKey.equals(first.publicKey));
        }),
      ),
  },
  {
    name: "signs bytes of any kind and length by PKCS #1 v1.5 with SHA-256, the same each time",
    run: (backend) =>
      withKey(backend, async (key, sign) => {
        const samples = [new Uint8Array(), text("a"), Uint8Array.of(0, 255, 128, 0), new Uint8Array(100_000).fill(7)];
        for (const bytes of samples) {
          const signature = await sign(bytes);
          ok(isRight(key, bytes, signature), `${bytes.length} bytes`);
          ok(!isRight(key, text("something else"), signature));
          deepEqual(Buffer.from(await sign(bytes)), Buffer.from(signature));
        }
      }),
  },
  {
    name: "signs with the same key when it is opened again",
    run: (backend) =>
      withKey(backend, async (key) => {
        const [first, second] = await Promise.all([backend.open(key.handle), backend.open(key.handle)]);
        ok(isRight(key, text("first"), await first(text("first"))));
        ok(isRight(key, text("second"), await second(text("second"))));
      }),
  },
  {
    name: "keeps apart what is signed at once, with several keys",
    run: (backend) =>
      withKey(backend, (one, signOne) =>
        withKey(backend, async (other, signOther) => {
          const jobs = Array.from({ length: 60 }, async (_, index) => {
            const [key, sign] = index % 2 === 0 ? ([one, signOne] as const) : ([other, signOther] as const);
            ok(isRight(key, text(`job ${index}`), await sign(text(`job ${index}`))), `job ${index}`);
          });
          await Promise.all(jobs);
        }),
      ),
  },
  {
    name: "lets the event loop turn while it signs",
    run: (backend) =>
      withKey(backend, async (_, sign) => {
        // A busy machine may run this thread only after all is signed. What blocks lets the loop turn in no batch.
        for (let batch = 0; batch < 20; batch++) if (await turnsDuring(signBatch(sign))) return;
        fail("the event loop stood still in all batches");
      }),
  },
  {
    name: "erases keys, also twice, and refuses to sign with what is gone or never was",
    run: async (backend) => {
      const { handle } = await backend.create("contract");
      await backend.erase(handle);
      await backend.erase(handle);
      const signs = async (bytes: Uint8Array) => (await backend.open(bytes))(text("late"));
      // A key in this process is gone when its only copy is: there, whoever still has the handle has the key.
      if (backend.name !== "local") await rejects(signs(handle), SignerUnavailable);
      await rejects(signs(text("no handle")), (error) => error instanceof KeyUnusable);
    },
  },
];
