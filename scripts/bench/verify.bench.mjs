// The offline verifier beside Node's own signature check and the usual JWT libraries, with the same key and the same claims.
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createVerifier } from "fast-jwt";
import { jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import { machineTokenVerifier, trustFromDocument, verifyMachineToken } from "@tokens/machine-auth";
import {
  decodeUnverifiedMachineToken,
  encodeMachineToken,
  encodeMachineTokenBody,
} from "@tokens/machine-auth/machine-token";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { inTurns, ratioRow, valueRow } from "./measure.mjs";

const ISSUER = "tokens@tokens.example.com";
const NOW = Math.floor(Date.now() / 1000);
const UNCACHED = 4_000;
const CACHED = 100_000;
/** fast-jwt's cache is given what it holds well. */
const JWTS = 300;

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const publicPem = publicKey.export({ type: "spki", format: "pem" });
const keyId = createHash("sha256").update(publicPem).digest("hex").slice(0, 40);

async function certificatesDocument() {
  const [notBefore, notAfter] = [new Date((NOW - 60) * 1000), new Date((NOW + 86_400) * 1000)];
  const certificate = await createSelfSignedCertificate({ privateKey, commonName: ISSUER, notBefore, notAfter });
  const certificates = [{ key_name: keyId, x509_certificate_pem: toPem("CERTIFICATE", certificate) }];
  return JSON.stringify({ service_account_name: ISSUER, certificates });
}

const claimsOf = (i) => ({
  machineFqdn: `host-${i}.fleet.example.com`,
  lifetime: 3600,
  caId: 1n,
  certSn: "7".repeat(32),
});

function machineToken(i) {
  const tokenBody = encodeMachineTokenBody({ ...claimsOf(i), issuedBy: ISSUER, issuedAt: NOW, audience: [] });
  return encodeMachineToken({ tokenBody, keyId, rsaSha256: sign("sha256", tokenBody, privateKey) });
}

function jwt(i) {
  const { machineFqdn, lifetime, certSn } = claimsOf(i);
  const claims = { sub: `bot:${machineFqdn}`, iss: ISSUER, iat: NOW, exp: NOW + lifetime, ca: 1, sn: certSn };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256", typ: "JWT", kid: keyId })}.${part(claims)}`;
  return `${signed}.${sign("sha256", signed, privateKey).toString("base64url")}`;
}

/** New strings each time, as a parser of HTTP makes them: what a string remembers of itself must not help. */
const bytesOf = (count, make) => Array.from({ length: count }, (_, i) => Buffer.from(make(i)));
const fresh = (all, count) => Array.from({ length: count }, (_, i) => all[i % all.length].toString("latin1"));

/** Operations in a second of processor time, by a synchronous check. */
function perCpuSecond(all, count, check) {
  return () => {
    const tokens = fresh(all, count);
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) check(tokens[i], i);
    const { user, system } = process.cpuUsage(before);
    return (count * 1e6) / (user + system);
  };
}

/** Operations in a second by the clock and by the processor, by an asynchronous check with so many under way. */
function asynchronous(all, count, inFlight, check) {
  return async () => {
    const tokens = fresh(all, count);
    let next = 0;
    const worker = async () => {
      while (next < count) await check(tokens[next++]);
    };
    const [begin, before] = [performance.now(), process.cpuUsage()];
    await Promise.all(Array.from({ length: inFlight }, worker));
    const { user, system } = process.cpuUsage(before);
    return { perSecond: (count * 1000) / (performance.now() - begin), perCpuSecond: (count * 1e6) / (user + system) };
  };
}

/** A loop by the clock, to compare with what waits. */
function perSecond(all, count, check) {
  return () => {
    const tokens = fresh(all, count);
    const begin = performance.now();
    for (const token of tokens) check(token);
    return (count * 1000) / (performance.now() - begin);
  };
}

async function measureRates(trust) {
  const [few, many] = [1_000, 10_000].map((count) => bytesOf(count, machineToken));
  const jwts = bytesOf(JWTS, jwt);
  const decoded = few.map((token) => decodeUnverifiedMachineToken(token.toString("latin1")));
  const raw = (_token, i) => {
    const { tokenBody, rsaSha256 } = decoded[i % decoded.length];
    return verify("sha256", tokenBody, publicKey, rsaSha256);
  };
  const options = { now: NOW + 60 };
  const uncached = (token) => verifyMachineToken(token, trust, options);
  const cached = (verifier) => (token) => verifier(token, trust, NOW + 60);
  const fastJwt = createVerifier({ key: publicPem, algorithms: ["RS256"], cache: false });
  const fastJwtCached = createVerifier({ key: publicPem, algorithms: ["RS256"], cache: JWTS });
  const jsonWebToken = (token) => jsonwebtoken.verify(token, publicKey, { algorithms: ["RS256"] });
  const jose = (token) => jwtVerify(token, publicKey, { algorithms: ["RS256"] });
  const [ofFew, ofMany] = [machineTokenVerifier(), machineTokenVerifier()];
  return inTurns({
    raw: perCpuSecond(few, UNCACHED, raw),
    uncached: perCpuSecond(few, UNCACHED, uncached),
    uncachedByClock: perSecond(few, UNCACHED, uncached),
    fastJwt: perCpuSecond(jwts, UNCACHED, fastJwt),
    jsonWebToken: perCpuSecond(jwts, UNCACHED, jsonWebToken),
    jose1: asynchronous(jwts, UNCACHED, 1, jose),
    jose16: asynchronous(jwts, UNCACHED, 16, jose),
    cachedFew: perCpuSecond(few, CACHED, cached(ofFew)),
    cachedMany: perCpuSecond(many, CACHED, cached(ofMany)),
    fastJwtCached: perCpuSecond(jwts, CACHED, fastJwtCached),
  });
}

