import { createHash, randomBytes, verify } from "node:crypto";
import type { Module, PrivateKey, Session, Slot } from "graphene-pk11";
import { MachineKeyError } from "./errors.js";
import { type MachineKey, readCertificate } from "./machine-key.js";
import { type Pkcs11Place, readPkcs11Uri } from "./pkcs11-uri.js";
import { signatureAlgorithmOf } from "./signature-algorithm.js";

export { MachineKeyError } from "./errors.js";

/** The package is CommonJS: all of it is its default export. */
const importGraphene = async () => (await import("graphene-pk11")).default;
type Graphene = Awaited<ReturnType<typeof importGraphene>>;

const CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191;
const CKR_USER_ALREADY_LOGGED_IN = 0x100;

/** Libraries are loaded and initialised once in a process. */
const modules = new Map<string, Module>();

/**
 * A machine's key that stays in its token or HSM, by PKCS#11 (RSA, EC P-256 or P-384), and the certificate (PEM) for it.
 * Needs the package graphene-pk11. Each signature is made in a session of its own. Rejects with a MachineKeyError when the
 * library, the token, the PIN or the key cannot be used, or the key is not the certificate's.
 */
export async function openPkcs11Key(uri: string, certificatePem: string, pin?: string): Promise<MachineKey> {
  const place = readPkcs11Uri(uri);
  const certificate = readCertificate(certificatePem);
  const algorithm = signatureAlgorithmOf(certificate.publicKey);
  const { digest } = algorithm;
  if (digest === null) throw new MachineKeyError("Ed25519 keys in a token are not supported: use RSA or EC");
  const graphene = await loadGraphene();
  const isEc = certificate.publicKey.asymmetricKeyType === "ec";
  const sign = (bytes: Uint8Array): Uint8Array =>
    inSession(graphene, place, pin, (session, key) =>
      isEc
        ? ecdsaDer(session.createSign("ECDSA", key).once(createHash(digest).update(bytes).digest()))
        : session.createSign("SHA256_RSA_PKCS", key).once(Buffer.from(bytes)),
    );
  const challenge = randomBytes(32);
  if (!verify(digest, challenge, certificate.publicKey, sign(challenge))) {
    throw new MachineKeyError("the certificate doesn't match the private key in the token");
  }
  // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
  return { certificateDer: certificate.raw, algorithm, sign: async (bytes) => sign(bytes) };
}

async function loadGraphene(): Promise<Graphene> {
  try {
    return await importGraphene();
  } catch (error) {
    throw new MachineKeyError("keys in a token need the package graphene-pk11: install it beside this program", {
      cause: error,
    });
  }
}

function inSession<T>(
  graphene: Graphene,
  place: Pkcs11Place,
  pin: string | undefined,
  act: (session: Session, key: PrivateKey) => T,
): T {
  try {
    const session = findSlot(loadModule(graphene, place.modulePath), place.token).open(
      graphene.SessionFlag.SERIAL_SESSION,
    );
    try {
      if (pin !== undefined) unless(CKR_USER_ALREADY_LOGGED_IN, () => session.login(pin));
      return act(session, findKey(graphene, session, place));
    } finally {
      session.close();
    }
  } catch (error) {
    if (error instanceof MachineKeyError) throw error;
    throw new MachineKeyError(`the token cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

function loadModule({ Module: modulesOfGraphene }: Graphene, path: string): Module {
  const known = modules.get(path);
  if (known) return known;
  const loaded = modulesOfGraphene.load(path);
  unless(CKR_CRYPTOKI_ALREADY_INITIALIZED, () => loaded.initialize());
  modules.set(path, loaded);
  return loaded;
}

/** Does something, and takes one error of the library as done. */
function unless(code: number, act: () => void): void {
  try {
    act();
  } catch (error) {
    if ((error as { code?: unknown }).code !== code) throw error;
  }
}

function findSlot(module: Module, label: string): Slot {
  const slots = module.getSlots(true);
  for (let index = 0; index < slots.length; index++) {
    if (slots.items(index).getToken().label.trim() === label) return slots.items(index);
  }
  throw new MachineKeyError(`there is no token ${JSON.stringify(label)}`);
}

function findKey({ ObjectClass }: Graphene, session: Session, { object, id }: Pkcs11Place): PrivateKey {
  const template = { class: ObjectClass.PRIVATE_KEY, ...(object && { label: object }), ...(id && { id }) };
  const found = session.find(template);
  if (found.length === 1) return found.items(0).toType<PrivateKey>();
  throw new MachineKeyError(`the token has ${found.length} such private keys; is the PIN given, and the name right?`);
}

/** Tokens answer with both numbers of a signature side by side; certificates' software wants them in DER (RFC 3279, section 2.2.3). */
function ecdsaDer(raw: Buffer): Buffer {
  const half = raw.length / 2;
  const content = Buffer.concat([derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half))]);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}

function derInteger(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? Buffer.of(0) : bytes.subarray(first);
  const positive = (digits[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.of(0), digits]) : digits;
  return Buffer.concat([Buffer.of(0x02, positive.length), positive]);
}
