// A minter as it is usually built: Connect's handler, Node's X509Certificate, a signature in the calling thread, a process
// for each core. It makes the checks of a mint that cost something, and records nothing.
import cluster from "node:cluster";
import { createHash, createPrivateKey, generateKeyPairSync, sign, verify, X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  MachineTokenBodySchema,
  MachineTokenEnvelopeSchema,
  MachineTokenRequestSchema,
  MintMachineTokenResponseSchema,
  TokenMinter,
} from "@tokens/api";

const [, , caPem] = process.argv;

function mint(key, ca, revoked, { serializedTokenRequest, signature }) {
  const request = fromBinary(MachineTokenRequestSchema, serializedTokenRequest);
  const certificate = new X509Certificate(request.certificate);
  const now = Math.floor(Date.now() / 1000);
  const isGood =
    verify("sha256", serializedTokenRequest, certificate.publicKey, signature) &&
    certificate.verify(ca) &&
    Date.parse(certificate.validTo) / 1000 > now &&
    !revoked.has(certificate.serialNumber);
  if (!isGood) throw new Error("refused");
  const [, machineFqdn] = /CN=(\S+)/.exec(certificate.subject);
  const certSn = Buffer.from(certificate.serialNumber, "hex");
  const body = { machineFqdn, issuedBy: "tokens@localhost", issuedAt: BigInt(now), lifetime: 3600n, caId: 7n, certSn };
  const tokenBody = toBinary(MachineTokenBodySchema, create(MachineTokenBodySchema, body));
  const keyId = createHash("sha256").update("key").digest("hex").slice(0, 40);
  const envelope = create(MachineTokenEnvelopeSchema, { tokenBody, keyId, rsaSha256: sign("sha256", tokenBody, key) });
  const machineToken = Buffer.from(toBinary(MachineTokenEnvelopeSchema, envelope)).toString("base64");
  const value = { machineToken, expiry: { seconds: BigInt(now + 3600), nanos: 0 } };
  return create(MintMachineTokenResponseSchema, { tokenResponse: { tokenType: { case: "luciMachineToken", value } } });
}

function work() {
  const key = createPrivateKey(process.env.BENCH_SIGNING_KEY);
  const ca = new X509Certificate(caPem).publicKey;
  const revoked = new Set(Array.from({ length: 1000 }, (_, i) => i.toString(16)));
  const routes = (router) =>
    router.service(TokenMinter, {}).rpc(TokenMinter.method.mintMachineToken, (call) => mint(key, ca, revoked, call));
  createServer(connectNodeAdapter({ routes })).listen(0, "127.0.0.1");
}

function lead() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const BENCH_SIGNING_KEY = privateKey.export({ type: "pkcs8", format: "pem" });
  const workers = Array.from({ length: availableParallelism() }, () => cluster.fork({ BENCH_SIGNING_KEY }));
  const ports = workers.map(
    (worker) => new Promise((resolve) => worker.once("listening", ({ port }) => resolve(port))),
  );
  void Promise.all(ports).then(([port]) => process.send({ port, pids: workers.map((worker) => worker.process.pid) }));
  process.on("SIGTERM", () => process.exit());
}

if (cluster.isPrimary) lead();
else work();

// Nobody is left to stop it when the benchmark fails.
process.once("disconnect", () => process.exit());
