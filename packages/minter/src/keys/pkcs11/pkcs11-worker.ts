// The HSM's side of the thread boundary. Libraries of HSMs block until the device answers: nothing else may wait with them.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { Module, PrivateKey, Session, Slot } from "graphene-pk11";
import type { Pkcs11Request, Pkcs11Response, PublicNumbers } from "./pkcs11-threads.js";
import type { Pkcs11Place } from "./pkcs11-uri.js";

// The package is CommonJS: its names are not all found when it is imported by name.
const { default: pkcs11 } = await import("graphene-pk11");
const { KeyGenMechanism, KeyType, ObjectClass, SessionFlag } = pkcs11;

/** PKCS#11 v2.40 §5.4: the library may use the system's threads and locks. */
const CKF_OS_LOCKING_OK = 2;
const CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191;
const CKR_USER_ALREADY_LOGGED_IN = 0x100;
/** CKR_PIN_INCORRECT, …_INVALID, …_LEN_RANGE, …_EXPIRED, …_LOCKED: to try again would lock the token. */
const PIN_REFUSED = new Set([0xa0, 0xa1, 0xa2, 0xa3, 0xa4]);

const KEY_BITS = 2048;

/** The DER that stands before a SHA-256 in what is signed (RFC 8017 §9.2, note 1). */
const SHA256_DIGEST_INFO = Buffer.from("3031300d060960864801650304020105000420", "hex");

const place = workerData as Pkcs11Place;
const module: Module = pkcs11.Module.load(place.modulePath);
unless(CKR_CRYPTOKI_ALREADY_INITIALIZED, () => module.initialize({ flags: CKF_OS_LOCKING_OK }));

let session: Session | undefined;
let keys = new Map<string, PrivateKey>();
let pinRefused = false;

function codeOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "number" ? code : undefined;
}

/** Does something, and takes one error of the library as done. */
function unless(code: number, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (codeOf(error) !== code) throw error;
  }
}

function openSession(): Session {
  if (pinRefused) throw new Error("the token has refused the PIN; it is not tried again before a restart");
  const opened = findSlot().open(SessionFlag.RW_SESSION | SessionFlag.SERIAL_SESSION);
  try {
    unless(CKR_USER_ALREADY_LOGGED_IN, () => opened.login(readFileSync(place.pinFile, "utf8").trim()));
  } catch (error) {
    pinRefused = PIN_REFUSED.has(codeOf(error) ?? 0);
    opened.close();
    throw error;
  }
  return opened;
}

function findSlot(): Slot {
  const slots = module.getSlots(true);
  for (let index = 0; index < slots.length; index++) {
    const slot = slots.items(index);
    const { label, serialNumber } = slot.getToken();
    if (label.trim() === place.tokenLabel && (place.serial ?? serialNumber.trim()) === serialNumber.trim()) return slot;
  }
  throw new Error(`no token ${JSON.stringify(place.tokenLabel)} is present`);
}

/** Does something in the session. One that broke is opened anew once: tokens are restarted and taken out. */
function inSession<T>(act: (session: Session) => T): T {
  if (session) {
    try {
      return act(session);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      dropSession(session);
    }
  }
  session = openSession();
  return act(session);
}

function dropSession(broken: Session): void {
  session = undefined;
  keys = new Map();
  try {
    broken.close();
  } catch {
    // It is broken; the library may not know it any more.
  }
}

function create(label: string): PublicNumbers {
  const id = randomBytes(20);
  return inSession((open) => {
    const common = { keyType: KeyType.RSA, id, label };
    const secret = { token: true, private: true, sensitive: true, extractable: false, sign: true };
    const { publicKey } = open.generateKeyPair(
      KeyGenMechanism.RSA,
      { ...common, token: false, verify: true, modulusBits: KEY_BITS, publicExponent: Buffer.of(1, 0, 1) },
      { ...common, ...secret },
    );
    const { modulus, publicExponent } = publicKey.getAttribute({ modulus: null, publicExponent: null });
    return { id: id.toString("hex"), modulus: modulus as Uint8Array, exponent: publicExponent as Uint8Array };
  });
}

function findKey(open: Session, id: string): PrivateKey | undefined {
  const known = keys.get(id);
  if (known) return known;
  const found = open.find({ class: ObjectClass.PRIVATE_KEY, id: Buffer.from(id, "hex") });
  if (found.length > 1) throw new Error("several keys have the same id");
  if (found.length === 0) return undefined;
  const key = found.items(0).toType<PrivateKey>();
  keys.set(id, key);
  return key;
}

function sign(id: string, bytes: Uint8Array): Uint8Array {
  return inSession((open) => {
    const key = findKey(open, id);
    if (!key) throw new Error("the token has no such key");
    // Hashed here: devices limit how much they take, and some take no empty input.
    const digest = createHash("sha256").update(bytes).digest();
    return open.createSign("RSA_PKCS", key).once(Buffer.concat([SHA256_DIGEST_INFO, digest]));
  });
}

function erase(id: string): void {
  inSession((open) => findKey(open, id)?.destroy());
  keys.delete(id);
}

function answer(request: Pkcs11Request): Pkcs11Response {
  try {
    if (request.kind === "connect") return { result: inSession(() => undefined) };
    if (request.kind === "create") return { result: create(request.label) };
    if (request.kind === "erase") return { result: erase(request.id) };
    return { result: sign(request.id, request.bytes) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (request: Pkcs11Request) => parentPort?.postMessage(answer(request)));
