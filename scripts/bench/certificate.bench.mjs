// The check of a machine's certificate and of one request by its key, beside what Node and @peculiar/x509 make of the same:
// for a certificate that was never seen, and for one that was read before.
import { createPublicKey, generateKeyPairSync, sign, verify, webcrypto, X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { CertificateCache } from "@tokens/minter/testing";
import { checkCertificate, parseCertificate, publicKeyOf } from "@tokens/pki";
import { TestCa } from "@tokens/pki/testing";
import { inTurns, ratioRow } from "./measure.mjs";

const requireFromPki = createRequire(new URL("../../packages/pki/package.json", import.meta.url));
requireFromPki("reflect-metadata");
const peculiar = requireFromPki("@peculiar/x509");

const NOW = Math.floor(Date.now() / 1000);
const REQUEST = Buffer.alloc(1_100, "request ");
const MACHINES = 500;
const KEYS = 8;
const COLD = 1_500;
const WARM = 6_000;
const PECULIAR = 200;
const IN_FLIGHT = 16;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

const rsaKey = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const ca = TestCa.create("Fleet", { privateKey: rsaKey() });
const caKey = createPublicKey(ca.privateKey);
const keys = Array.from({ length: KEYS }, rsaKey);
const signatures = keys.map((key) => sign("sha256", REQUEST, key));
/** Not in OpenSSL's memory with those of others, as it would be if it were only derived. */
const keyOfItsOwn = (key) => createPublicKey({ key: createPublicKey(key).export({ format: "jwk" }), format: "jwk" });
const machines = Array.from({ length: MACHINES }, (_, index) => ({
  der: ca.issue(`host-${index}.fleet.example.com`, { privateKey: keys[index % KEYS], serial: 1000n + BigInt(index) })
    .certificate,
  signature: signatures[index % KEYS],
  publicKey: keyOfItsOwn(keys[index % KEYS]),
}));

const trust = { anchors: [parseCertificate(ca.certificate)], intermediates: [], policy: {} };
const require = (isGood) => {
  if (!isGood) throw new Error("a good certificate was refused");
};

function cold({ der, signature }) {
  const certificate = parseCertificate(der);
  checkCertificate(certificate, trust, NOW);
  require(verify("sha256", REQUEST, publicKeyOf(certificate.publicKey), signature));
}

/** As the server does it: what stands in a certificate is remembered, and what may have changed is checked anew. */
const certificates = new CertificateCache();
function warm({ der, signature }) {
  const certificate = certificates.read(der);
  checkCertificate(certificate, trust, NOW);
  certificates.remember(certificate);
  require(verify("sha256", REQUEST, publicKeyOf(certificate.publicKey), signature));
}

const raw = ({ publicKey, signature }) => require(verify("sha256", REQUEST, publicKey, signature));

const nodeCa = new X509Certificate(ca.certificate);
function byNode({ der, signature }) {
  const certificate = new X509Certificate(der);
  const isNow = Date.parse(certificate.validFrom) <= NOW * 1000 && NOW * 1000 <= Date.parse(certificate.validTo);
  require(isNow && certificate.checkIssued(nodeCa) && certificate.verify(caKey));
  require(verify("sha256", REQUEST, certificate.publicKey, signature));
}

const spki = caKey.export({ type: "spki", format: "der" });
const peculiarCaKey = await webcrypto.subtle.importKey("spki", spki, RSA, true, ["verify"]);
async function byPeculiar({ der, signature }) {
  const certificate = new peculiar.X509Certificate(der);
  require(await certificate.verify({ publicKey: peculiarCaKey, date: new Date(NOW * 1000) }, webcrypto));
  const key = await certificate.publicKey.export(RSA, ["verify"], webcrypto);
  require(await webcrypto.subtle.verify(RSA, key, signature, REQUEST));
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");
/** Of the young alone: a collection of everything would throw away compiled code too. */
const YOUNG = { type: "minor" };

/** Checks in a second of processor time. Who leaves garbage pays for it: keys in OpenSSL are dear to free. */
async function perCpuSecond(count, makeChecks) {
  collectGarbage(YOUNG);
  const before = process.cpuUsage();
  await makeChecks();
  collectGarbage(YOUNG);
  const { user, system } = process.cpuUsage(before);
  return (count * 1e6) / (user + system);
}

/** One after another. */
function each(check, count) {
  return () =>
    perCpuSecond(count, () => {
      for (let index = 0; index < count; index++) check(machines[index % MACHINES]);
    });
}

/** With some under way at a time. */
function inFlight(check, count) {
  return () =>
    perCpuSecond(count, async () => {
      let next = 0;
      const worker = async () => {
        while (next < count) await check(machines[next++ % MACHINES]);
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    });
}

export async function run() {
  const values = await inTurns({
    cold: each(cold, COLD),
    node: each(byNode, COLD),
    peculiar: inFlight(byPeculiar, PECULIAR),
    warm: each(warm, WARM),
    raw: each(raw, WARM),
  });
  const row = (id, name, goal, stretch, rates, base) =>
    ratioRow({ id, name, unit: "checks/s", goal, stretch }, rates, base);
  return [
    row("X1.1", "a new certificate and a request ÷ Node's X509Certificate", 2.5, 3, values.cold, values.node),
    row("X1.2", "… ÷ @peculiar/x509, 16 in flight, per core", 12, 22, values.cold, values.peculiar),
    row("X2", "a certificate that was read before, and a request ÷ crypto.verify", 0.85, 0.95, values.warm, values.raw),
  ];
}
