import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type GoogleIdentity, googleTokens } from "../../google/google-tokens.js";
import { GoogleError } from "../../google/post-google.js";
import { type KeyBackend, KeyUnusable, SignerUnavailable } from "../key-backend.js";
import { crc32c } from "./crc32c.js";
import { type GcpKmsApi, gcpKmsApi } from "./gcp-kms-api.js";
import { readGcpKmsUri } from "./gcp-kms-uri.js";

/** The kinds of keys whose signatures verifiers read. */
const ALGORITHM = /^RSA_SIGN_PKCS1_(2048|3072|4096)_SHA256$/;

/** How often, and how many times, to ask whether a new key is ready. An HSM behind the API takes some seconds. */
const POLL_MS = 500;
const POLLS = 120;

const HANDLE = /^gcp-kms:(projects\/[\w.:/-]+\/cryptoKeyVersions\/\d+)$/;

/**
 * Keys in Google's Cloud KMS: each is a version of one asymmetric key, and never leaves it. Nothing is asked before it is
 * needed. Throws a KeyUnusable for a URI that is none.
 */
export function gcpKmsBackend(uri: string, identity: GoogleIdentity): KeyBackend {
  const { cryptoKey, endpoint } = readGcpKmsUri(uri);
  const api = gcpKmsApi(endpoint, googleTokens(identity));
  return {
    name: "gcp-kms",
    isRemote: true,
    create: async () => {
      const version = nameIn(await api.post(`${cryptoKey}/cryptoKeyVersions`, {}));
      try {
        await untilEnabled(api, version);
        return { publicKey: await publicKeyOf(api, version), handle: Buffer.from(`gcp-kms:${version}`) };
      } catch (error) {
        // What cannot be used must not be paid for; that it stays when this fails too changes nothing.
        await api.post(`${version}:destroy`, {}).catch(() => undefined);
        throw error;
      }
    },
    // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
    open: async (handle) => {
      const version = readHandle(handle);
      return (bytes) => signWith(api, version, bytes);
    },
    erase: async (handle) => {
      const version = readHandle(handle);
      if (!(await isGone(api, version))) await api.post(`${version}:destroy`, {});
    },
    close: () => Promise.resolve(),
  };
}

function readHandle(handle: Uint8Array): string {
  const version = HANDLE.exec(Buffer.from(handle).toString("latin1"))?.[1];
  if (version === undefined) throw new KeyUnusable("a key in storage does not say where it is in Cloud KMS");
  return version;
}

function nameIn({ name }: Record<string, unknown>): string {
  if (typeof name === "string" && HANDLE.test(`gcp-kms:${name}`)) return name;
  throw new SignerUnavailable("Cloud KMS made a key and did not name it");
}

async function untilEnabled(api: GcpKmsApi, version: string): Promise<void> {
  for (let poll = 0; poll < POLLS; poll++) {
    const { state } = await api.get(version);
    if (state === "ENABLED") return;
    if (state !== "PENDING_GENERATION") throw new SignerUnavailable(`Cloud KMS: ${version} is ${String(state)}`);
    await sleep(POLL_MS);
  }
  throw new SignerUnavailable(`Cloud KMS: ${version} is still being made`);
}

async function publicKeyOf(api: GcpKmsApi, version: string): Promise<KeyObject> {
  const { pem, pemCrc32c, algorithm, name } = await api.get(`${version}/publicKey`);
  if (typeof algorithm !== "string" || !ALGORITHM.test(algorithm)) {
    const wanted = "RSA_SIGN_PKCS1_2048_SHA256 (or _3072_, _4096_)";
    throw new KeyUnusable(`${version} is a key for ${String(algorithm)}; make the KMS key with ${wanted}`);
  }
  if (typeof pem !== "string" || name !== version || pemCrc32c !== crc32c(Buffer.from(pem))) {
    throw damaged(version, "its public key");
  }
  return createPublicKey(pem);
}

/** The digest is sent, not the bytes; both ways are checked for damage. */
async function signWith(api: GcpKmsApi, version: string, bytes: Uint8Array): Promise<Uint8Array> {
  const digest = createHash("sha256").update(bytes).digest();
  const request = { digest: { sha256: digest.toString("base64") }, digestCrc32c: crc32c(digest) };
  const answer = await api.post(`${version}:asymmetricSign`, request);
  const { signature: text, signatureCrc32c, verifiedDigestCrc32c, name } = answer;
  const signature = Buffer.from(typeof text === "string" ? text : "", "base64");
  if (name !== version || verifiedDigestCrc32c !== true || signatureCrc32c !== crc32c(signature)) {
    throw damaged(version, "a signature");
  }
  return signature;
}

function damaged(version: string, what: string): SignerUnavailable {
  return new SignerUnavailable(`Cloud KMS: ${what} of ${version} was damaged on the way, or is of another key`);
}

async function isGone(api: GcpKmsApi, version: string): Promise<boolean> {
  try {
    const { state } = await api.get(version);
    return state === "DESTROYED" || state === "DESTROY_SCHEDULED";
  } catch (error) {
    if (error instanceof SignerUnavailable && error.cause instanceof GoogleError && error.cause.status === 404)
      return true;
    throw error;
  }
}
