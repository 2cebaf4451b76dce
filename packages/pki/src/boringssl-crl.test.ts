import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { expect, it } from "vitest";
import { describeWithSuites, filesOfSuite, readSuite } from "shared-vectors";
import { type Certificate, parseCertificate } from "./certificate.js";
import { checkCrl } from "./check-crl.js";
import { type Crl, parseCrl } from "./crl-document.js";
import { indexEntries } from "./crl-entries.js";
import { CrlError, MalformedInput } from "./errors.js";
import { readPemBlocks } from "./pem.js";
import { DerReader, TAG } from "./der.js";
import { readPublicKey } from "./public-key.js";
import { verifySignature } from "./signature.js";

const now = Date.parse("2017-03-09T00:00:00Z") / 1000;
const maxAgeSeconds = 7 * 86_400;

/** What ours says where the suite says something else: it takes no list that has only a part, whatever the part. */
const differences: Record<string, string> = {
  "good_idp_contains_uri.pem": "partitioned",
  "good_idp_onlycontainsusercerts.pem": "partitioned",
  "good_idp_uri_and_onlycontainscacerts.pem": "partitioned",
};

/** The keys of the suite have 1024 bits. Each gets a larger one in its place, which signs what it has signed. */
const replacements = new Map<string, KeyObject>();
function replacementOf({ publicKeyInfo }: Certificate): KeyObject {
  const id = Buffer.from(publicKeyInfo).toString("hex");
  const key = replacements.get(id) ?? generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  replacements.set(id, key);
  return key;
}

function withLargerKey(ca: Certificate): Certificate {
  const spki = createPublicKey(replacementOf(ca)).export({ type: "spki", format: "der" });
  return { ...ca, publicKey: readPublicKey(new DerReader(spki).enter(TAG.sequence, "x")) };
}

function signedAnew(crl: Crl, cas: readonly Certificate[]): Crl {
  const { signatureAlgorithm: algorithm, tbs, signature } = crl;
  const signer = cas.find(({ publicKey }) => algorithm && verifySignature(algorithm, publicKey, tbs, signature));
  return signer ? { ...crl, signature: sign("sha256", tbs, replacementOf(signer)) } : crl;
}

function judge(file: string): string {
  const blocks = readPemBlocks(readSuite(`crl/${file}`));
  const labelled = (pattern: RegExp) => blocks.filter(({ label }) => pattern.test(label)).map(({ bytes }) => bytes);
  const [[crlBytes], [leafBytes]] = [labelled(/^CRL$/), labelled(/^CERTIFICATE$/)];
  const cas = labelled(/^CA CERTIFICATE/).map(parseCertificate);
  if (!leafBytes || !crlBytes || cas.length === 0) throw new Error(`${file} lacks something`);
  const leaf = parseCertificate(leafBytes);
  const crl = signedAnew(parseCrl(crlBytes), cas);
  checkCrl(crl, cas.map(withLargerKey), now, { maxAgeSeconds });
  const serials = indexEntries(crl);
  if (leaf.hasForeignLists) return "bad: lists of others";
  return serials.has(leaf.serialMagnitude) ? "revoked" : "good";
}

function verdict(file: string): string {
  try {
    return judge(file);
  } catch (error) {
    if (error instanceof CrlError) return `bad: ${error.policy ?? error.code}`;
    if (error instanceof MalformedInput) return `invalid: ${error.message}`;
    throw error;
  }
}

describeWithSuites("BoringSSL's revocation lists", () => {
  it.each(filesOfSuite("crl"))("%s", (file) => {
    const said = verdict(file);
    const expected = /^(good|revoked|bad|invalid)_?/.exec(file)?.[1] ?? "";
    const isRefused = (word: string) => word.startsWith("bad") || word.startsWith("invalid");
    if (differences[file] !== undefined) expect(said).toBe(`bad: ${differences[file]}`);
    else if (isRefused(expected)) expect(isRefused(said)).toBe(true);
    else expect(said).toBe(expected);
  });
});
