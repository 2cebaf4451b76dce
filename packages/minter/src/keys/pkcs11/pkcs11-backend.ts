import { createPublicKey, type KeyObject } from "node:crypto";
import { type KeyBackend, KeyUnusable, SignerUnavailable } from "../key-backend.js";
import { Pkcs11Threads, type PublicNumbers } from "./pkcs11-threads.js";
import { readPkcs11Uri } from "./pkcs11-uri.js";

/** How long an HSM may take to sign, and to make a key, in milliseconds. */
const SIGN_TIMEOUT_MS = 8_000;
const CREATE_TIMEOUT_MS = 120_000;

const HANDLE = /^pkcs11:id=([0-9a-f]{40})$/;

/**
 * Keys in an HSM, by PKCS#11. Private keys are made in it and never leave it. Needs the package graphene-pk11. Rejects with
 * a KeyUnusable when the library, the token or the PIN cannot be used.
 */
export async function openPkcs11Backend(uri: string): Promise<KeyBackend> {
  const threads = new Pkcs11Threads(readPkcs11Uri(uri));
  try {
    await threads.start(CREATE_TIMEOUT_MS);
  } catch (error) {
    await threads.close();
    const why = error instanceof SignerUnavailable ? error.detail : "it does not start";
    throw new KeyUnusable(`the HSM cannot be used: ${why}${whatToDo(why)}`, { cause: error });
  }
  return {
    name: "pkcs11",
    isRemote: true,
    create: async (label) => {
      const numbers = await threads.ask({ kind: "create", label }, CREATE_TIMEOUT_MS);
      if (!isNumbers(numbers)) throw new SignerUnavailable("the HSM made no key");
      return { publicKey: publicKeyOf(numbers), handle: Buffer.from(`pkcs11:id=${numbers.id}`) };
    },
    // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
    open: async (handle) => {
      const id = readHandle(handle);
      return async (bytes) => {
        const signature = await threads.ask({ kind: "sign", id, bytes }, SIGN_TIMEOUT_MS);
        if (signature instanceof Uint8Array) return signature;
        throw new SignerUnavailable("the HSM made no signature");
      };
    },
    erase: async (handle) => void (await threads.ask({ kind: "erase", id: readHandle(handle) }, SIGN_TIMEOUT_MS)),
    close: () => threads.close(),
  };
}

function whatToDo(why: string): string {
  return why.includes("graphene-pk11") ? "; install the package graphene-pk11 beside @tokens/minter" : "";
}

function readHandle(handle: Uint8Array): string {
  const id = HANDLE.exec(Buffer.from(handle).toString("latin1"))?.[1];
  if (id === undefined) throw new KeyUnusable("a key in storage does not say where it is in the HSM");
  return id;
}

function isNumbers(value: unknown): value is PublicNumbers {
  return typeof value === "object" && value !== null && "modulus" in value;
}

function publicKeyOf({ modulus, exponent }: PublicNumbers): KeyObject {
  const [n, e] = [modulus, exponent].map((number) => Buffer.from(number).toString("base64url"));
  return createPublicKey({ key: { kty: "RSA", n, e } as { kty: string; n: string; e: string }, format: "jwk" });
}
