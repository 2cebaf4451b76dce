// A fleet for the benchmarks: a CA, any number of machines, their requests, and revocation lists of any length.
import { randomBytes, sign } from "node:crypto";
import { createServer } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  MachineTokenRequestSchema,
  MachineTokenType,
  MintMachineTokenRequestSchema,
  SignatureAlgorithm,
} from "@tokens/api";
import { parseCertificate } from "@tokens/pki";
import { makeCrl, reasonCode, revokedEntry } from "@tokens/pki/testing";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { post } from "./servers.mjs";

const signInThreadPool = promisify(sign);
const SERIAL_BYTES = 16;
/** Where the serial number stands in an entry of a list: after two tags and two lengths. */
const SERIAL_AT = 4;
const CA_NAME = "Bench Fleet CA";
const PATH = "/tokenserver.minter.TokenMinter/MintMachineToken";

/** A CA, one machine's certificate as a pattern for all others, and the key that all of them share: keys are slow to make. */
export async function makeFleet() {
  const ca = await createCertificateAuthority({ commonName: CA_NAME });
  const machine = await issueMachineCertificate(ca, { commonName: "host-000001.fleet.example.com" });
  return { ca, ...machine };
}

/** Serial numbers that are positive and all of one length. */
const newSerial = () => Buffer.concat([Buffer.of(1 + Math.floor(Math.random() * 126)), randomBytes(SERIAL_BYTES - 1)]);

/** The pattern with another serial number, signed by the CA. */
async function certificateLike(pattern, ca) {
  const { tbs, serialMagnitude, signature } = parseCertificate(pattern);
  const der = Buffer.from(pattern);
  newSerial().copy(der, der.indexOf(serialMagnitude));
  const at = der.indexOf(tbs.subarray(0, 4));
  const signed = await signInThreadPool("sha256", der.subarray(at, at + tbs.length), ca.privateKey);
  signed.copy(der, der.length - signature.length);
  return der;
}

async function requestOf({ privateKey }, certificate) {
  const request = create(MachineTokenRequestSchema, {
    certificate,
    signatureAlgorithm: SignatureAlgorithm.SHA256_RSA_ALGO,
    // The server takes ten minutes either way; a benchmark takes its time.
    issuedAt: { seconds: BigInt(Math.floor(Date.now() / 1000) + 300), nanos: 0 },
    tokenType: MachineTokenType.LUCI_MACHINE_TOKEN,
  });
  const serializedTokenRequest = toBinary(MachineTokenRequestSchema, request);
  const signature = await signInThreadPool("sha256", serializedTokenRequest, privateKey);
  const call = create(MintMachineTokenRequestSchema, { serializedTokenRequest, signature });
  return post(PATH, Buffer.from(toBinary(MintMachineTokenRequestSchema, call)));
}

/** Requests of so many machines, each with its own certificate. */
export async function makeRequests(fleet, count) {
  const requests = [];
  const worker = async () => {
    while (requests.length < count) {
      const place = requests.push(undefined) - 1;
      requests[place] = await requestOf(fleet, await certificateLike(fleet.certificate, fleet.ca));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return requests;
}

/** So many entries, of each pattern in turn, with random serial numbers; in one piece, as there may be a million. */
function revokedEntries(patterns, count) {
  const serials = randomBytes(count * SERIAL_BYTES);
  const bytes = Buffer.alloc(count * Math.max(...patterns.map(({ length }) => length)));
  let end = 0;
  for (let i = 0; i < count; i++) {
    const pattern = patterns[i % patterns.length];
    pattern.copy(bytes, end);
    serials.copy(bytes, end + SERIAL_AT, i * SERIAL_BYTES, (i + 1) * SERIAL_BYTES);
    // Positive, and not shorter than it seems.
    bytes[end + SERIAL_AT] = (bytes[end + SERIAL_AT] & 0x3f) + 1;
    end += pattern.length;
  }
  return bytes.subarray(0, end);
}

/** A revocation list of the CA with so many entries, half of them with a reason. */
export function makeRevocationList({ ca }, entries) {
  const serial = 1n << BigInt(8 * SERIAL_BYTES - 2);
  const patterns = [revokedEntry(serial), revokedEntry(serial, reasonCode(1))];
  const [thisUpdate, nextUpdate] = [-3_600_000, 7 * 86_400_000].map((ms) => new Date(Date.now() + ms));
  const revoked = [revokedEntries(patterns, entries)];
  return makeCrl({ issuer: CA_NAME, signer: ca.privateKey, thisUpdate, nextUpdate, revoked });
}

/** Hands out a list to whoever asks. */
export async function serveList(list) {
  const server = createServer((_, response) => response.end(list));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { host: `127.0.0.1:${server.address().port}`, stop: () => void server.close() };
}

/** A configuration folder for the fleet, whose lists come from this host. */
export function configFolder({ ca }, host) {
  const folder = mkdtempSync(join(tmpdir(), "bench-config-"));
  const domain = 'known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }';
  const crl = `crl_url: "http://${host}/fleet.crl"`;
  const text = `certificate_authority { cn: "${CA_NAME}" cert_path: "ca.pem" unique_id: 7 ${crl} ${domain} }`;
  writeFileSync(join(folder, "tokenserver.cfg"), text);
  writeFileSync(join(folder, "ca.pem"), toPem("CERTIFICATE", ca.certificate));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
