import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  randomBytes,
} from "node:crypto";
import { crc32c } from "../../src/keys/gcp-kms/crc32c.js";
import { type Answer, demand, demandBytes, demandFields, Refused } from "./answer.js";

/** A key for signing, and one for encrypting. */
export const SIGN_KEY = "projects/p/locations/global/keyRings/r/cryptoKeys/sign";
export const WRAP_KEY = "projects/p/locations/global/keyRings/r/cryptoKeys/wrap";

/** The DER before a SHA-256 digest in a signature (RFC 8017 §9.2, note 1). */
const DIGEST_INFO = Buffer.from("3031300d060960864801650304020105000420", "hex");

/** Keys for new versions, in turn: to make one takes a slow machine longer than a caller waits. */
const KEYS = Array.from({ length: 6 }, () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);

interface Version {
  state: "PENDING_GENERATION" | "ENABLED" | "DESTROY_SCHEDULED";
  pollsUntilReady: number;
  readonly key: KeyObject;
}

/** Cloud KMS: takes requests only as the API's reference has them, and really signs and encrypts. */
export class KmsEndpoint {
  /** What new keys are for, in the API's words. */
  algorithm = "RSA_SIGN_PKCS1_2048_SHA256";
  /** How many polls a new version takes to be ready. */
  pollsUntilReady = 0;
  readonly #versions = new Map<string, Version>();
  readonly #wrapKey = randomBytes(32);

  answer(method: string, path: string, body: unknown): Answer {
    const [, name = "", verb = ""] = /^\/v1\/([^:]+?)(\/publicKey|:\w+)?$/.exec(path) ?? [];
    const call = `${method} ${verb}`;
    if (name === `${SIGN_KEY}/cryptoKeyVersions` && call === "POST ") return this.#create(body);
    if (name === WRAP_KEY && call === "POST :encrypt") return this.#encrypt(body);
    if (name === WRAP_KEY && call === "POST :decrypt") return this.#decrypt(body);
    const version = this.#versions.get(name);
    if (!version) throw new Refused(404, "NOT_FOUND", `${name} not found`);
    if (call === "GET ") return this.#state(name, version);
    if (call === "POST :destroy") return this.#destroy(name, version, body);
    if (version.state !== "ENABLED") throw new Refused(400, "FAILED_PRECONDITION", `${name} is not enabled`);
    if (call === "GET /publicKey") return this.#publicKey(name, version);
    demand(call === "POST :asymmetricSign", `${method} ${path}`);
    return this.#sign(name, version, body);
  }

  #create(body: unknown): Answer {
    demandFields(body, []);
    const name = `${SIGN_KEY}/cryptoKeyVersions/${this.#versions.size + 1}`;
    const key = KEYS[this.#versions.size % KEYS.length]!;
    const { pollsUntilReady, algorithm } = this;
    const state = pollsUntilReady > 0 ? "PENDING_GENERATION" : "ENABLED";
    this.#versions.set(name, { key, pollsUntilReady, state });
    return [200, { name, state, algorithm, protectionLevel: "SOFTWARE" }];
  }

  #state(name: string, version: Version): Answer {
    const { state } = version;
    if (state === "PENDING_GENERATION" && --version.pollsUntilReady <= 0) version.state = "ENABLED";
    return [200, { name, state, algorithm: this.algorithm }];
  }

  #destroy(name: string, version: Version, body: unknown): Answer {
    demandFields(body, []);
    if (version.state !== "ENABLED") throw new Refused(400, "FAILED_PRECONDITION", `${name} is not enabled`);
    version.state = "DESTROY_SCHEDULED";
    return [200, { name, state: version.state }];
  }

  #publicKey(name: string, { key }: Version): Answer {
    const pem = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
    return [200, { pem, algorithm: this.algorithm, pemCrc32c: crc32c(Buffer.from(pem)), name }];
  }

  #sign(name: string, { key }: Version, body: unknown): Answer {
    const fields = demandFields(body, ["digest", "digestCrc32c"]);
    const digest = demandBytes(demandFields(fields["digest"], ["sha256"])["sha256"], "the digest");
    demand(digest.length === 32 && fields["digestCrc32c"] === crc32c(digest), "the digest");
    const signed = Buffer.concat([DIGEST_INFO, digest]);
    const signature = privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signed);
    const checks = { signatureCrc32c: crc32c(signature), verifiedDigestCrc32c: true };
    return [200, { signature: signature.toString("base64"), ...checks, name, protectionLevel: "SOFTWARE" }];
  }

  #encrypt(body: unknown): Answer {
    const names = ["additionalAuthenticatedData", "additionalAuthenticatedDataCrc32c", "plaintext", "plaintextCrc32c"];
    const fields = demandFields(body, names);
    const plaintext = demandBytes(fields["plaintext"], "the plaintext");
    const aad = demandBytes(fields["additionalAuthenticatedData"], "the additional data");
    demand(fields["plaintextCrc32c"] === crc32c(plaintext), "the plaintext's checksum");
    demand(fields["additionalAuthenticatedDataCrc32c"] === crc32c(aad), "the additional data's checksum");
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.#wrapKey, nonce).setAAD(aad);
    const sealed = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    const checks = { verifiedPlaintextCrc32c: true, verifiedAdditionalAuthenticatedDataCrc32c: true };
    const answer = { ciphertext: sealed.toString("base64"), ciphertextCrc32c: crc32c(sealed), ...checks };
    return [200, { name: `${WRAP_KEY}/cryptoKeyVersions/1`, ...answer, protectionLevel: "SOFTWARE" }];
  }

  #decrypt(body: unknown): Answer {
    const names = [
      "additionalAuthenticatedData",
      "additionalAuthenticatedDataCrc32c",
      "ciphertext",
      "ciphertextCrc32c",
    ];
    const fields = demandFields(body, names);
    const sealed = demandBytes(fields["ciphertext"], "the ciphertext");
    const aad = demandBytes(fields["additionalAuthenticatedData"], "the additional data");
    demand(fields["ciphertextCrc32c"] === crc32c(sealed), "the ciphertext's checksum");
    demand(fields["additionalAuthenticatedDataCrc32c"] === crc32c(aad), "the additional data's checksum");
    const decipher = createDecipheriv("aes-256-gcm", this.#wrapKey, sealed.subarray(0, 12));
    decipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
    try {
      const plaintext = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
      return [200, { plaintext: plaintext.toString("base64"), plaintextCrc32c: crc32c(plaintext), usedPrimary: true }];
    } catch {
      throw new Refused(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.");
    }
  }
}