function rateRows(values) {
  const unit = "checks/s";
  const row = (id, name, goal, stretch, rates, base) => ratioRow({ id, name, unit, goal, stretch }, rates, base);
  const { raw, uncached, cachedFew, cachedMany } = values;
  const jose1 = values.jose1.map((each) => each.perSecond);
  const jose16 = values.jose16.map((each) => each.perCpuSecond);
  return [
    row("V1", "a token checked anew ÷ crypto.verify", 0.85, 0.92, uncached, raw),
    row("G.1", "a token checked anew ÷ crypto.verify (LUCI's Go library: 0.6)", 0.6, 0.92, uncached, raw),
    row("V2.1", "… ÷ fast-jwt RS256 without its cache", 1.1, 1.15, uncached, values.fastJwt),
    row("V2.2", "… ÷ jsonwebtoken with a KeyObject", 1.2, 1.26, uncached, values.jsonWebToken),
    row("V3.1", "… ÷ jose RS256, one at a time", 4, 5, values.uncachedByClock, jose1),
    row("V3.2", "… ÷ jose RS256, 16 in flight, per core", 1.8, 2.1, uncached, jose16),
    row("V4.1", "a remembered token ÷ one checked anew, 1,000 tokens", 40, 57, cachedFew, uncached),
    row("V4.2", "… 10,000 tokens", 15, 22, cachedMany, uncached),
    row("V5.1", "… 1,000 tokens ÷ fast-jwt's cache with 300", 5, 8.7, cachedFew, values.fastJwtCached),
    row("V5.2", "… 10,000 tokens ÷ the same", 2, 3.1, cachedMany, values.fastJwtCached),
    row("V6", "… 1,000 tokens ÷ jose, per core", 80, 130, cachedFew, jose16),
  ];
}

/** The number that a Node process prints, one without the certificates that some environments load. */
function runNode(args) {
  const { NODE_EXTRA_CA_CERTS: _none, ...env } = process.env;
  const { stdout, stderr, status } = spawnSync(process.execPath, args, {
    cwd: import.meta.dirname,
    env,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

const inNewProcess = (flags, code) => runNode([...flags, "--input-type=module", "-e", code]);
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const inputs = (token, document) => `const token = ${JSON.stringify(token)}, document = ${JSON.stringify(document)};`;
const IMPORT = `const begin = performance.now(); await import("@tokens/machine-auth"); console.log(performance.now() - begin);`;
/** The young generation is made large enough to hold all that is made: what it grows by is the garbage. */
const ROOMY = ["--expose-gc", "--min-semi-space-size=64", "--max-semi-space-size=64"];
const GARBAGE = `
  const { trustFromDocument, verifyMachineToken } = await import("@tokens/machine-auth");
  const trust = trustFromDocument(document);
  const options = { now: ${NOW + 60} };
  for (let i = 0; i < 20_000; i++) verifyMachineToken(token, trust, options);
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 20_000; i++) verifyMachineToken(token, trust, options);
  console.log((process.memoryUsage().heapUsed - before) / 20_000);`;

async function costRows(document) {
  const token = machineToken(1);
  const values = await inTurns({
    garbage: () => inNewProcess(ROOMY, inputs(token, document) + GARBAGE),
    importing: () => inNewProcess([], IMPORT),
    rss: () => runNode([path("programs/importing.mjs")]),
    bare: () => runNode([path("programs/bare.mjs")]),
  });
  const rss = values.rss.map((mebibytes, round) => mebibytes - values.bare[round]);
  return [
    valueRow(
      { id: "V7.1", name: "garbage of a token checked anew", unit: "B", goal: 1024, stretch: 740 },
      values.garbage,
    ),
    valueRow({ id: "V7.2", name: "import of machine-auth", unit: "ms", goal: 10, stretch: 5 }, values.importing),
    valueRow({ id: "V7.3", name: "memory of machine-auth over bare Node", unit: "MiB", goal: 4, stretch: 3 }, rss),
  ];
}

export async function run() {
  const document = await certificatesDocument();
  const rates = await measureRates(trustFromDocument(document));
  return [...rateRows(rates), ...(await costRows(document))];
}
